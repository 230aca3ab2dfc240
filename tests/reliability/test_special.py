"""FIFOs, sockets and devices among the outputs: named, not opened, and nothing that meets one hangs or calls it clean.

A command that waits for a FIFO would wait for ever: a test of these that hangs has failed.
"""

import json
import os
import signal
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path

import pytest

from lastgood.errors import FindingsError, LastgoodError, RefusedError
from lastgood.releases import hashing
from tests.builders import Project
from tests.conftest import isolate
from tests.reliability.hostile_repository import run
from tests.world import World

HANGING = 240
"""Seconds after which whatever waits is ended by a signal: an error, not a hang of the whole run."""


@pytest.fixture(scope="module")
def _good(_blank: Project, session_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, session_home)
        world = World(_blank.copy(tmp_path_factory.mktemp("good")))
        world.release("v1.0.0", model="first", data={"a.csv": "1\n"}, mark="stable", stages=["prod"])
        world.release("v2.0.0", model="second", stages=["prod"])
        world.sync()
        return world.project


@pytest.fixture
def world(_good: Project, tmp_path: Path) -> Iterator[World]:
    def end(*_: object) -> None:
        raise TimeoutError("it waits for what nobody writes")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(HANGING)
    yield World(_good.copy(tmp_path))
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def bound(path: Path) -> None:
    """A socket; its address has room for a hundred characters only."""
    with chdir(path.parent), socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)


def linked(path: Path) -> None:
    """A link to a FIFO."""
    os.mkfifo(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


MAKERS: dict[str, Callable[[Path], object]] = {"FIFO": os.mkfifo, "socket": bound, "link": linked}
if os.geteuid() == 0:
    MAKERS["device"] = lambda path: os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # zeros without end
PLACES = ("models/model.txt", "data/raw/pipe")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", MAKERS)
def test_what_is_special_among_the_outputs_is_named_and_nothing_hangs(world: World, kind: str, place: str) -> None:
    path = world.root / place
    path.unlink(missing_ok=True)
    MAKERS[kind](path)
    shown = run(world.root, "status", "--exit-code")
    assert shown.code != 0
    assert f"{place} is a" in shown.out
    assert "code, data and model are" not in shown.out
    for command in ("v1.0.0", "v2.0.0"):
        with pytest.raises(RefusedError, match=f"{place} is a"):
            world.checkout(command)
        with pytest.raises(RefusedError, match=f"{place} is a"):
            world.checkout(command, save=True)
    world.project.git("commit", "--quiet", "--allow-empty", "--message", "again")
    with pytest.raises(LastgoodError) as caught:
        world.register("v3.0.0")
    assert isinstance(caught.value, FindingsError)
    assert any(one.kind == "special" and one.subject == place for one in caught.value.findings)
    assert not stat.S_ISREG(path.stat().st_mode)  # it is still what it was


@pytest.mark.parametrize("kind", MAKERS)
def test_what_is_special_in_a_release_a_cache_or_a_remote_is_no_object(world: World, kind: str) -> None:
    release = (world.live / "models/model.txt").resolve()
    (release.parent).chmod(0o755)
    release.unlink()
    MAKERS[kind](release)
    for base in (world.root / ".dvc/cache", world.project.remote):
        objects = [one for one in (base / "files/md5").rglob("*") if one.is_file()]
        for one in objects:
            one.unlink()
            if not one.with_name("elsewhere").exists():
                MAKERS[kind](one)
    done = run(world.root, "verify", "--deep", "--json")
    assert done.code == 3
    findings = json.loads(done.out)["findings"]
    assert {one["kind"] for one in findings} == {"missing", "changed"}
    assert any("is not a regular file" in one["message"] for one in findings)
    assert run(world.root, "checkout", "flights@v1.0.0").code == 3


@pytest.mark.parametrize("kind", MAKERS)
def test_hashing_opens_nothing_but_files(tmp_path: Path, kind: str) -> None:
    MAKERS[kind](tmp_path / "odd")
    for read in (hashing.digests, hashing.legacy_md5):
        with pytest.raises(FindingsError, match="odd is not a regular file"):
            read(tmp_path / "odd")
    with pytest.raises(FileNotFoundError):
        hashing.digests(tmp_path / "none")
