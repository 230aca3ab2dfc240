"""Other users of the same machine: they can hold none of our locks, and write to nothing that is live."""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import NoReturn

import pytest

from lastgood.adapters.dvc.progress import Meter
from lastgood.adapters.dvc.staging import Staging, sweep
from lastgood.errors import LockedError, NotCarriedOutError
from lastgood.operations.repair import repair
from lastgood.releases import lock
from lastgood.releases.activation import follow, switch
from lastgood.releases.builder import build
from lastgood.releases.place import Place
from lastgood.releases.use import in_use, unused, using
from tests.releases.world import World, content
from tests.reliability.checker import Known
from tests.world import World as Clone

NOBODY = 65534
PROGRAM = (sys.executable, "-m", "lastgood.cli.app")
OPENED = 17
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="root alone can become nobody")


@pytest.fixture
def world() -> Iterator[World]:
    """Where others may enter and read; pytest's own directories are closed to them."""
    base = Path(mkdtemp(prefix="lastgood-"))
    base.chmod(0o755)
    yield World(base)
    for directory, _, _ in os.walk(base):
        Path(directory).chmod(0o700)
    shutil.rmtree(base)


def spawn(work: Callable[[], int], *, uid: int | None = None) -> int:
    """Do something in another process, as another user if need be; its exit code is the answer."""
    child = os.fork()
    if child == 0:
        _become(work, uid)
    return child


def _become(work: Callable[[], int], uid: int | None) -> NoReturn:
    code = 99
    try:
        signal.alarm(120)  # a child that hangs fails its test instead of stopping the suite
        if uid is not None:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
        code = work()
    finally:
        os._exit(code)


def answer(work: Callable[[], int], *, uid: int | None = None) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(spawn(work, uid=uid), 0)[1])


@contextmanager
def holding(path: Path, *, how: int = fcntl.LOCK_EX, uid: int | None = None, said: bytes = b"") -> Iterator[int]:
    """Another process that holds a lock on a file."""
    reader, writer = os.pipe()

    def hold() -> int:
        descriptor = os.open(path, os.O_RDONLY)
        fcntl.flock(descriptor, how)
        os.write(writer, b"held")
        signal.pause()
        return 0

    if said:
        path.write_bytes(said)
    child = spawn(hold, uid=uid)
    os.close(writer)
    try:
        assert os.read(reader, 4) == b"held"
        yield child
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reader)


def opens(path: Path) -> Callable[[], int]:
    def work() -> int:
        try:
            os.open(path, os.O_RDONLY)
        except PermissionError:
            return 0
        return OPENED

    return work


def use_everything(world: World) -> Path:
    """Take every lock that there is, once; the release that is live then."""
    with lock.exclusive(world.place, "rollback"), world.proofs() as proofs:
        release = build(world.request("v1.0.0", world.file("models/model.txt", b"good")), world.place, proofs)
        switch(world.place, "flights", "prod", release)
        follow(world.place, "flights", "prod")
    for one in (lock.MEMORY, lock.FETCH):
        with lock.hold(world.place, one, "try"):
            pass
    with using(world.place, release.path):
        pass
    return release.path


@needs_root
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_no_other_user_can_open_what_we_lock_and_all_can_read_a_release(world: World, mask: int) -> None:
    before = os.umask(mask)
    try:
        release = use_everything(world)
    finally:
        os.umask(before)
    locked = [path for path in world.place.locks.rglob("*") if path.is_file()]
    assert len(locked) >= 7
    locked += world.place.root.glob("proofs.db*")
    assert [path for path in locked if answer(opens(path), uid=NOBODY) != 0] == []
    assert [path for path in locked if path.stat().st_mode & 0o777 != 0o600] == []
    for path in release.rglob("*"):
        assert path.stat().st_mode & 0o777 in ({0o555} if path.is_dir() else {0o444, 0o555})
    for directory in (release, release.parent, world.place.live / "flights"):
        assert not directory.stat().st_mode & 0o022
    if mask == 0o022:
        assert answer(opens(release / "models/model.txt"), uid=NOBODY) == OPENED


@needs_root
def test_a_lock_file_that_others_could_open_and_hold_stops_nobody(world: World) -> None:
    former = world.place.root / "lock"
    former.touch(0o644)
    former.chmod(0o644)
    with holding(former, how=fcntl.LOCK_SH, uid=NOBODY), lock.exclusive(world.place, "rollback", wait=0):
        assert answer(opens(former), uid=NOBODY) == 0


def test_a_lastgood_that_knows_the_former_lock_alone_is_waited_for_and_named(world: World) -> None:
    former = world.place.root / "lock"
    former.touch(0o644)
    with (
        holding(former) as pid,
        pytest.raises(LockedError, match=rf"process {pid} \(.+\) is at work under .*"),
        lock.exclusive(world.place, "rollback", wait=0.2),
    ):
        pass
    with lock.exclusive(world.place, "rollback"):
        assert lock.is_held(former)  # and it waits for us


def test_what_a_former_lastgood_uses_is_not_removed(world: World) -> None:
    release = use_everything(world)
    former = world.place.root / f"use/{release.relative_to(world.place.root)}.lock"
    former.parent.mkdir(parents=True)
    former.touch()
    with holding(former), unused(world.place, release) as free:
        assert (free, in_use(world.place, release)) == (False, True)
    assert not in_use(world.place, release)


def test_a_holder_of_the_same_user_is_named_when_the_time_is_over(world: World) -> None:
    use_everything(world)
    for name in ("main", "staging", "follow", "live/flights"):
        begun = time.monotonic()
        with (
            holding(world.place.locks / name) as pid,
            pytest.raises(LockedError, match=rf"^process {pid} \(.+\) is at work under {world.place.root}") as caught,
            lock.hold(world.place, lock.Lock(name, name), "try", wait=0.2),
        ):
            pass
        assert (caught.value.exit_code, caught.value.hint) == (11, f"see what it does: ps -fp {pid}")
        assert time.monotonic() - begun >= 0.2


@needs_root
def test_a_directory_of_locks_that_is_another_users_is_refused_and_an_open_one_is_closed(world: World) -> None:
    world.place.locks.mkdir(mode=0o777)
    world.place.locks.chmod(0o777)
    use_everything(world)
    assert world.place.locks.stat().st_mode & 0o777 == 0o700
    os.chown(world.place.root, NOBODY, NOBODY)
    assert answer(lambda: _locked_out(world), uid=NOBODY) == 0


def _locked_out(world: World) -> int:
    with suppress(PermissionError), lock.hold(world.place, lock.MEMORY, "try", wait=0):
        return 1
    return 0


@needs_root
def test_a_link_in_place_of_a_lock_leads_nowhere(world: World) -> None:
    target = world.root / "precious"
    target.write_text("mine")
    world.place.locks.mkdir(mode=0o700)
    for path in (world.place.locks / "memory", world.place.root / "lock"):
        path.symlink_to(target)
    with pytest.raises(OSError, match="symbolic links"), lock.hold(world.place, lock.MEMORY, "try"):
        pass
    with lock.exclusive(world.place, "rollback"):
        assert not lock.is_held(target)
    assert target.read_text() == "mine"


@needs_root
def test_an_object_of_another_user_never_shares_its_bytes_with_a_release(world: World) -> None:
    theirs, ours = world.file("models/model.txt", b"theirs"), world.file("models/own.txt", b"ours")
    listed = world.directory("data", {"a.csv": b"1", "b.csv": b"2"})
    objects = [world.object_path(one) for one in (theirs.md5, *(member.md5 for member in world.listings[listed.md5]))]
    for path in objects:
        os.chown(path, NOBODY, NOBODY)
    with world.proofs() as proofs:
        release = build(world.request("v1.0.0", theirs, ours, listed), world.place, proofs)
    before = content(release.path)
    assert (before["models/model.txt"], before["data/a.csv"]) == (b"theirs", b"1")
    inodes = {path.stat().st_ino for path in release.path.rglob("*")}
    assert not inodes & {path.stat().st_ino for path in objects}

    def write() -> int:
        for path in objects:
            path.chmod(0o644)
            path.write_bytes(b"evil")
        return 0

    for path in (world.root / "cache").rglob("*"):
        if path.is_dir():
            path.chmod(0o755)
    assert answer(write, uid=NOBODY) == 0
    assert objects[0].read_bytes() == b"evil"
    assert content(release.path) == before
    assert {path.stat().st_uid for path in release.path.rglob("*")} == {os.geteuid()}


@needs_root
def test_an_object_that_is_exchanged_for_another_users_while_it_is_linked_is_refused(world: World) -> None:
    first, second = world.file("a.txt", b"one"), world.file("b.txt", b"two")
    victim = world.object_path(second.md5)

    def exchange(done: int, _total: int) -> None:
        if done == 1:
            status = victim.stat()
            victim.unlink()
            victim.write_bytes(b"two")
            os.utime(victim, ns=(status.st_atime_ns, status.st_mtime_ns))
            victim.chmod(0o444)
            os.chown(victim, NOBODY, NOBODY)

    release = None
    with world.proofs() as proofs, suppress(NotCarriedOutError):
        release = build(world.request("v1.0.0", first, second), world.place, proofs, on_file=exchange)
    # Where blocks can be shared there is no link, and nothing to refuse.
    assert release is None or {path.stat().st_uid for path in release.path.rglob("*")} == {os.geteuid()}


@needs_root
def test_a_live_file_that_shares_another_users_object_is_found_and_built_anew(
    base: tuple[Clone, Known], tmp_path: Path, memory: Path
) -> None:
    clone = base[0].copy(memory / tmp_path.name)
    live = (clone.live / "models/model.txt").resolve()
    text = live.read_text()
    os.chown(live, NOBODY, NOBODY)
    assert [one.kind for one in clone.verify().findings] == ["writable"]
    done = repair(clone.open())
    assert [one.kind for one in done.mended] == ["release"]
    fresh = (clone.live / "models/model.txt").resolve()
    assert (fresh.read_text(), fresh.stat().st_uid) == (text, os.geteuid())
    assert clone.verify().findings == ()


@needs_root
@pytest.mark.parametrize("shared", [False, True])
def test_a_staging_directory_is_closed_to_other_users(world: World, shared: bool) -> None:
    before = os.umask(0)
    try:
        with Staging(world.cache, Meter(lambda _progress: None), legacy=False, shared=shared) as staging:
            mine = Path(staging.path_of("x")).parent
            assert answer(opens(mine), uid=NOBODY) == 0
            assert answer(opens(world.place.root), uid=NOBODY) == OPENED
            sweep(world.cache)
            assert mine.is_dir()
    finally:
        os.umask(before)


@contextmanager
def watching(clone: Clone, *more: str) -> Iterator["subprocess.Popen[str]"]:
    """A watcher that has something live, and its end."""
    command = [*PROGRAM, "-C", str(clone.root), "sync", "--stage", "prod", "--watch", "0.1", *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def children(pid: int) -> list[str]:
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return found.read_text().split() if found.exists() else []


def runs(pid: str) -> bool:
    """Whether a process is there, and not only its entry, which nobody has read yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def ends(process: "subprocess.Popen[str]", number: int) -> int:
    """The exit code, well before any deadline of what it waits for; all its children end with it."""
    started = children(process.pid)
    process.send_signal(number)
    process.communicate(timeout=20)
    until(lambda: not any(map(runs, started)))  # those that end with their pipe end a moment later
    return process.returncode


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_watcher_that_waits_for_a_lock_ends_at_once(
    base: tuple[Clone, Known], tmp_path: Path, memory: Path, number: int, code: int
) -> None:
    clone = base[0].copy(memory / tmp_path.name)
    main = clone.place / "locks/main"
    with lock.exclusive(Place(clone.place), "rollback"), watching(clone) as process:
        until(lambda: any(os.path.realpath(one) == str(main) for one in Path(f"/proc/{process.pid}/fd").iterdir()))
        assert ends(process, number) == code


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_watcher_whose_origin_is_silent_ends_at_once_with_its_git(
    base: tuple[Clone, Known], tmp_path: Path, memory: Path, number: int, code: int
) -> None:
    clone = base[0].copy(memory / tmp_path.name)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        clone.project.git("remote", "set-url", "origin", f"git://127.0.0.1:{silent.getsockname()[1]}/x")
        with watching(clone) as process:
            silent.accept()
            assert children(process.pid)
            assert ends(process, number) == code


def test_a_watcher_ends_at_once_while_the_health_command_runs(
    base: tuple[Clone, Known], tmp_path: Path, memory: Path
) -> None:
    clone = base[0].copy(memory / tmp_path.name)
    clone.live.unlink()
    clone.settings('[rollback]\nhealth = "exec sleep 300"\n')
    with watching(clone) as process:
        until(lambda: any(b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children(process.pid)))
        assert ends(process, signal.SIGTERM) == 0


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with suppress(OSError):
            if what():
                return
        time.sleep(0.02)
    raise AssertionError("it did not happen")
