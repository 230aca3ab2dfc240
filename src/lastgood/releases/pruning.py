"""Removes what is no longer needed, completely or not at all, and keeps the proofs of files that stay."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from lastgood.releases import durable, hashing, staging
from lastgood.releases.activation import is_live
from lastgood.releases.census import census_path
from lastgood.releases.place import Place
from lastgood.releases.proofs import Proofs, State
from lastgood.releases.release import description_path
from lastgood.releases.use import unused


@dataclass(slots=True)
class Weigher:
    """Counts the bytes that removing paths one after the other frees: a file's when its last link goes.

    Blocks that a reflink shares with another file are counted too: that cannot be seen from outside.
    """

    _seen: dict[tuple[int, int], int] = field(default_factory=dict)

    def weigh(self, paths: Iterable[Path]) -> int:
        """The bytes that removing these files and trees frees, after all that were weighed before."""
        return sum(self._weigh(file) for path in paths for file in files_below(path))

    def _weigh(self, file: str) -> int:
        status = os.lstat(file)
        inode = status.st_dev, status.st_ino
        self._seen[inode] = self._seen.get(inode, 0) + 1
        return status.st_size if self._seen[inode] == status.st_nlink else 0


def remove_directory(
    place: Place, directory: Path, proofs: Proofs, announce: Callable[[], None] = lambda: None
) -> bool:
    """Remove a release or an environment unless it is live or in use, which is checked again. Returns whether it was
    removed.

    `announce` is called when that is certain and nothing has happened yet (ordering.md, O5).

    The caller holds the place's exclusive lock, so that nobody switches. One rename removes the whole directory. What a
    crash leaves in staging, the next command removes.
    """
    with unused(place, directory) as free:
        if not free or is_live(place, directory):
            return False
        with staging.stage(place) as room:
            announce()
            # Renaming a directory into another one writes to it.
            directory.chmod(0o755)
            with staging.gate(place):
                directory.rename(room / directory.name)
                census_path(directory).unlink(missing_ok=True)
                description_path(directory).unlink(missing_ok=True)  # after what it describes (ordering.md, O7)
            durable.fsync_directory(directory.parent)
            _remove_files(room / directory.name, proofs)
    return True


def remove_objects(objects: Sequence[Path], proofs: Proofs) -> None:
    """Remove objects of a cache, keeping the proofs of those that a release still links."""
    _unlink((str(path) for path in objects), proofs)


def files_below(path: Path) -> Iterator[str]:
    """Everything below a path that is no directory, or the path itself; links are not followed."""
    if not S_ISDIR(path.lstat().st_mode):
        yield str(path)
        return
    for parent, directories, names in os.walk(path):
        for name in names:
            yield os.path.join(parent, name)  # noqa: PTH118  # 10,000 of them
        for name in directories:
            if os.path.islink(link := os.path.join(parent, name)):  # noqa: PTH114, PTH118  # as above
                yield link


def _remove_files(tree: Path, proofs: Proofs) -> None:
    for parent, _, _ in os.walk(tree):
        os.chmod(parent, 0o700)  # noqa: PTH101  # in a read-only one nobody but root may unlink
    _unlink(list(files_below(tree)), proofs)


def _unlink(files: Iterable[str], proofs: Proofs) -> None:
    """Unlink files, and update the proofs of inodes with other links, whose change time this changes.

    The file is held open meanwhile: its other names are not known here. A proof that was invalid just before is not
    updated, because it does not describe the state before this unlink.
    """
    moved: list[tuple[State, State]] = []
    for file in files:
        status = os.lstat(file)
        if not S_ISREG(status.st_mode) or status.st_nlink == 1:
            os.unlink(file)  # noqa: PTH108  # 10,000 of them
            continue
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            before = hashing.state(os.fstat(descriptor))
            os.unlink(file)  # noqa: PTH108  # as above
            moved.append((before, hashing.state(os.fstat(descriptor))))
        finally:
            os.close(descriptor)
    proofs.moved(moved)
