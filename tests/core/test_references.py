import pytest

from lastgood.core.references import find_history, find_named, find_version
from lastgood.errors import LastgoodError, UnknownError, UsageError
from tests.core.histories import NOW, commit_of, read, script, tag

LINES = ("v1.0.0", "v1.0.0 prod", "v1.0.0 stable", "v1.9.0", "v1.9.0 failed", "v1.10.0", "v2.0.0", "v2.0.0!")
ONE = read(script(*LINES, ours=False))
TWO = read([*script(*LINES, ours=False), tag("teams/air=trains@v3.0.0", commit=commit_of("trains"), when=NOW)])


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("flights@v1.9.0", "v1.9.0"),
        ("flights@latest", "v1.10.0"),
        ("flights@greatest", "v1.10.0"),
        ("flights#prod", "v1.0.0"),
        ("flights#stable", "v1.0.0"),
        ("flights#failed", "v1.9.0"),
        ("flights", "v1.10.0"),
        ("v1.9.0", "v1.9.0"),
        ("#prod", "v1.0.0"),
        ("latest", "v1.10.0"),
    ],
)
def test_references_of_a_project_with_one_artifact(reference: str, expected: str) -> None:
    history, version = find_version(ONE, reference)
    assert (history.artifact, version.text) == ("flights", expected)


@pytest.mark.parametrize(
    ("reference", "artifact", "expected"),
    [
        ("teams/air:trains@v3.0.0", "teams/air:trains", "v3.0.0"),
        ("teams/air:trains", "teams/air:trains", "v3.0.0"),
        ("flights#prod", "flights", "v1.0.0"),
    ],
)
def test_references_of_a_monorepo(reference: str, artifact: str, expected: str) -> None:
    history, version = find_version(TWO, reference)
    assert (history.artifact, version.text) == (artifact, expected)


@pytest.mark.parametrize(
    ("reference", "error", "words"),
    [
        ("flights@v7.0.0", UnknownError, "has no version v7.0.0"),
        ("flights@7", UnknownError, "has no version 7"),
        ("ships@v1.0.0", UnknownError, "no artifact ships"),
        ("flights#canary", UnknownError, r"nothing is assigned to stage canary of flights \(stages: prod\)"),
        ("teams/air:trains#stable", UnknownError, "is marked stable"),
        ("v1.0.0", UnknownError, "several artifacts have versions here"),
        ("latest", UnknownError, "several artifacts have versions here"),
        ("@v1.0.0", UsageError, "is not a valid version"),
        ("v1.0", UsageError, "is not a valid version"),
        ("", UsageError, "is not a valid version"),
        ("--all", UsageError, "is not a valid version"),
    ],
)
def test_what_cannot_be_found_is_told_with_what_can(reference: str, error: type[LastgoodError], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        find_version(TWO, reference)
    assert caught.value.unchanged


def test_an_artifact_that_has_only_deregistered_versions_has_no_latest() -> None:
    registry = read(script("v1.0.0", "v1.0.0!", ours=False))
    with pytest.raises(UnknownError, match="deregistered"):
        find_version(registry, "flights@latest")
    assert find_version(registry, "v1.0.0")[1].deregistered
    assert find_history(registry, None) is find_history(registry, "flights")


def test_latest_is_the_newest_release_and_greatest_counts_pre_releases_too() -> None:
    registry = read(script("v1.0.0", "v1.1.0", "v1.1.0!", "v2.0.0-rc.1", ours=False))
    for latest in ("flights@latest", "latest", "flights"):
        assert find_version(registry, latest)[1].text == "v1.0.0"
    for greatest in ("flights@greatest", "greatest"):
        assert find_version(registry, greatest)[1].text == "v2.0.0-rc.1"


@pytest.mark.parametrize("reference", ["flights@v1.9.0", "flights@latest", "flights#prod", "v1.9.0", "latest", "#prod"])
def test_what_names_a_version_may_be_recorded_of(reference: str) -> None:
    assert find_named(ONE, reference) == find_version(ONE, reference)


@pytest.mark.parametrize(
    ("reference", "error", "words"),
    [
        ("flights", UsageError, "flights is an artifact; a version is needed"),
        ("ships", UnknownError, "no artifact ships"),
        ("v1.0", UsageError, "is not a valid version"),
    ],
)
def test_an_artifact_alone_is_nothing_to_record_of(reference: str, error: type[LastgoodError], words: str) -> None:
    with pytest.raises(error, match=words):
        find_named(ONE, reference)
