"""What was not there before a command: a dry run, and a first call that fails, leave no directory behind."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lastgood.errors import LockedError, NotWritableError
from lastgood.releases import durable
from lastgood.releases.place import Place


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a place is about to be. `absent` are its directories, and those above it, that do not exist yet, deepest
    first."""

    place: Place
    absent: tuple[Path, ...] = ()

    @classmethod
    def before(cls, place: Place) -> "Ground":
        """What is there now, before the place is made."""
        found: dict[Path, None] = {}
        for directory in (place.worktree, place.root):
            for one in (directory, *directory.parents):
                if one.exists():
                    break
                found[one] = None
        return cls(place, tuple(sorted(found, key=lambda one: len(one.parts), reverse=True)))

    @contextmanager
    def cleared_after_failure(self) -> Iterator[None]:
        """Clear the ground when the block fails."""
        try:
            yield
        except BaseException:
            self.clear()
            raise

    def clear(self) -> None:
        """Remove the place, if it was not there and holds nothing but what can be read again from origin.

        It stays where another process is at work, or where it cannot be removed: a directory too many is no harm.
        """
        if self.place.root not in self.absent or not self.place.root.is_dir():
            return
        from lastgood.releases.lock import exclusive

        with suppress(OSError, LockedError, NotWritableError), exclusive(self.place, "clear"):
            if _is_needed(self.place):
                return
            durable.remove_tree(self.place.root)
            for directory in self.absent:
                if directory == self.place.worktree:
                    durable.remove_tree(directory)
                elif directory != self.place.root:
                    directory.rmdir()


def _is_needed(place: Place) -> bool:
    """Whether something lies there that this machine did, serves, or took time to hash."""
    directories = (
        place.releases, place.live, place.follow, place.pending, place.staging, place.saved, place.environments,
    )  # fmt: skip
    if any(entry for directory in directories if directory.is_dir() for entry in directory.iterdir()):
        return True
    if place.checkout.exists() or place.history.exists():
        return True
    from lastgood.releases.proofs import Proofs

    if not place.proofs.exists():
        return False
    with Proofs(place.proofs) as proofs:
        return not proofs.is_empty()
