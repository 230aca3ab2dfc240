"""Who works in a release or an environment right now: locks that end with their holders, for `prune` to respect.

No switch waits for one of them: only what removes a directory looks, and does not wait either.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lastgood.releases import lock
from lastgood.releases.place import Place


@contextmanager
def using(place: Place, directory: Path) -> Iterator[None]:
    """Hold a shared lock on a directory below `place.root`, there or not yet; look for it only inside the block.

    Waits while somebody removes it (`unused`). Raises `LockedError` when that takes too long.
    """
    with lock.hold(place, _lock(place, directory), "use", shared=True):
        yield


def in_use(place: Place, directory: Path) -> bool:
    """Whether a living process holds a directory; the answer may be old at once, so removing goes through `unused`."""
    return lock.is_taken(place, _lock(place, directory))


@contextmanager
def unused(place: Place, directory: Path) -> Iterator[bool]:
    """Whether nobody uses a directory; while it is `True`, nobody can begin to, so that it may be removed."""
    with lock.held_by_nobody(place, _lock(place, directory)) as free:
        yield free


def _lock(place: Place, directory: Path) -> lock.Lock:
    """Named as the directory is below the root."""
    name = f"use/{directory.relative_to(place.root)}"
    return lock.Lock(name, f"{name}.lock")
