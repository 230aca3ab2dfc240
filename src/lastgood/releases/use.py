"""Who works in a release or an environment right now: locks that die with their holders, for `prune` to respect."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lastgood.releases import lock
from lastgood.releases.place import Place


@contextmanager
def using(place: Place, directory: Path) -> Iterator[None]:
    """Hold a shared lock on a directory below `place.root`, there or not yet; look for it only inside the block.

    Waits while somebody removes it (`unused`).
    """
    with lock.flocked(_lock_file(place, directory), shared=True):
        yield


def in_use(place: Place, directory: Path) -> bool:
    """Whether a living process holds a directory; the answer may be old at once, so removing goes through `unused`."""
    return lock.is_held(_lock_file(place, directory, make=False))


@contextmanager
def unused(place: Place, directory: Path) -> Iterator[bool]:
    """Whether nobody uses a directory; while it is `True`, nobody can begin to, so that it may be removed."""
    descriptor = os.open(_lock_file(place, directory), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def _lock_file(place: Place, directory: Path, *, make: bool = True) -> Path:
    """Below `use/` as the directory lies below the root; never removed, as with all locks (`lock.exclusive`)."""
    path = place.use / f"{directory.relative_to(place.root)}.lock"
    if make:
        path.parent.mkdir(parents=True, exist_ok=True)
    return path
