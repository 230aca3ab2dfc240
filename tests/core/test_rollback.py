"""Tables of cases: what a request comes to, and where a rollback goes."""

from typing import Any

import pytest

from lastgood.core.rollback import (
    Accept,
    Decision,
    Machine,
    Policy,
    Request,
    choose,
    choose_named,
    decide,
)
from lastgood.errors import (
    LastgoodError,
    NoGoodVersionError,
    RaceError,
    RefusedError,
    Rejected,
    UnknownError,
    UsageError,
)
from tests.core.histories import NOW, external_history, history_of

STABLE, SERVED, UNMARKED = (Policy(accept) for accept in Accept)


def pick(
    *lines: str, leaving: str, policy: Policy = STABLE, trees: dict[str, str] | None = None, stage: str = "prod"
) -> tuple[str, list[tuple[str, str]]]:
    history = history_of(*lines, trees=trees)
    choice = choose(history, history.version(leaving), stage, policy)
    return choice.target.text, [(one.version, one.why) for one in choice.skipped]


LADDER = (
    "v1.0.0", "v1.0.0 prod", "v1.0.0 stable", "v2.0.0", "v2.0.0 failed", "v3.0.0", "v3.0.0 prod", "v4.0.0",
    "v4.0.0 stable", "v4.0.0 prod",
)  # fmt: skip


@pytest.mark.parametrize(
    ("leaving", "policy", "target", "skipped"),
    [
        ("v4.0.0", STABLE, "v1.0.0", [("v3.0.0", "not marked stable"), ("v2.0.0", "marked failed")]),
        ("v4.0.0", SERVED, "v3.0.0", []),
        ("v4.0.0", UNMARKED, "v3.0.0", []),
        ("v3.0.0", SERVED, "v1.0.0", [("v2.0.0", "marked failed")]),
        ("v3.0.0", UNMARKED, "v1.0.0", [("v2.0.0", "marked failed")]),
        ("v2.0.0", STABLE, "v1.0.0", []),
    ],
)
def test_the_greatest_accepted_version_below_the_one_it_leaves(
    leaving: str, policy: Policy, target: str, skipped: list[tuple[str, str]]
) -> None:
    assert pick(*LADDER, leaving=leaving, policy=policy) == (target, skipped)


def test_served_means_in_this_stage() -> None:
    lines = ("v1.0.0", "v1.0.0 prod", "v2.0.0", "v2.0.0 staging", "v3.0.0", "v3.0.0 prod")
    assert pick(*lines, leaving="v3.0.0", policy=SERVED) == ("v1.0.0", [("v2.0.0", "never ran in prod")])
    assert pick(*lines, leaving="v3.0.0", policy=SERVED, stage="staging") == ("v2.0.0", [])


def test_below_means_semantic_order_not_time() -> None:
    lines = ("v1.10.0", "v1.10.0 stable", "v1.9.0", "v1.9.0 stable", "v1.9.1", "v1.9.1 stable")
    assert pick(*lines, leaving="v1.10.0") == ("v1.9.1", [])
    assert pick(*lines, leaving="v1.9.1") == ("v1.9.0", [])


def test_a_pre_release_is_taken_only_where_it_ran_or_when_asked_for() -> None:
    lines = ("v1.0.0", "v1.0.0 stable", "v2.0.0-rc.1", "v2.0.0-rc.1 stable", "v2.0.0")
    why = [("v2.0.0-rc.1", "a pre-release that never ran in prod")]
    assert pick(*lines, leaving="v2.0.0") == ("v1.0.0", why)
    assert pick(*lines, "v2.0.0-rc.1 prod", leaving="v2.0.0") == ("v2.0.0-rc.1", [])
    assert pick(*lines, leaving="v2.0.0", policy=Policy(pre_releases=True)) == ("v2.0.0-rc.1", [])


def test_the_same_content_would_change_nothing_and_is_skipped() -> None:
    lines = ("v1.0.0", "v1.0.0 stable", "v1.1.0", "v1.1.0 stable", "v1.2.0", "v1.2.0 prod")
    trees = {"v1.1.0": "same", "v1.2.0": "same"}
    assert pick(*lines, leaving="v1.2.0", trees=trees) == ("v1.0.0", [("v1.1.0", "same content")])


def test_a_deregistered_version_is_skipped() -> None:
    history = external_history("v1.0.0", "v1.0.0 stable", "v2.0.0", "v2.0.0 stable", "v2.0.0!", "v3.0.0")
    choice = choose(history, history.version("v3.0.0"), "prod", STABLE)
    target = history.version("v1.0.0")
    assert choice == Decision(history.version("v3.0.0"), target, (Rejected("v2.0.0", "deregistered"),))


@pytest.mark.parametrize(
    ("lines", "told", "hint"),
    [
        (
            ("v2.0.0",),
            "v2.0.0 is the oldest version of flights: nothing to roll back to",
            "register and mark a good version first",
        ),
        (
            ("v1.0.0", "v2.0.0"),
            "v1.0.0: not marked stable",
            "lastgood rollback flights --stage prod --to v1.0.0 --reason TEXT",
        ),
        (
            ("v0.9.0", "v0.9.0!", "v1.0.0", "v1.0.0 stable", "v2.0.0"),
            "v1.0.0: same content; v0.9.0: deregistered",
            "register and mark a good version first",
        ),
        (
            ("v1.0.0", "v1.0.0 failed", "v2.0.0"),
            "v1.0.0: marked failed",
            "lastgood mark flights@v1.0.0 stable --reason TEXT",
        ),
        (
            ("v1.0.0", "v1.1.0", "v1.1.0 failed", "v2.0.0"),
            "v1.1.0: marked failed; v1.0.0: not marked stable",
            "lastgood rollback flights --stage prod --to v1.0.0 --reason TEXT",
        ),
    ],
)
def test_nothing_good_names_every_candidate_and_the_command_that_would_take_one(
    lines: tuple[str, ...], told: str, hint: str
) -> None:
    with pytest.raises(NoGoodVersionError) as caught:
        pick(*lines, leaving="v2.0.0", trees={"v1.0.0": "same", "v2.0.0": "same"} if "v0.9.0" in lines else None)
    assert told in caught.value.message
    assert caught.value.unchanged
    assert caught.value.hint == hint
    assert "; ".join(f"{one.version}: {one.why}" for one in caught.value.candidates) in {told, ""}
    assert caught.value.exit_code == 13


def test_a_long_list_of_candidates_is_not_said_in_one_breath() -> None:
    lines = [f"v1.{minor}.0" for minor in range(1, 14)]
    with pytest.raises(NoGoodVersionError) as caught:
        pick(*lines, "v2.0.0", leaving="v2.0.0")
    assert "v1.4.0: not marked stable; and 3 more)" in caught.value.message
    assert len(caught.value.candidates) == 13


def test_a_named_target_needs_no_mark() -> None:
    history = history_of(*LADDER)
    assert choose_named(history, history.version("v4.0.0"), "v3.0.0").text == "v3.0.0"


@pytest.mark.parametrize(
    ("wanted", "error", "words", "hint"),
    [
        ("v9.0.0", UnknownError, "has no version v9.0.0", "lastgood list flights"),
        (
            "v4.0.0",
            UsageError,
            "cannot roll back from v4.0.0 to v4.0.0, which is not older",
            "lastgood assign flights@v4.0.0 --stage STAGE --reason TEXT",
        ),
        ("v2.0.0", RefusedError, "is marked failed", "lastgood mark flights@v2.0.0 stable --reason TEXT"),
        ("v0.9.0", RefusedError, "is deregistered", ""),
    ],
)
def test_a_named_target_that_cannot_be_is_refused(
    wanted: str, error: type[LastgoodError], words: str, hint: str
) -> None:
    history = history_of(*LADDER, "v0.9.0", "v0.9.0!")
    with pytest.raises(error, match=words) as caught:
        choose_named(history, history.version("v4.0.0"), wanted)
    assert caught.value.hint == hint


SERVING = ("v1.0.0", "v1.0.0 stable", "v2.0.0", "v2.0.0 stable", "v3.0.0", "v3.0.0 prod")
ROLLED_BACK = (*SERVING, "v2.0.0 prod v3.0.0")
LATER = NOW + 1000


def ask(*lines: str, now: int = LATER, switches: bool = False, behind: bool = False, **more: Any) -> tuple[str, str]:
    """From where to where a request leads; `done` instead of the first when there is nothing to record."""
    history = history_of(*lines)
    machine = Machine(now, 600, switches, is_behind=lambda: behind)
    request = Request("flights", "slow", **more)
    found = decide(history, "prod", request, STABLE, machine)
    return "done" if found.fulfilled else found.leaving.text, found.target.text


@pytest.mark.parametrize(
    ("lines", "more", "expected"),
    [
        (SERVING, {}, ("v3.0.0", "v2.0.0")),
        (SERVING, {"leaving": "v3.0.0"}, ("v3.0.0", "v2.0.0")),
        (SERVING, {"to": "v1.0.0"}, ("v3.0.0", "v1.0.0")),
        (SERVING, {"to": "v3.0.0"}, ("done", "v3.0.0")),
        (SERVING, {"leaving": "v2.0.0"}, ("done", "v3.0.0")),
        (ROLLED_BACK, {"leaving": "v3.0.0"}, ("done", "v2.0.0")),
        (ROLLED_BACK, {"leaving": "v3.0.0", "to": "v2.0.0"}, ("done", "v2.0.0")),
        (ROLLED_BACK, {"leaving": "v2.0.0"}, ("v2.0.0", "v1.0.0")),
        (ROLLED_BACK, {"again": True}, ("v2.0.0", "v1.0.0")),
        (ROLLED_BACK, {}, ("v2.0.0", "v1.0.0")),
    ],
)
def test_what_a_request_comes_to(lines: tuple[str, ...], more: dict[str, Any], expected: tuple[str, str]) -> None:
    assert ask(*lines, **more) == expected


@pytest.mark.parametrize(
    ("switches", "behind", "more", "expected"),
    [
        (True, True, {}, ("done", "v2.0.0")),  # only this machine is left to switch
        (True, False, {}, ("v2.0.0", "v1.0.0")),
        (False, True, {}, ("v2.0.0", "v1.0.0")),
        (True, True, {"again": True}, ("v2.0.0", "v1.0.0")),
        (True, True, {"leaving": "v2.0.0"}, ("v2.0.0", "v1.0.0")),
        (True, True, {"to": "v1.0.0"}, ("v2.0.0", "v1.0.0")),
    ],
)
def test_a_machine_that_is_behind_finishes_the_last_rollback(
    switches: bool, behind: bool, more: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert ask(*ROLLED_BACK, switches=switches, behind=behind, **more) == expected


def test_a_target_that_was_marked_failed_since_is_left_and_not_finished() -> None:
    lines = (*ROLLED_BACK, "v2.0.0 failed")
    assert ask(*lines, switches=True, behind=True, again=True) == ("v2.0.0", "v1.0.0")


def test_an_assignment_upwards_is_no_rollback_to_finish() -> None:
    assert ask(*SERVING[:-1], "v2.0.0 prod", "v3.0.0 prod v2.0.0", switches=True, behind=True) == ("v3.0.0", "v2.0.0")


@pytest.mark.parametrize(("now", "more"), [(NOW + 599, {}), (NOW, {"to": "v1.0.0"}), (NOW - 86_400, {})])
def test_a_stage_that_was_rolled_back_just_now_must_settle(now: int, more: dict[str, Any]) -> None:
    with pytest.raises(RefusedError, match=r"prod of flights was rolled back to v2\.0\.0 -?\d+ s ago"):
        ask(*ROLLED_BACK, now=now, **more)
    assert ask(*ROLLED_BACK, now=now, again=True) == ("v2.0.0", "v1.0.0")


@pytest.mark.parametrize("now", [NOW + 600, NOW - 86_401])
def test_a_stage_has_settled_after_its_time_or_when_its_date_says_nothing(now: int) -> None:
    assert ask(*ROLLED_BACK, now=now) == ("v2.0.0", "v1.0.0")


def test_a_stage_on_a_third_version_is_a_lost_race() -> None:
    with pytest.raises(RaceError, match=r"is on v2\.0\.0, neither on v3\.0\.0 nor on v1\.0\.0"):
        ask(*ROLLED_BACK, leaving="v3.0.0", to="v1.0.0")
    with pytest.raises(UnknownError):
        ask(*ROLLED_BACK, leaving="v9.0.0")
