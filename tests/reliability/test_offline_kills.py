"""Killed while it acts without origin, or while that is published, a rollback is published once or is superseded once,
and the machine is what the registry says in the end."""

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from lastgood.errors import LastgoodError, RaceError
from tests.machine.test_offline import acts, told
from tests.reliability import figures
from tests.reliability.checker import Checker, Known
from tests.reliability.killing import count_changes, killed
from tests.reliability.scenes import V1, V3, V4
from tests.world import World

pytestmark = pytest.mark.sweep

STRIDE = 1 if figures.SOAK else 25
TAGS = {"flights#failed#6", "flights#prod#7"}


def roll_back(world: World) -> None:
    world.rollback(offline=True)


def publish(world: World) -> None:
    world.sync()


def sweep(begin: World, known: Known, place: Path, work: Callable[[World], None], check: Callable[..., None]) -> int:
    """Kill `work` before its changes; `check` gets the world, what the checker says before and the tags from before."""

    def tried(world: World) -> int:
        with suppress(LastgoodError):
            work(world)
        return 0

    there, before, kills = begin.copy(place / "count"), set(begin.tags()), 0
    total = count_changes(lambda: tried(there))
    for number in range(0 if figures.SOAK else 1, total, STRIDE):
        world = begin.copy(place / f"case-{number}")
        kills += killed(lambda world=world: tried(world), number) == -9  # type: ignore[misc]  # mypy cannot infer a lambda with defaults
        checker = Checker(world.project.base, known)
        problems = checker.look().problems
        assert not problems, f"before change {number} of {total}: {problems}"
        check(world, checker, before)
        assert not list((world.place / "pending").iterdir()), f"before change {number} of {total}"
        assert not world.status().waits
        shutil.rmtree(world.project.base)
    assert kills > total // STRIDE // 2
    return kills


def check_acting(world: World, checker: Checker, before: set[str]) -> None:
    live = checker.live()
    assert live in {V3, V1}
    assert live == V3 or len(acts(world)) == 1
    roll_back(world)
    assert checker.live() == V1
    assert len(acts(world)) == 1
    check_publishing(world, checker, before)


def check_publishing(world: World, checker: Checker, before: set[str]) -> None:
    assert checker.live() == V1
    publish(world)
    assert set(world.tags()) - before == TAGS
    assert checker.live() == V1


def check_superseded(world: World, checker: Checker, before: set[str]) -> None:
    assert checker.live() in {V1, V4}
    with suppress(RaceError):  # told once, by the one that finds it superseded
        publish(world)
    assert set(world.tags()) == before
    assert checker.live() == V4
    assert [kind for kind, _, _ in told(world)].count("superseded") == 1


@pytest.mark.parametrize("name", ["acting", "publishing", "superseded"])
def test_killed_offline_or_while_it_is_published_it_is_told_once(
    base: tuple[World, Known], memory: Path, name: str
) -> None:
    world, known = base
    place, begun = memory / f"offline {name}", figures.begin()
    begin = world.copy(place / "begin")
    if name != "acting":
        roll_back(begin)
    if name == "superseded":
        begin.clone("other", pull=True).assign(V4)
    check = {"acting": check_acting, "publishing": check_publishing, "superseded": check_superseded}[name]
    kills = sweep(begin, known, place, roll_back if name == "acting" else publish, check)
    figures.record(f"kill offline {name}", begun, cases=kills, stride=STRIDE, wrong=0)
