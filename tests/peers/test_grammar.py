"""GTO's own parser judges ours."""

import subprocess
from pathlib import Path

import pytest
from gto.tag import parse_name
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lastgood.core import tags

PIECES = [
    "flights", "a", "a-", "-a", "_a", "a/b", "a//b", "teams/air=", "./x.y=", "=", ":", "teams:", "@", "#", "!", "v",
    "v1.0.0", "v01.0.0", "1.0.0", "v1.2", "v1.2.3-rc.1", "v1.2.3-01", "v1.2.3+b.01", "deprecated", "created", "latest",
    "prod", "stable", "1", "42", "007", "#1", "#prod", "@v1.0.0", "@deprecated", ".", "-", "ä", " ",
]  # fmt: skip
NAMES = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
    st.tuples(
        st.sampled_from(["flights", "a/b", "t/a.b=flights", "a-", "x=y=z"]),
        st.sampled_from(["@v1.0.0", "@v1.0.0-rc", "#prod", "#p", "@deprecated", "#stable!", "@v1.0.0!", "@v1.0"]),
        st.sampled_from(["", "!", "#1", "#", "#x", "!#4", "#0099"]),
    ).map("".join),
)


def theirs(name: str) -> dict[str, object]:
    said = parse_name(name, raise_on_fail=False)
    return {key: getattr(value, "value", value) for key, value in said.items()}


def ours(name: str) -> dict[str, object]:
    said = tags.parse(name)
    if said is None:
        return {}
    pairs = {"name": said.artifact, "version": said.version, "stage": said.stage, "counter": said.counter}
    return {"action": said.action.value, **{key: value for key, value in pairs.items() if value is not None}}


@settings(max_examples=2000, deadline=None)
@example("flights#prod#1")
@given(NAMES)
def test_gto_and_we_read_every_name_alike(name: str) -> None:
    if "action" in theirs(name) or ours(name):
        assert ours(name) == theirs(name)


@pytest.mark.parametrize("name", ["flights@created", "flights@created#4"])
def test_difference_one_created_is_nothing(name: str) -> None:
    assert "action" not in theirs(name)
    assert theirs(name)["name"] == "flights"
    assert tags.parse(name) is None


@pytest.mark.parametrize("name", ["flights@v1٣.0.0", "flights@v1.0.1٣", "flights@v1.0.0-1٣"])
def test_difference_two_digits_outside_ascii_are_nothing(name: str) -> None:
    assert "action" in theirs(name)
    assert tags.parse(name) is None


@pytest.mark.parametrize("artifact", ["flights", "teams/air:flights"])
def test_git_takes_the_names_we_write(tmp_path: Path, artifact: str) -> None:
    names = (tags.version_tag(artifact, "v1.0.0-rc.1+b"), tags.stage_tag(artifact, "prod", 1), tags.file_name(artifact))
    for name in names:
        subprocess.run(["git", "check-ref-format", f"refs/tags/{name}"], cwd=tmp_path, check=True)
