"""The power cut: a file system that loses everything it was not told to keep, at any moment and right after exit 0."""

import ctypes
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lastgood.adapters.dvc import staging
from lastgood.adapters.git import command as git_command
from tests.reliability import figures
from tests.reliability.checker import Checker, Known
from tests.reliability.disk_images import cut_power, make, mount
from tests.reliability.killing import LIMIT, SUBREAPER, await_orphans, become
from tests.reliability.scenes import COMMANDS, Command, Scene
from tests.world import World

pytestmark = pytest.mark.sweep

CUTS = 100 if figures.SOAK else 10
SWEPT = [one for one in COMMANDS if one.name in {"rollback", "sync", "register", "checkout"}]
SEED = 20261122


class Machine:
    """A disk with a world on it, whose power can be cut and come back."""

    def __init__(self, scene: Scene, place: Path, point: Path) -> None:
        self.scene, self.image, self.point = scene, place / "disk", point
        make("ext4", self.image)
        mount(self.image, point)
        self.base = point / "world"
        scene.world.copy(self.base)
        flush = ["sync", "--file-system", str(point)]  # not all: another test is to lose what it did not flush
        subprocess.run(flush, check=True)

    @property
    def root(self) -> Path:
        """The clone."""
        return self.base / "work"

    def cut(self) -> None:
        """Cut the power, and start again."""
        cut_power(self.point)
        subprocess.run(["umount", str(self.point)], check=True, capture_output=True)
        mount(self.image, self.point)

    def checker(self) -> Checker:
        """Who looks at it."""
        return Checker(self.base, self.scene.known)

    def off(self) -> None:
        """Throw it away."""
        subprocess.run(["umount", "--lazy", str(self.point)], capture_output=True)
        self.image.unlink()


@contextmanager
def machine(scene: Scene, place: Path, tmp_path: Path) -> Iterator[Machine]:
    """A machine that is thrown away afterwards."""
    point = tmp_path / "point"
    point.mkdir(exist_ok=True)
    disk = Machine(scene, place, point)
    try:
        yield disk
    finally:
        disk.off()


def run_until(work: Callable[[], int], seconds: float | None) -> bool:
    """Run `work` in a child, and end it with all it started after that time; whether it had come to its end."""
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    pid = os.fork()
    if pid == 0:
        become(work, quiet=True)
    deadline = time.monotonic() + (LIMIT if seconds is None else seconds)
    code = None
    while code is None and time.monotonic() < deadline:
        found, status = os.waitpid(pid, os.WNOHANG)
        code = os.waitstatus_to_exitcode(status) if found else None
        time.sleep(0.001)
    if code is None:
        os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    await_orphans(pid)
    assert code in {None, 0}
    return code == 0


@pytest.mark.parametrize("command", SWEPT, ids=lambda one: one.name)
def test_after_a_power_cut_it_is_old_or_new_and_what_was_told_as_done_is_there(
    base: tuple[World, Known], memory: Path, tmp_path: Path, command: Command
) -> None:
    begun, wrong, ended = figures.begin(), [], 0
    scene = Scene.of(command, *base, memory / f"power {command.name}")
    moments = random.Random(f"{SEED} {command.name}")  # noqa: S311  # nothing secret
    cases = max(3 if command.name in {"rollback", "sync"} else 2, CUTS // len(SWEPT))  # the others take seconds each
    for number in range(cases):
        moment = None if number % 2 == 0 else moments.uniform(0.02, 0.5)
        with machine(scene, memory, tmp_path) as disk:
            done = run_until(lambda disk=disk: command.run(disk.root), moment)  # type: ignore[misc]  # mypy cannot infer a lambda with defaults
            disk.cut()
            verdict = disk.checker().look()
            found = scene.wrong_now(verdict)
            seen = (verdict.live, verdict.assigned, verdict.worktree)
            wanted = (command.live[1], command.assigned[1], command.worktree[1])
            found += [f"was told as done, and is {seen}"] if done and seen != wanted else []
            found += scene.finish(disk.root, disk.checker())
        ended += done
        wrong += [f"cut after {moment or 'exit 0'}: {one}" for one in found]
    figures.record(f"power {command.name}", begun, cases=cases, after_exit_0=ended, wrong=len(wrong))
    assert not wrong, "\n".join(wrong)


def _idle(*_arguments: object, **_more: object) -> bool:
    return True


FLUSHES: dict[str, tuple[str, Callable[[pytest.MonkeyPatch], None]]] = {
    "objects and their names on a local remote": ("register", lambda patch: patch.setattr(staging, "flush", _idle)),
    "git's": (
        "rollback",
        lambda patch: patch.setattr(
            git_command,
            "SAFE",
            tuple("core.fsync=none" if one == "core.fsync=all" else one for one in git_command.SAFE),
        ),
    ),
}
"""Where something is flushed, switched off in the command's process; and the command that needs it. Others are
not missed on ext4, where each flush of another file commits what came before: test_flushes.py has a stricter disk."""


TRIES = 3
"""The kernel flushes by itself every five seconds, which may be right now."""


@pytest.mark.parametrize("name", FLUSHES)
def test_a_flush_that_is_left_out_is_seen(base: tuple[World, Known], memory: Path, tmp_path: Path, name: str) -> None:
    begun = figures.begin()
    wanted, switch_off = FLUSHES[name]
    command = next(one for one in COMMANDS if one.name == wanted)
    scene = Scene.of(command, *base, memory / f"flush {name}")

    def careless(root: Path) -> int:
        with pytest.MonkeyPatch.context() as patch:
            switch_off(patch)
            return command.run(root)

    wrong: list[str] = []
    for _ in range(TRIES):
        with machine(scene, memory, tmp_path) as disk:
            assert run_until(lambda disk=disk: careless(disk.root), None)  # type: ignore[misc]  # as above
            disk.cut()
            wrong = scene.wrong_after(disk.checker().look(), 0)
        if wrong:
            break
    figures.record(f"left out {name}", begun, cases=1, seen=bool(wrong))
    assert wrong, f"nothing was lost without flushing {name}"
