"""Which objects of a DVC remote are needed: pure decisions over hashes, ages and shares."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

HOUR = 3600
_HASH = re.compile(rb"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])(?:\.dir)?")
PINNING = ("*.dvc", "dvc.lock", "**/dvc.lock")
"""The files in which DVC keeps hashes, as git's `:(glob)` patterns."""
UNNEEDED = "nothing on origin names it"


@dataclass(frozen=True, slots=True)
class Stored:
    """An object on the remote that the DVC project at `root` calls `remote`; `legacy` as in `Output`.

    `size` is in bytes and `modified` in seconds since 1970, `None` if the remote does not report it. `why` is the
    reason why it is not needed.
    """

    root: str
    remote: str
    md5: str
    legacy: bool = False
    size: int | None = None
    modified: float | None = None
    why: str = UNNEEDED


def hashes_in(content: bytes) -> frozenset[str]:
    """Everything in a `dvc.lock`, `.dvc` file or listing that looks like an object's id.

    The file is read as text, whatever it means: a hash too many keeps an object, a hash too few loses one.
    """
    return frozenset(found.decode() for found in _HASH.findall(content))


def is_pinning(path: str) -> bool:
    """Whether DVC keeps hashes in a file of this name."""
    name = path.rpartition("/")[2]
    return name == "dvc.lock" or (name.endswith(".dvc") and name != ".dvc")


def old_enough(objects: Iterable[Stored], now: float, grace: int) -> tuple[tuple[Stored, ...], int]:
    """The objects that are older than `grace` hours, and how many are younger.

    `register` uploads before it writes the tag, so an object without a reference may be in use soon (ordering.md, O7).
    Where a remote reports no time, an object is old enough only if the grace is 0.
    """
    given = tuple(objects)
    old = tuple(one for one in given if grace == 0 or (one.modified is not None and one.modified <= now - grace * HOUR))
    return old, len(given) - len(old)


def exceeds(going: int, total: int, share: int) -> bool:
    """Whether the removal of `going` of `total` objects is more than `share` percent."""
    return going * 100 > total * share


def both(shown: Iterable[Stored], fresh: Iterable[Stored]) -> tuple[Stored, ...]:
    """The objects of `fresh` that were shown before and are unchanged. An object that was written again is another
    one."""
    known = {replace(one, why="") for one in shown}
    return tuple(one for one in fresh if replace(one, why="") in known)
