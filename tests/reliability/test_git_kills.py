"""When a git process dies at any of its system calls, the command says so with a documented exit code, the old state or
the new one is there, and the same command, run again without flags, leaves the state of an uninterrupted run."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.reliability import figures
from tests.reliability.checker import Checker, Known
from tests.reliability.gitkilling import Gits, holding, require_sight
from tests.reliability.killing import child
from tests.reliability.scenes import CARE, COMMANDS, V3, V4, Command, Scene
from tests.reliability.test_faults import DOCUMENTED, HALF
from tests.reliability.tracing import require_strace
from tests.world import World

pytestmark = pytest.mark.sweep

KILLS = 1000 if figures.SOAK else 100
QUICK = frozenset({"rollback", "checkout", "mark", "sync of what others recorded"})
"""The commands of the short form: a scene costs a second before the first kill, and a kill half of one."""
AGE = 60
"""Seconds that are to have passed until the command is given again: nobody waits for a sweep's locks to come of age."""


def _told_elsewhere(world: World, _known: Known) -> None:
    world.clone("colleague", pull=True).assign(V4)


SWEPT = (
    *COMMANDS,
    *CARE,
    Command(
        "sync of what others recorded",
        ("sync", "flights", "--stage", "prod"),
        _told_elsewhere,
        live=(V3, V4),
        assigned=(V4, V4),
    ),
)


CHOSEN = [one for one in SWEPT if figures.SOAK or one.name in QUICK]


def grow_old(checker: Checker) -> bool:
    """Let git's locks look as if the command before had died a minute ago; whether there are any."""
    locks = [lock for directory in (checker.clone / ".git", checker.origin) for lock in directory.rglob("*.lock")]
    for lock in locks:
        os.utime(lock, (time.time() - AGE, time.time() - AGE))
    return bool(locks)


def wrong_at_once(scene: Scene, checker: Checker, code: int) -> list[str]:
    """What must not be seen right after: success without all that it means, unless a note has the next one ask."""
    seen = checker.look()
    wrong = scene.wrong_now(seen) + [f"ends with {code}"] * (code not in DOCUMENTED)
    if code == 0:
        state = None if any("pushing" in one for one in seen.leftovers) else checker.state()
        wrong += scene.wrong_after(replace(seen, leftovers=()), code, state)
    return wrong


def test_a_lock_of_a_living_git_is_respected(base: tuple[World, Known], memory: Path, tmp_path: Path) -> None:
    require_sight(memory)
    command = next(one for one in COMMANDS if one.name == "mark")
    scene = Scene.of(command, *base, memory / tmp_path.name)
    with scene.case() as (root, checker):
        before = checker.state()
        with holding(checker.origin, "refs/lastgood/flights"):
            assert child(lambda: command.run(root)) == 11
            assert checker.state() == before
        grow_old(checker)
        assert not scene.finish(root, checker)


@pytest.mark.parametrize("command", CHOSEN, ids=lambda one: one.name)
def test_a_git_that_dies_is_told_and_the_same_again_finishes(
    base: tuple[World, Known], memory: Path, tmp_path: Path, command: Command
) -> None:
    require_strace(tmp_path)
    require_sight(memory)
    gits = Gits.make(memory / f"gits {command.name}")
    scene = Scene.of(command, *base, memory / f"git kill {command.name}")
    begun, wrong, locked, halves = figures.begin(), [], 0, 0
    with scene.case() as (root, _):
        every = gits.moments(lambda: command.run(root))
    swept = every if figures.SOAK else [moment for moment in every if moment.call != "write"]
    stride = max(1, len(swept) * len(CHOSEN) // KILLS)
    chosen = swept[stride // 2 :: stride]
    for moment in chosen:
        with scene.case() as (root, checker):
            code, met = gits.killed(lambda root=root: command.run(root), moment)  # type: ignore[misc]  # mypy cannot infer a lambda with defaults
            found = wrong_at_once(scene, checker, code) + ["no such process"] * (not met)
            if code != 0 and any(one.startswith(HALF) for one in found):  # its receive-pack died amid the transaction
                halves += 1
                found = [one for one in found if not one.startswith(HALF)]
            locked += grow_old(checker)
            found += [f"again: {one}" for one in scene.finish(root, checker)]
        wrong += [f"{moment}, {code}: {one}" for one in found]
    counts = {"possible": len(every), "locked": locked, "halves": halves, "wrong": len(wrong)}
    figures.record(f"git kill {command.name}", begun, cases=len(chosen), **counts)
    assert not wrong, "\n".join(wrong)
