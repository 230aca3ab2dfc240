"""Many at once on one stage, from as many clones or as processes on one host: the events are those of some order, each
once, and everybody who was told 0 has what was asked for."""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from lastgood.cli.app import main
from tests.operations.test_crash import race
from tests.reliability import figures
from tests.reliability.checker import Checker, Known
from tests.reliability.killing import become, child
from tests.reliability.scenes import V1, V3
from tests.world import World

pytestmark = pytest.mark.sweep

CLONES, ROUNDS = (20, 100) if figures.SOAK else (12, 5)
SPREAD = 2.0
"""Seconds over which syncs begin: as long as some rollbacks take, so that one begins before the first is recorded."""


def racer(root: Path, *arguments: str, late: float = 0) -> Callable[[], None]:
    """A racer: the command line in a process of its own, some seconds late; `race` ends it with its exit code."""

    def run() -> None:
        time.sleep(late)
        become(lambda: main(["-C", str(root), *arguments]), quiet=True)

    return run


def alone(world: World, *arguments: str) -> None:
    """A command between two rounds."""
    assert child(lambda: main(["-C", str(world.root), *arguments])) == 0


def wrong_with(world: World, known: Known, codes: list[int], winner: str, events: int) -> list[str]:
    """What is not as after one of them alone."""
    checker = Checker(world.project.base, known)
    names = [name for entry in checker.journal(checker.origin) for name, _ in entry]
    wrong = [f"{name} twice" for name, number in Counter(names).items() if number > 1]
    wrong += [f"ends with {code}" for code in codes if code != 0]
    wrong += checker.look().problems
    assigned = checker.assigned()
    wrong += [] if assigned == winner else [f"assigned is {assigned}, not {winner}"]
    return wrong + ([] if len(names) == events else [f"{len(names)} events, not {events}"])


def test_racers_across_clones_make_one_rollback(base: tuple[World, Known], tmp_path: Path, memory: Path) -> None:
    begun, wrong = figures.begin(), []
    world = base[0].copy(memory / tmp_path.name)
    clones = [world.clone(f"racer-{number}") for number in range(CLONES)]
    checker = Checker(world.project.base, base[1])
    events = sum(map(len, checker.journal(checker.origin)))
    for _ in range(ROUNDS):
        line = ("rollback", "flights", "--from", V3, "--to", V1, "--reason", "bad", "--no-mark", "--record-only")
        codes = race(*(racer(clone.root, *line) for clone in clones))
        events += 1
        wrong += wrong_with(world, base[1], codes, V1, events)
        alone(world, "assign", f"flights@{V3}", "--stage", "prod", "--reason", "better")
        events += 1
    figures.record("racers across clones", begun, cases=CLONES * ROUNDS, rounds=ROUNDS, wrong=len(wrong))
    assert not wrong, "\n".join(wrong)


def test_racers_on_one_host_make_one_rollback_and_wait_or_are_told(
    base: tuple[World, Known], tmp_path: Path, memory: Path
) -> None:
    """Half of them roll back, half do what every host does on a timer: `sync` must not undo what came before it."""
    begun, wrong, told = figures.begin(), [], 0
    world = base[0].copy(memory / tmp_path.name)
    checker = Checker(world.project.base, base[1])
    events = sum(map(len, checker.journal(checker.origin)))
    leave = ("rollback", "flights", "--from", V3, "--to", V1, "--reason", "bad", "--no-mark", "--here")
    follow = ("sync", "flights", "--stage", "prod")
    for number in range(ROUNDS):
        alone(world, *follow)
        line = (*leave, "--offline") if number % 2 else leave
        racers = [racer(world.root, *line) for _ in range(0, CLONES, 2)]
        racers += [racer(world.root, *follow, late=place * SPREAD / CLONES) for place in range(1, CLONES, 2)]
        codes = race(*racers)
        told += codes.count(11)
        wrong += [] if checker.live() == V1 else [f"round {number}: live is {checker.live()}"]
        alone(world, *follow)  # publishes what was done offline
        events += 1
        allowed = {7, 11} if number % 2 else {11}  # 7: done here and not published yet
        wrong += wrong_with(world, base[1], [code for code in codes if code not in allowed], V1, events)
        wrong += [] if checker.live() == V1 else [f"round {number}: live is {checker.live()} after sync"]
        alone(world, "assign", f"flights@{V3}", "--stage", "prod", "--reason", "better")
        events += 1
    figures.record(
        "racers on one host", begun, cases=CLONES * ROUNDS, rounds=ROUNDS, told_locked=told, wrong=len(wrong)
    )
    assert not wrong, "\n".join(wrong)
    assert told < CLONES * ROUNDS
