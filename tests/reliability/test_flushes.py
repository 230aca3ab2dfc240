"""Every flush is needed, and none is missing: on a disk that keeps only what it was told to keep, each one that is left
out would break a promise of the command that makes it."""

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.reliability import figures
from tests.reliability.checker import Known
from tests.reliability.scenes import COMMANDS, V3, V4, Command, Scene
from tests.reliability.simulated_disk import OPTIONS, Call, Disk, calls
from tests.reliability.tracing import require_strace, traced
from tests.world import World

pytestmark = pytest.mark.sweep


def _new_machine(world: World, _known: Known) -> None:
    world.assign(V4)
    (world.place / "history.jsonl").unlink()


def _empty_cache(world: World, _known: Known) -> None:
    world.assign(V4)
    shutil.rmtree(world.root / ".dvc/cache/files")


FETCHING = Command(
    "sync that fetches", ("sync", "flights", "--stage", "prod"), _empty_cache, live=(V3, V4), assigned=(V4, V4)
)
FIRST = Command("first sync", ("sync", "flights", "--stage", "prod"), _new_machine, live=(V3, V4), assigned=(V4, V4))
SWEPT = [one for one in (*COMMANDS, FIRST, FETCHING) if figures.SOAK or one.name == "rollback"]
UNSAFE = {
    "register": ("work/.dvc/cache", "dvc-remote"),
    "checkout": ("work/.dvc/cache", "work/data/raw/", "work/models/model.txt"),
    "checkout that saves work": ("work/scripts/", "work/data/raw/", "work/models/model.txt"),
}
"""What nobody has flushed when the command begins: DVC flushes nothing of what it fetches, pushes and places."""
OTHERS = (
    (r"fdatasync .*/\.git/lastgood(/proofs\.db(-wal)?)?$", "SQLite's, of a memory"),
    (r"fsync .*/(\.git|tree\.git)/(index|HEAD)\.lock$", "git's, of what can be made again, or is flushed at the end"),
    (r"fsync .*/(staging/\w+/tree|work/models|work/data)/", "of a file so young that what was read of it is not kept"),
    (r"fsync .*/releases/flights$", "after the description of a release: once more after its directory's name"),
    (r"that fetches: syncfs .*/releases/.*", "files of a release, flushed when it was built: proofs do not ask where"),
    (r"that fetches: fsync .*/cache/files/md5/\w\w/\w+$", "just fetched and flushed: proofs do not ask by whom"),
    (r"that fetches: fsync .*/cache/files/md5$", "after listings: the objects that are fetched next flush it again"),
    (r"aside: fsync .*/\.git/lastgood$", "all that is put aside is flushed together, before anything is changed"),
    (r"aside: fsync .*/cache/files/md5/\w\w/\w+$", "of a cache that is safe here; that of plain checkout is not"),
    (r"fsync .*/dvc-remote/files/md5(/\w\w)?$", "after listings: register flushes the whole remote in the end"),
)
"""Flushes that nothing depends on, with the reason why they are made."""


def trace(scene: Scene, log: Path) -> tuple[Path, dict[str, bool], list[Call]]:
    """Where the command ran, what was there before, and its calls."""
    with scene.case() as (root, _):
        there = {str(path): path.is_file() for path in root.parent.rglob("*")}
        assert traced(lambda: scene.command.run(root), *OPTIONS, output=log) == 0
        return root.parent, there, list(calls(log.read_text(errors="replace").splitlines(), str(Path.cwd())))


@pytest.mark.parametrize("command", SWEPT, ids=lambda one: one.name)
def test_each_flush_that_is_left_out_is_missed(
    base: tuple[World, Known], memory: Path, tmp_path: Path, command: Command
) -> None:
    require_strace(tmp_path)
    begun = figures.begin()
    scene = Scene.of(command, *base, memory / f"flush {command.name}")
    place, there, made = trace(scene, tmp_path / "log")
    unsafe = UNSAFE.get(command.name, ("work/.dvc/cache",))
    disk = Disk(place, there, unsafe).replay(made)
    assert not disk.lost, "\n".join(disk.lost)
    unmissed = [
        f"{command.name}: {flush.name} {flush.paths[0] if flush.paths else os.sep}"
        for flush in disk.flushes
        if not Disk(place, there, unsafe, frozenset({flush.number})).replay(made).lost
    ]
    wrong = [one for one in unmissed if not any(re.search(pattern, one) for pattern, _ in OTHERS)]
    figures.record(
        f"flushes {command.name}",
        begun,
        cases=len(disk.flushes),
        missed=len(disk.flushes) - len(unmissed),
        wrong=len(wrong),
    )
    assert not wrong, "\n".join(wrong)
