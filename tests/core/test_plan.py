import pytest

from lastgood.core.plan import Accept, Choice, Policy, choose, choose_named
from lastgood.errors import LastgoodError, NoGoodVersionError, RefusedError, Rejected, UnknownError, UsageError
from tests.core.story import tell, tell_gto

STABLE, SERVED, UNMARKED = (Policy(accept) for accept in Accept)


def pick(
    *lines: str, leaving: str, policy: Policy = STABLE, trees: dict[str, str] | None = None, stage: str = "prod"
) -> tuple[str, list[tuple[str, str]]]:
    history = tell(*lines, trees=trees)
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
    history = tell_gto("v1.0.0", "v1.0.0 stable", "v2.0.0", "v2.0.0 stable", "v2.0.0!", "v3.0.0")
    choice = choose(history, history.version("v3.0.0"), "prod", STABLE)
    assert choice == Choice(history.version("v1.0.0"), (Rejected("v2.0.0", "deregistered"),))


@pytest.mark.parametrize(
    ("lines", "told", "hint"),
    [
        (("v2.0.0",), "there is none", "register and mark a good version first"),
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
    assert f"({told})" in caught.value.message
    assert caught.value.message.endswith("nothing was changed")
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
    history = tell(*LADDER)
    assert choose_named(history, history.version("v4.0.0"), "v3.0.0").target.text == "v3.0.0"


@pytest.mark.parametrize(
    ("wanted", "error", "words", "hint"),
    [
        ("v9.0.0", UnknownError, "has no version v9.0.0", "lastgood list flights"),
        ("v4.0.0", UsageError, "is not below v4.0.0", "lastgood assign flights@v4.0.0 --stage STAGE --reason TEXT"),
        ("v2.0.0", RefusedError, "is marked failed", "lastgood mark flights@v2.0.0 stable --reason TEXT"),
        ("v0.9.0", RefusedError, "is deregistered", ""),
    ],
)
def test_a_named_target_that_cannot_be_is_refused(
    wanted: str, error: type[LastgoodError], words: str, hint: str
) -> None:
    history = tell(*LADDER, "v0.9.0", "v0.9.0!")
    with pytest.raises(error, match=words) as caught:
        choose_named(history, history.version("v4.0.0"), wanted)
    assert caught.value.hint == hint
