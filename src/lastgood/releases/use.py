"""Which releases and environments are in use right now: locks that end with their holders, which `prune` respects.

No switch waits for one of them: only commands that remove a directory test them, and do not wait either.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lastgood.releases import lock
from lastgood.releases.place import Place


@contextmanager
def using(place: Place, directory: Path) -> Iterator[None]:
    """Hold a shared lock on a directory below `place.root`, existing or not; look for it only inside the block.

    Waits while somebody removes it (`unused`). Raises `LockedError` if that takes too long.
    """
    with lock.hold(place, _lock(place, directory), "use", shared=True):
        yield


def in_use(place: Place, directory: Path) -> bool:
    """Whether a living process uses a directory; the answer may be outdated at once, so removing uses `unused`."""
    return lock.is_taken(place, _lock(place, directory))


@contextmanager
def unused(place: Place, directory: Path) -> Iterator[bool]:
    """Whether nobody uses a directory; while it is `True`, nobody can begin to, so it may be removed."""
    with lock.held_by_nobody(place, _lock(place, directory)) as free:
        yield free


def _lock(place: Place, directory: Path) -> lock.Lock:
    """The lock of a directory, named after its path below the root."""
    name = f"use/{directory.relative_to(place.root)}"
    return lock.Lock(name, f"{name}.lock")
