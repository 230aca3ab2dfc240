from typing import Literal

import pytest
import semver
from hypothesis import given
from hypothesis import strategies as st

from lastgood.core.version import SemanticVersion

NUMBER = st.one_of(st.integers(0, 12), st.integers(0, 10**20))
IDENTIFIER = st.one_of(
    NUMBER.map(str), st.sampled_from(["alpha", "rc", "0a", "-", "--1", "Z", "00-", "x-y"]),
    st.from_regex(r"[0-9A-Za-z-]{1,6}", fullmatch=True)
)  # fmt: skip


@st.composite
def names(draw: st.DrawFn) -> str:
    text = f"v{draw(NUMBER)}.{draw(NUMBER)}.{draw(NUMBER)}"
    if parts := draw(st.lists(IDENTIFIER, max_size=3)):
        text += "-" + ".".join(parts)
    if parts := draw(st.lists(IDENTIFIER, max_size=2)):
        text += "+" + ".".join(parts)
    return text


def parse(text: str) -> SemanticVersion:
    version = SemanticVersion.parse(text)
    assert version is not None
    return version


@given(names())
def test_semver_and_we_agree_on_what_is_a_version(text: str) -> None:
    assert (SemanticVersion.parse(text) is not None) == semver.Version.is_valid(text[1:])


@given(names().filter(SemanticVersion.parse), names().filter(SemanticVersion.parse))
def test_semver_and_we_agree_on_the_order(one: str, two: str) -> None:
    judged = semver.Version.parse(one[1:]).compare(two[1:])
    ours = (parse(one).key > parse(two).key) - (parse(one).key < parse(two).key)
    assert ours == judged
    assert (parse(one) < parse(two)) == (judged < 0)


@given(
    names().filter(lambda text: SemanticVersion.parse(text) and "+" not in text),
    st.sampled_from(["major", "minor", "patch"]),
)
def test_the_next_version_is_semvers_and_greater(text: str, part: Literal["major", "minor", "patch"]) -> None:
    bumped = parse(text).bump(part)
    assert bumped == f"v{semver.Version.parse(text[1:]).next_version(part)}"
    assert parse(text) < parse(bumped)


ORDER = [
    "v0.9.9", "v1.0.0-0", "v1.0.0-2", "v1.0.0-10", "v1.0.0--", "v1.0.0-alpha", "v1.0.0-alpha.1", "v1.0.0-alpha.beta",
    "v1.0.0-beta.2", "v1.0.0-beta.11", "v1.0.0-rc.1", "v1.0.0", "v1.9.0", "v1.10.0", "v2.0.0-rc.1", "v2.0.0",
]  # fmt: skip


def test_versions_are_sorted_by_precedence() -> None:
    assert [str(version) for version in sorted(map(parse, sorted(ORDER)))] == ORDER


@pytest.mark.parametrize(
    "text",
    ["", "1.0.0", "v1.0", "v1.0.0.0", "v01.0.0", "v1.0.0-", "v1.0.0-01", "v1.0.0+", "V1.0.0", "v1.0.0\n", " v1.0.0",
     "v1.0.0-a..b", "v1.0.0-ä", "v٣.0.0", "v1.0.0!", "v1.0.0-" + "a" * 255, "latest"],
)  # fmt: skip
def test_what_is_no_version_is_none(text: str) -> None:
    assert SemanticVersion.parse(text) is None


@pytest.mark.parametrize(
    ("text", "part", "expected"),
    [
        ("v1.2.3", "major", "v2.0.0"),
        ("v1.2.3", "minor", "v1.3.0"),
        ("v1.2.3", "patch", "v1.2.4"),
        ("v2.0.0-rc.1", "major", "v2.0.0"),
        ("v2.0.0-rc.1", "patch", "v2.0.0"),
        ("v2.1.0-rc.1", "major", "v3.0.0"),
        ("v2.1.3-rc.1", "minor", "v2.2.0"),
        ("v1.0.0+build", "patch", "v1.0.1"),
    ],
)
def test_bumps(text: str, part: Literal["major", "minor", "patch"], expected: str) -> None:
    assert parse(text).bump(part) == expected


def test_build_metadata_names_another_version_of_the_same_rank() -> None:
    assert parse("v1.0.0+a") != parse("v1.0.0+b")
    assert parse("v1.0.0+a").key == parse("v1.0.0+b").key
    assert parse("v2.0.0-rc.1+a").is_pre_release
    assert not parse("v2.0.0+rc-1").is_pre_release
