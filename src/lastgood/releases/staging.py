"""Directories for unfinished work. They are removed when the block ends, or by the next command after a crash."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath

from lastgood.releases import durable, lock
from lastgood.releases.place import Place

HELD = "lock"
GATE = PurePath(lock.STAGING.former).name
"""A file that an older lastgood left here, whose lock has the same meaning."""


@contextmanager
def stage(place: Place) -> Iterator[Path]:
    """An empty directory on the file system of the releases, removed with its content when the block ends.

    Its maker holds a lock in it, which the kernel frees: so `clean_staging` distinguishes living work from dead. The
    gate is held while directory and lock are made, or a cleaner could come between the two.
    """
    place.create()
    directory = place.staging / os.urandom(8).hex()
    with gate(place):
        directory.mkdir(mode=0o700)
        descriptor = os.open(directory / HELD, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield directory
    finally:
        durable.remove_tree(directory)
        os.close(descriptor)


@contextmanager
def gate(place: Place, *, wait: float = lock.PATIENCE) -> Iterator[None]:
    """Be alone while doing something in two steps: a directory here and its lock, a release and its description."""
    with lock.hold(place, lock.STAGING, "work in staging", wait=wait):
        yield


def clean_staging(place: Place, *, wait: float = lock.PATIENCE) -> int:
    """Remove the unfinished work of crashed processes, never that of living ones. Returns how many there were.

    Descriptions without a release are removed. Raises `LockedError` if another process is cleaning for `wait` seconds.
    """
    if not place.staging.is_dir():
        return 0
    removed = 0
    with gate(place, wait=wait):
        _remove_descriptions(place)
        for entry in place.staging.iterdir():
            if entry.name != GATE and not lock.is_held(entry / HELD):
                durable.remove_tree(entry)
                removed += 1
    return removed


def _remove_descriptions(place: Place) -> None:
    for directory in place.releases.iterdir() if place.releases.is_dir() else ():
        if directory.is_dir():
            durable.remove_leftovers(directory)
        for beside in (*directory.glob("*.json"), *directory.glob("*.files")):
            if not os.path.lexists(beside.with_suffix("")):
                beside.unlink()
