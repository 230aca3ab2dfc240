"""A stage is what a list says, and no slip of the fingers becomes one."""

import pytest

from lastgood.core.stages import COMMON, require_meant, require_possible
from lastgood.core.unknown import find_slip
from lastgood.errors import RefusedError, UsageError


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("pord", "prod"),
        ("Prod", "prod"),
        ("PROD", "prod"),
        ("prd", "prod"),
        ("prodd", "prod"),
        ("prof", "prod"),
        ("rpod", "prod"),
        ("prdo", "prod"),
        ("staginG", "staging"),
        ("stagng", "staging"),
        ("canray", "canary"),
        ("pre-prod", "preprod"),
        ("Pre_Prod", "preprod"),
        ("produciton", "production"),
    ],
)
def test_one_slip_from_a_common_name_is_refused_with_it(typed: str, meant: str) -> None:
    with pytest.raises(RefusedError, match=r"$") as caught:
        require_meant(typed, (), {}, new=False)
    assert caught.value.hint == f"--stage {meant}, or --new-stage where {typed} is meant"
    require_meant(typed, (), {}, new=True)
    require_meant(typed, (typed,), {}, new=False)


@pytest.mark.parametrize(
    "name", [*COMMON, "prod-eu", "prod2", "eu", "blue", "edge/7", "prod-canary", "de", "qa2", "deb"]
)
def test_a_name_of_its_own_is_a_stage(name: str) -> None:
    require_meant(name, ("prod", "production", "eu-a", "edge/1"), {}, new=False)


@pytest.mark.parametrize(
    ("typed", "known", "meant"),
    [
        ("prod", ("Prod",), "Prod"),
        ("test", ("tests",), None),
        ("prod", ("pord",), None),
        ("eu-b", ("eu-a",), None),
        ("eu-prd", ("eu-prod",), "eu-prod"),
        ("us-prod", ("eu-prod",), None),
        ("frnakfurt", ("frankfurt",), "frankfurt"),
        ("edge12", ("edge13",), None),
        ("prod", ("production",), None),
    ],
)
def test_what_is_near_to_an_existing_stage_is_refused_with_that(
    typed: str, known: tuple[str, ...], meant: str | None
) -> None:
    if meant is None:
        require_meant(typed, known, {}, new=False)
        return
    with pytest.raises(RefusedError, match=f"{meant} is a stage already"):
        require_meant(typed, known, {}, new=False)


def test_a_list_is_strict_and_nothing_overrules_it() -> None:
    lists = {"stages in .gto": ("prod", "staging"), "[registry] stages in lastgood.toml": ("prod", "blue")}
    require_meant("prod", (), lists, new=False)
    for stage, source, hint in (
        ("blue", r"stages in \.gto", "add blue to stages in .gto"),
        ("staging", r"\[registry\] stages", "add staging to [registry] stages in lastgood.toml"),
        ("prods", r"stages in \.gto", "did you mean prod?"),
    ):
        with pytest.raises(RefusedError, match=rf"^{source}.* lists? no stage {stage} ") as caught:
            require_meant(stage, (stage,), lists, new=True)
        assert caught.value.hint == hint
    with pytest.raises(RefusedError, match="it lists none"):
        require_meant("prod", (), {"stages in .gto": ()}, new=False)


def test_a_mark_is_no_stage_and_the_hint_says_how_to_mark() -> None:
    with pytest.raises(UsageError) as caught:
        require_possible("stable", "lastgood mark v1.0.0 stable --reason TEXT")
    assert caught.value.hint == "lastgood mark v1.0.0 stable --reason TEXT"
    with pytest.raises(UsageError, match="'a b' cannot be a stage"):
        require_possible("a b", "")


def test_words_with_digits_and_short_ones_are_never_slips() -> None:
    assert find_slip("eu1", ("eu2",)) is None
    assert find_slip("dve", ("dev",)) is None
    assert find_slip("prod1", ("prod",)) is None
    assert find_slip("prod", ("prod",)) is None
