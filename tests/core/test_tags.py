import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastgood.core import tags
from lastgood.core.tags import Action, TagName


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("flights@v1.2.0", TagName(Action.REGISTER, "flights", "v1.2.0")),
        ("flights@v1.2.0-rc.1+b#4", TagName(Action.REGISTER, "flights", "v1.2.0-rc.1+b", counter=4)),
        ("flights@v1.2.0!", TagName(Action.DEREGISTER, "flights", "v1.2.0")),
        ("flights@v1.2.0!#9", TagName(Action.DEREGISTER, "flights", "v1.2.0", counter=9)),
        ("flights#prod", TagName(Action.ASSIGN, "flights", stage="prod")),
        ("flights#prod#7", TagName(Action.ASSIGN, "flights", stage="prod", counter=7)),
        ("flights#prod!#7", TagName(Action.UNASSIGN, "flights", stage="prod", counter=7)),
        ("flights@deprecated", TagName(Action.DEPRECATE, "flights")),
        ("teams/air=flights@v1.0.0", TagName(Action.REGISTER, "teams/air:flights", "v1.0.0")),
        ("release#42", TagName(Action.ASSIGN, "release", stage="42")),
        ("a/b@v0.0.0", TagName(Action.REGISTER, "a/b", "v0.0.0")),
    ],
)
def test_names_of_the_grammar(name: str, expected: TagName) -> None:
    assert tags.parse(name) == expected


@pytest.mark.parametrize(
    "name",
    ["", "v1.0.0", "flights", "flights@1.0.0", "flights@v1", "-a@v1.0.0", "a-@v1.0.0", "a.b@v1.0.0", "a@v1.0.0#x",
     "a#prod!!", "a##1", "a@created", "a@v1.0.0\n", "x=y=a@v1.0.0", "a:b@v1.0.0", "ä@v1.0.0", "a@v1.0.0#"],
)  # fmt: skip
def test_other_tags_are_nobodys(name: str) -> None:
    assert tags.parse(name) is None


@pytest.mark.parametrize("artifact", ["flights", "teams/air:flights", "a/b", "x_1-2"])
def test_what_we_write_we_read(artifact: str) -> None:
    assert tags.parse(tags.version_tag(artifact, "v1.0.0")) == TagName(Action.REGISTER, artifact, "v1.0.0")
    assert tags.parse(tags.stage_tag(artifact, "prod", 3)) == TagName(Action.ASSIGN, artifact, None, "prod", 3)
    assert tags.is_artifact(artifact)


@given(st.text())
def test_no_name_stops_the_parser(name: str) -> None:
    tags.parse(name)


@given(st.lists(st.from_regex(r"([a-z._]{1,4}:)?[a-z0-9]([a-z_/-]{0,3}[a-z0-9])?", fullmatch=True), unique=True))
def test_file_names_do_not_collide_and_hold_no_slash(artifacts: list[str]) -> None:
    names = {tags.file_name(artifact) for artifact in artifacts}
    assert len(names) == len(artifacts)
    assert not any("/" in name or ":" in name for name in names)


def test_an_artifact_is_split_into_directory_and_name() -> None:
    assert tags.split_artifact("teams/air:flights") == ("teams/air", "flights")
    assert tags.split_artifact("a/b") == ("", "a/b")
    assert not tags.is_artifact("a:b:c")
    assert tags.is_stage("prod/eu-1")
    assert not tags.is_stage("prod!")
