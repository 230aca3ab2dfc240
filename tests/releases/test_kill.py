"""Killed at any step on disk, what is live is the old release or the new one, whole; the next run finishes the work."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lastgood.releases import activation
from lastgood.releases.builder import BuildRequest, build, check_release, list_releases
from tests.releases.world import World, litter

CHANGES = {
    *("os.rename", "os.link", "os.symlink", "os.mkdir", "os.rmdir", "os.remove"),
    *("os.chmod", "os.truncate", "os.utime", "shutil.copyfile", "fcntl.flock", "fcntl.ioctl"),
}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
DONE = 0


def kill_at(number: int) -> Callable[[str, tuple[object, ...]], None]:
    """An audit hook that kills this process, as SIGKILL does, before its `number`-th change to the disk."""
    left = number

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        flags = arguments[2] if event == "open" and len(arguments) > 2 else 0
        if event in CHANGES or (isinstance(flags, int) and flags & WRITES):
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return hook


def in_child(work: Callable[[], None], number: int) -> int:
    """Run `work` in a child that dies before its `number`-th change; its wait status, `DONE` when it came through."""
    child = os.fork()
    if child == 0:
        signal.alarm(120)  # a child that hangs fails its test instead of stopping the suite
        code = 1
        try:
            sys.addaudithook(kill_at(number))
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1]


def roll(world: World, request: BuildRequest) -> None:
    """What a rollback does here: build, then switch."""
    with world.proofs() as proofs:
        release = build(request, world.place, proofs)
    activation.switch(world.place, "flights", "prod", release)


def assert_whole(world: World, versions: set[str]) -> None:
    live = activation.live(world.place, "flights", "prod")
    assert live is not None
    assert live.version in versions
    with world.proofs() as proofs:
        assert [found for release in list_releases(world.place) for found in check_release(release, proofs)] == []


@pytest.mark.parametrize("copied", [False, True])
def test_killed_at_every_step_of_build_and_switch_one_whole_release_is_live(tmp_path: Path, *, copied: bool) -> None:
    number, status = 0, -1
    while status != DONE:
        world = World(tmp_path / str(number))
        shared = world.directory("data/raw", {"a": b"a" * 3000, "deep/b": b"b"})
        roll(world, world.request("v2.0.0", shared, world.file("models/m.txt", b"bad")))
        good = world.file("models/m.txt", b"good", executable=copied)
        request = world.request("v1.0.0", shared, good, code={"train.py": "1", "link": "-> train.py", "run.sh": "2"})
        status = in_child(lambda world=world, request=request: roll(world, request), number)  # type: ignore[misc]  # mypy cannot infer a lambda with defaults
        assert status in {DONE, signal.SIGKILL}, f"failed before change {number}"
        assert_whole(world, {"v1.0.0", "v2.0.0"})
        roll(world, request)
        assert_whole(world, {"v1.0.0"})
        assert len(list_releases(world.place)) == 2
        assert not litter(world.place)
        assert [path for path in world.place.releases.rglob("*") if path.is_dir() and path.stat().st_mode & 0o222] == [
            world.place.releases / "flights"
        ]
        number += 1
    assert number > 30


def test_killed_at_every_step_of_following_and_locking_the_next_run_works(tmp_path: Path) -> None:
    number, status = 0, -1
    while status != DONE:
        world = World(tmp_path / str(number))
        activation.follow(world.place, "flights", "staging")
        status = in_child(lambda world=world: activation.follow(world.place, "flights", "prod"), number)  # type: ignore[misc]  # as above
        assert ("flights", "staging") in activation.followed(world.place)
        activation.follow(world.place, "flights", "prod")
        assert activation.followed(world.place) == (("flights", "prod"), ("flights", "staging"))
        assert not litter(world.place)
        number += 1
    assert number > 3
