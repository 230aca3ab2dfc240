"""Moves an older `.lastgood/` out of the working tree, once: everything in it, by one rename if possible."""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shlex import quote
from stat import S_ISDIR

from lastgood.core.listing import PLACE
from lastgood.errors import LockedError, RefusedError
from lastgood.releases import durable
from lastgood.releases.place import IGNORE_ALL, Place

OLDER = PLACE
"""The former directory of releases and state: in the working tree, where a commit can put things, too."""
IGNORE = ".gitignore"
LIVE = "live"
ELSEWHERE = {errno.EXDEV, errno.EBUSY}
"""Another file system, a mount point."""
OWN = ("checkout.json", "saved")
"""Names that belong to one working tree."""


def is_left(tree: Path, place: Place) -> bool:
    """Whether a working tree has an older directory that was not moved yet."""
    return not place.moved.exists() and bool(_contents(tree / OLDER))


def is_ours(tree: Path) -> bool:
    """Whether this user owns the older directory and everything directly in it."""
    older = tree / OLDER
    return all(one.lstat().st_uid == os.geteuid() for one in (older, *older.iterdir()))


def remember_moved(place: Place) -> None:
    """Remember that no older directory is looked for any more: one that appears later comes from somebody else."""
    if place.worktree.is_dir():
        with suppress(OSError):
            place.moved.touch()


def move(tree: Path, place: Place) -> None:
    """Move the older directory of a working tree to lastgood's place. After a crash, running it again finishes it.

    A link `live` stays behind, for servers that use a path through it; lastgood never reads it. Raises `LockedError`
    while another lastgood works in there, `RefusedError` if two working trees have unpublished acts of one stage.
    """
    older = tree / OLDER
    with _alone(place.root.parent, older):
        if not is_left(tree, place):
            return  # another process was faster
        if place.own is not None:
            durable.make_directories(place.own)
            _merge(OWN, older, place.own)
        if _is_husk(place.root):
            _take(older, place)
        _merge(_contents(older), older, place.root)
        _require_published(older, place)
        _leave_link(older, place)
        durable.write_atomic(place.moved, b"")


def _contents(older: Path) -> list[str]:
    """The contents of a directory besides what a move leaves behind; empty for a link, a file, or a missing
    directory."""
    try:
        if not S_ISDIR(older.lstat().st_mode):
            return []
        names = sorted(one.name for one in older.iterdir())
    except OSError:
        return []
    return [name for name in names if name != IGNORE and not (name == LIVE and (older / name).is_symlink())]


@contextmanager
def _alone(common: Path, older: Path) -> Iterator[None]:
    """Hold the lock of the move, and that of an older lastgood. It waits for neither; both end with their holder."""
    descriptors = [os.open(common, os.O_RDONLY | os.O_DIRECTORY)]
    try:
        with suppress(FileNotFoundError):
            descriptors.append(os.open(older / "lock", os.O_RDWR | os.O_NOFOLLOW))
        for descriptor in descriptors:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        text = f"another process works in {older}, which must be moved into git's directory"
        raise LockedError(text, hint="run the same command again") from None
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _is_husk(root: Path) -> bool:
    """Whether the new place does not exist, or has only what an interrupted move was about to leave behind."""
    return not os.path.lexists(root) or not _contents(root)


def _take(older: Path, place: Place) -> None:
    """Exchange the older directory with what stays behind, so that a path through it works at every instant; a copy if
    it is on another file system."""
    durable.remove_tree(place.root)
    place.root.mkdir()
    (place.root / IGNORE).write_text(IGNORE_ALL)
    if (older / LIVE).is_dir():
        (place.root / LIVE).symlink_to(_way(older, place))
    durable.fsync_directory(place.root)
    try:
        durable.exchange(older, place.root)
        durable.fsync_directory(older.parent)
    except OSError as error:
        if error.errno not in ELSEWHERE:
            raise
        fresh = place.root.with_name(f"{place.root.name}.moving")
        durable.remove_tree(fresh)
        shutil.copytree(older, fresh, symlinks=True)
        durable.fsync_tree(fresh)
        durable.remove_tree(place.root)
        durable.rename(fresh, place.root)
        for name in _contents(older):
            if name != LIVE:
                durable.remove_tree(older / name)


def _merge(names: Iterable[str], source: Path, target: Path, depth: int = 2) -> None:
    """Rename the entries that the target lacks; the target's own entries are newer. `depth`: artifacts below
    `releases`."""
    for name in names:
        here, there = source / name, target / name
        if not os.path.lexists(here):
            continue
        if not os.path.lexists(there):
            here.rename(there)
        elif depth and _is_directory(here) and _is_directory(there):
            _merge([one.name for one in here.iterdir()], here, there, depth - 1)
    durable.fsync_directory(target)


def _is_directory(path: Path) -> bool:
    return S_ISDIR(path.lstat().st_mode)


def _require_published(older: Path, place: Place) -> None:
    for left in sorted((older / "pending").glob("*.json")):
        there = place.pending / left.name
        if left.read_bytes() != there.read_bytes():
            raise RefusedError(
                f"{left} and {there} hold different rollbacks that are not published yet",
                hint=f"publish the second one with another version of lastgood, or: rm {quote(str(left))}",
            )


def _leave_link(older: Path, place: Place) -> None:
    """Make paths through the older `live` lead to the new one, if there was an older one."""
    live = older / LIVE
    if live.is_dir() and not live.is_symlink():
        aside = older / f"{durable.NEW}{LIVE}"
        durable.remove_tree(aside)
        live.rename(aside)
        live.symlink_to(_way(older, place))
        durable.remove_tree(aside)


def _way(older: Path, place: Place) -> str:
    return os.path.relpath(place.live, older)
