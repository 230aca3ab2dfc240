"""Locks for changes to a place. They end with their holder, no other user can open them, and every wait has a deadline.

All of them are files below `locks/`, which only its owner may enter: flock(2) needs only an open file, so a lock whose
file others may read is a lock that others may hold. None is ever removed, or two processes could each hold a lock on a
file of that name.
"""

import errno
import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path, PurePath
from stat import S_ISREG
from typing import NamedTuple

from lastgood.errors import LockedError, NotWritableError
from lastgood.releases.locking import NONE, no_locks, require_lock
from lastgood.releases.place import Place

PAUSE = 0.05
PATIENCE = 60.0
"""Seconds that a step waits for another one: most take milliseconds, removing a large release takes longest."""


class Lock(NamedTuple):
    """A lock's file below `locks/`, and its path below the root from before that directory existed."""

    name: str
    former: str


MAIN = Lock("main", "lock")
STAGING = Lock("staging", "staging/.lock")
FOLLOW = Lock("follow", "follow/.lock")
MEMORY = Lock("memory", ".memory")
FETCH = Lock("fetch", "mirror.git/fetch.lock")


@contextmanager
def exclusive(place: Place, purpose: str, *, wait: float = 0) -> Iterator[None]:
    """Be the only process that changes this place. Raises `LockedError` with the other process after `wait` seconds."""
    place.create()
    with ExitStack() as held:
        try:
            descriptor = _take(held, place, MAIN, wait)
        except LockedError as error:
            raise LockedError(f"{error.message}", hint=error.hint) from None
        except OSError as error:
            raise NotWritableError(f"{place.locks} cannot be used: {error.strerror}") from error
        require_lock(place.locks / MAIN.name)
        _sign(descriptor, purpose)
        yield


@contextmanager
def hold(place: Place, lock: Lock, purpose: str, *, wait: float = PATIENCE, shared: bool = False) -> Iterator[None]:
    """Hold a lock during one step. Raises `LockedError` with the holder after `wait` seconds; `OSError`."""
    with ExitStack() as held:
        descriptor = _take(held, place, lock, wait, shared=shared)
        if not shared:
            _sign(descriptor, purpose)
        yield


@contextmanager
def held_by_nobody(place: Place, lock: Lock) -> Iterator[bool]:
    """Whether nobody holds a lock; while it is `True`, nobody can take it. It never waits."""
    with ExitStack() as held:
        try:
            _take(held, place, lock, 0)
        except LockedError:
            free = False
        else:
            free = True
        yield free


def is_taken(place: Place, lock: Lock) -> bool:
    """Whether a living process holds a lock; the answer may be outdated at once."""
    if not any(os.path.lexists(path) for path in (place.locks / lock.name, place.root / lock.former)):
        return False
    with held_by_nobody(place, lock) as free:
        return not free


def is_held(path: Path) -> bool:
    """Whether a living process holds a lock on a file; false if the file does not exist."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        return not obtain(descriptor)
    except OSError as error:  # pragma: no cover (answered so by strace in a child, test_odd_machines.py)
        if error.errno not in NONE:
            raise
        return True  # where there are no locks nothing may be taken for abandoned
    finally:
        os.close(descriptor)


def obtain(descriptor: int, wait: float = 0, *, shared: bool = False) -> bool:
    """Lock an open file; `False` if others hold it for `wait` seconds. It polls, so it needs no signal or thread."""
    deadline = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(PAUSE)
        else:
            return True


def name_holder(descriptor: int) -> tuple[str, str]:
    """The holder of the lock on an open file, from the file or the kernel, and the command that shows it."""
    holders = find_holders(descriptor)
    try:
        said = json.loads(os.pread(descriptor, 4096, 0))
        pid, name = int(said["pid"]), f"process {said['pid']} ({said['purpose']}, since {said['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        pid, name = 0, ""
    if holders and pid not in holders:
        pid = holders[0]
        name = f"process {pid} ({_program(pid)})"
    return (name, f"see what it does: ps -fp {pid}") if name else ("another process", "")


def find_holders(descriptor: int) -> list[int]:
    """The processes that hold a flock on an open file, as far as the kernel shows them to this process."""
    status = os.fstat(descriptor)
    file = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    try:
        lines = [line.split() for line in Path("/proc/locks").read_text(encoding="ascii").splitlines()]
    except OSError:  # pragma: no cover (Linux without /proc, and macOS)
        return []
    # number: FLOCK ADVISORY WRITE pid device:inode 0 EOF; a waiting one has `->` behind its number
    found = [int(line[4]) for line in lines if line[1] == "FLOCK" and line[5] == file]
    return [pid for pid in found if pid > 0]


def _take(held: ExitStack, place: Place, lock: Lock, wait: float, *, shared: bool = False) -> int:
    """Lock the file, which is returned open, until `held` ends; and the former lock file, if it exists.

    A lastgood that was started before `locks/` existed knows only that one: a watcher may run for months.
    """
    deadline = time.monotonic() + wait
    descriptor = _open(place, lock)
    held.callback(os.close, descriptor)
    try:
        obtained = obtain(descriptor, wait, shared=shared)
    except OSError as error:  # pragma: no cover (answered so by strace in a child, test_odd_machines.py)
        if error.errno in NONE:
            raise no_locks(place.root, os.strerror(error.errno)) from error
        raise
    if not obtained:
        raise _locked(place, descriptor)
    former = _open_former(place, lock)
    if former is not None:
        held.callback(os.close, former)
        free = obtain(former, shared=shared) or _is_held_by_strangers(former)
        if not free and not obtain(former, deadline - time.monotonic(), shared=shared):
            raise _locked(place, former)
    return descriptor


def _locked(place: Place, descriptor: int) -> LockedError:
    name, hint = name_holder(descriptor)
    return LockedError(f"{name} is at work under {place.root}", hint=hint)


def _sign(descriptor: int, purpose: str) -> None:
    """Write the holder into a lock's file, for people; only the lock itself counts."""
    holder = {"pid": os.getpid(), "purpose": purpose, "since": datetime.now(UTC).isoformat(timespec="seconds")}
    with suppress(OSError):  # a full disk
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(holder).encode() + b"\n", 0)


def _open(place: Place, lock: Lock) -> int:
    """A lock's file in a directory that only its owner can enter. Raises `OSError`, also for another user's directory.

    What root makes in another user's place is that user's, or he could not work there any more.
    """
    with suppress(FileExistsError):
        place.locks.mkdir(mode=0o700)
        _give(place.locks, place.root.stat())
    directory = os.open(place.locks, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        status = os.fstat(directory)
        if not _is_trusted(status.st_uid):  # pragma: no cover (in a child of another user, test_other_users.py)
            raise PermissionError(errno.EACCES, "it is another user's", str(place.locks))
        if status.st_mode & 0o077:
            os.fchmod(directory, 0o700)
        for parent in reversed(PurePath(lock.name).parents[:-1]):
            with suppress(FileExistsError):
                os.mkdir(parent, 0o700, dir_fd=directory)
            _give(parent, status, directory)
        descriptor = os.open(lock.name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600, dir_fd=directory)
        _give(descriptor, status)
        return descriptor
    finally:
        os.close(directory)


def _give(what: int | PurePath, owner: os.stat_result, directory: int | None = None) -> None:
    if os.geteuid() == 0 != owner.st_uid:  # pragma: no cover (root alone can do that, test_other_users.py)
        os.chown(what, owner.st_uid, owner.st_gid, dir_fd=directory)


def _open_former(place: Place, lock: Lock) -> int | None:
    """The former file of this lock, closed to others from now on; `None` if it does not exist or belongs to others."""
    try:
        descriptor = os.open(place.root / lock.former, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    status = os.fstat(descriptor)
    if S_ISREG(status.st_mode) and _is_trusted(status.st_uid):
        if status.st_mode & 0o077:
            os.fchmod(descriptor, 0o600)
        return descriptor
    os.close(descriptor)
    return None


def _is_held_by_strangers(descriptor: int) -> bool:
    """Whether none of the holders is a lastgood that works here: each belongs to another user, or has ended and left
    the open file to a child, as lastgood never does. Unknown holders may be anybody."""
    holders, ours = find_holders(descriptor), {os.geteuid(), os.fstat(descriptor).st_uid}
    return bool(holders) and not any(_owner(pid) in ours for pid in holders)


def _owner(pid: int) -> int | None:
    try:
        return Path(f"/proc/{pid}").stat().st_uid
    except OSError:  # pragma: no cover (it ended between two looks)
        return None


def _is_trusted(uid: int) -> bool:
    return os.geteuid() in {uid, 0}


def _program(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
    except OSError:  # pragma: no cover (it ended between two looks)
        return "gone meanwhile"
