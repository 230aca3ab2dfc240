"""A mistyped name is answered with what was meant, where that is plain, and with where to look otherwise."""

import pytest

from lastgood.core.unknown import find_meant, unknown_artifact, unknown_stage, unknown_version


@pytest.mark.parametrize(
    ("typed", "known", "meant"),
    [
        ("flihgts", ("flights", "trains"), "flights"),
        ("production", ("prod", "staging"), "prod"),
        ("trains", ("teams/air:trains", "flights"), "teams/air:trains"),
        ("trains", ("teams/air:trains", "teams/rail:trains"), None),
        ("ships", ("flights", "trains"), None),
        ("p", ("prod",), None),
        ("", ("flights",), None),
        ("flights", (), None),
    ],
)
def test_what_was_meant_is_the_near_name_or_none(typed: str, known: tuple[str, ...], meant: str | None) -> None:
    assert find_meant(typed, known) == meant


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("1.0.0", "write v1.0.0"),
        ("flights@v1.0.0", "write v1.0.0"),
        ("flights@1.0.0", "write v1.0.0"),
        ("v1.0.1", "lastgood list flights"),
    ],
)
def test_a_version_is_guessed_only_where_nothing_else_can_be_meant(typed: str, hint: str) -> None:
    assert unknown_version("flights", typed, ("v1.0.0", "v1.1.0")).hint == hint


def test_a_mistyped_stage_is_not_answered_with_assigning_it() -> None:
    assert unknown_stage("flights", "prd", ("prod",)).hint == "did you mean prod?"
    hint = "lastgood assign flights@VERSION --stage canary --reason TEXT"
    assert unknown_stage("flights", "canary", ("prod",)).hint == hint


def test_an_artifact_that_nothing_has_is_told_with_those_there_are() -> None:
    assert unknown_artifact("flight", ("flights",), 0).hint == "did you mean flights?"
    assert unknown_artifact("flights@v1.0.0", ("flights",), 0).hint == "did you mean flights?"
    assert "several artifacts have versions here (a, b): name one" in unknown_artifact("", ("a", "b"), 0).message
    assert unknown_artifact("", (), 0).hint == "lastgood register"


def test_tags_that_were_never_pushed_are_why_there_is_no_version() -> None:
    error = unknown_artifact("", (), 6)
    assert "tags only in this clone, which are ignored: 6" in error.message
    assert error.hint == "git push origin --tags"
