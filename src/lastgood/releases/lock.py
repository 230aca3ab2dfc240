"""Who may change something in our directory: locks that die with their holder."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from lastgood.errors import LockedError
from lastgood.releases import durable
from lastgood.releases.place import Place

PAUSE = 0.05


@contextmanager
def exclusive(place: Place, purpose: str, *, wait: float = 0) -> Iterator[None]:
    """Be the only process that changes this place, or raise `LockedError` naming the other one after `wait` seconds.

    flock(2): the kernel frees it when the holder dies, however that happens. The file is never removed, or two
    processes could each hold a lock on a file of that name; what it says is for people, only the lock itself counts.
    """
    place.create()
    descriptor = os.open(place.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        if not _obtain(descriptor, wait):
            raise LockedError(*_holder(place.lock))
        since = datetime.now(UTC).isoformat(timespec="seconds")
        holder = {"pid": os.getpid(), "purpose": purpose, "since": since}
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(holder).encode() + b"\n", 0)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def flocked(path: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold a lock on a file, made if need be, however long that takes: for sections of milliseconds."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether a living process holds a lock on the file; no such file is held by nobody."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _obtain(descriptor: int, wait: float) -> bool:
    deadline = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(PAUSE)
        else:
            return True


def _holder(path: Path) -> tuple[str]:
    try:
        holder = json.loads(durable.read_plain(path))
        name = f"process {holder['pid']} ({holder['purpose']}, since {holder['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        name = "another process"
    return (f"{name} is at work under {path.parent}; nothing was changed",)
