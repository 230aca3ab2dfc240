"""The directories and files of lastgood's place, and their allowed owners. Small files of `registry` are named
there."""

import errno
import os
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath
from shlex import quote
from stat import S_IMODE, S_ISDIR, S_ISLNK, S_ISREG

from lastgood.core.tags import file_name, from_file_name
from lastgood.errors import NotWritableError, RefusedError, UsageError

NAME = "lastgood"
"""The name of lastgood's directory below git's."""

IGNORE_ALL = "# made by lastgood: nothing in here belongs into git\n*\n"


@dataclass(frozen=True, slots=True)
class Place:
    """lastgood's directory: for a clone below git's own, where no commit can put anything; `--root` on a serving host.

    `own` is the directory for one working tree, if it is another one: linked working trees share the rest.
    docs/design/disk.md lists all files.
    """

    root: Path
    own: Path | None = None

    @classmethod
    def of_clone(cls, git_dir: Path, common_dir: Path) -> "Place":
        """The place of a clone; a linked working tree has a git directory of its own."""
        own = git_dir / NAME
        return cls(common_dir / NAME, own if own != common_dir / NAME else None)

    @property
    def worktree(self) -> Path:
        """The directory of this working tree."""
        return self.own or self.root

    @property
    def releases(self) -> Path:
        """One directory per artifact, in it one per release."""
        return self.root / "releases"

    @property
    def environments(self) -> Path:
        """One virtual environment per lock file."""
        return self.root / "environments"

    @property
    def live(self) -> Path:
        """One directory per artifact, in it one link per stage."""
        return self.root / "live"

    @property
    def follow(self) -> Path:
        """One file per stage that this machine follows."""
        return self.root / "follow"

    @property
    def pending(self) -> Path:
        """One file per stage with offline rollbacks that are not published yet."""
        return self.root / "pending"

    @property
    def guard(self) -> Path:
        """One file per stage that is watched here: the evidence so far."""
        return self.root / "guard"

    @property
    def staging(self) -> Path:
        """Unfinished work. Anything that no living process holds may be removed at any time."""
        return self.root / "staging"

    @property
    def saved(self) -> Path:
        """Work that a checkout saved, one directory per time; only its owner removes it."""
        return self.worktree / "saved"

    @property
    def checkout(self) -> Path:
        """The file with the state of a checkout that is in progress in this working tree."""
        return self.worktree / "checkout.json"

    @property
    def moved(self) -> Path:
        """A file: this working tree has no older `.lastgood/` left to move."""
        return self.worktree / "moved"

    @property
    def use(self) -> Path:
        """Locks on releases and environments that are in use."""
        return self.root / "use"

    @property
    def proofs(self) -> Path:
        """The database of hashed files."""
        return self.root / "proofs.db"

    @property
    def derivations(self) -> Path:
        """What was derived from the commits of tags, one file for each tag object."""
        return self.root / "derivations"

    @property
    def history(self) -> Path:
        """The log of this machine, one JSON object per line."""
        return self.root / "history.jsonl"

    @property
    def locks(self) -> Path:
        """The files of all locks; only the owner may enter (`lock`)."""
        return self.root / "locks"

    @property
    def mirror(self) -> Path:
        """A serving host's copy of the repository."""
        return self.root / "mirror.git"

    @property
    def settings(self) -> Path:
        """A serving host's copy of the default branch's `lastgood.toml`, as of the last sync."""
        return self.root / "mirror.toml"

    @property
    def cache(self) -> Path:
        """A serving host's DVC cache."""
        return self.root / "cache"

    def check(self, accepted: Collection[int] = ()) -> "Place":
        """Raise `RefusedError` if one of lastgood's directories is a link or belongs to another user; missing ones are
        fine.

        Another owner could exchange the content while lastgood works in it. `accepted` are other users who may own it.
        """
        owners = {os.geteuid(), *accepted}
        directories = dict.fromkeys((self.root, self.worktree, *self._shared, *self._private, self.mirror))
        for path in (*directories, *self._settings):
            with suppress(FileNotFoundError, NotADirectoryError):
                _require_own(path, self.root, S_ISDIR if path in directories else S_ISREG, owners)
        return self

    @property
    def _settings(self) -> tuple[Path, ...]:
        """Files that control git and lastgood: whoever writes there decides what runs."""
        return (self.mirror / "config", self.mirror / "HEAD", self.settings)

    @property
    def _shared(self) -> tuple[Path, ...]:
        """Directories that the users who serve may read."""
        return (self.releases, self.live, self.environments)

    @property
    def _private(self) -> tuple[Path, ...]:
        """State and locks, closed to everybody else."""
        return (self.locks, self.follow, self.staging, self.pending, self.saved, self.use, self.derivations, self.guard)

    def create(self) -> "Place":
        """Create the directory, ignored by git through its own `.gitignore`; existing files are never overwritten.

        Raises `NotWritableError` for another user's, or on a read-only disk.
        """
        try:
            self._make()
            if not os.access(self.root, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            raise NotWritableError(
                f"{self.root} cannot be written: {error.strerror}",
                hint=f"see whose it is: ls -ld {quote(str(self.root))}; status and list only read",
            ) from error
        return self

    def _make(self) -> None:
        for directory in dict.fromkeys((self.root, self.worktree)):
            directory.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError), (self.root / ".gitignore").open("x", encoding="utf-8") as stream:
            stream.write(IGNORE_ALL)
        for directory in (self.releases, self.live):
            directory.mkdir(exist_ok=True)
        for directory in (self.follow, self.staging):
            directory.mkdir(mode=0o700, exist_ok=True)
        for directory in self._private:
            _narrow(directory, 0o700)
        for directory in dict.fromkeys((self.root, self.worktree, *self._shared)):
            _narrow(directory, 0o755)

    def releases_of(self, artifact: str) -> Path:
        """The directory of an artifact's releases."""
        return self.releases / encode_name(artifact)

    def live_link(self, artifact: str, stage: str) -> Path:
        """The link whose target is live in a stage."""
        return self.live / encode_name(artifact) / encode_name(stage)


def _require_own(path: Path, top: Path, kind: Callable[[int], bool], owners: Collection[int]) -> None:
    """Raise `RefusedError` for a path of another kind, or one that belongs to none of these users."""
    status = path.lstat()
    if not kind(status.st_mode):
        strange = "a link" if S_ISLNK(status.st_mode) else "of another kind"
        raise RefusedError(
            f"{path} is {strange}, which lastgood did not make",
            hint=f"see what it is: ls -ld {quote(str(path))}",
        )
    if status.st_uid not in owners:
        raise RefusedError(
            f"{path} belongs to another user ({status.st_uid}), who could exchange what is in it",
            hint=f"to trust that user: git config --global --add safe.directory {quote(str(top))}",
        )


def _narrow(directory: Path, most: int) -> None:
    """Remove excess permissions from a directory of the user; another user's is left alone."""
    with suppress(FileNotFoundError):
        status = directory.lstat()
        if S_ISDIR(status.st_mode) and S_IMODE(status.st_mode) & ~most and status.st_uid == os.geteuid():
            directory.chmod(S_IMODE(status.st_mode) & most)


def release_name(version: str, commit: str, selection: Iterable[PurePosixPath] | None = None) -> str:
    """The name of a release's directory; `selection` are its output paths, `None` those of the whole release."""
    name = f"{version}-{commit[:12]}"
    if "/" in name or name.startswith(".") or "\0" in name:
        raise UsageError(f"{version!r} is not a version")
    if selection is None:
        return name
    chosen = "\n".join(sorted(str(path) for path in selection))
    return f"{name}-{sha256(chosen.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


def encode_name(name: str) -> str:
    """An artifact's or stage's name as one directory name: `/` becomes `+` and `:` becomes `=`.

    GTO's grammar has neither `+` nor `=` in names, so nothing is lost. A name with them, or one that a file system or
    lastgood's temporary files could confuse, is a `UsageError`.
    """
    bad = any(part in {"", ".", ".."} for part in name.replace(":", "/").split("/"))
    if bad or name.startswith(".") or any(character in "+=\0" for character in name):
        raise UsageError(f"{name!r} cannot be the name of an artifact or a stage")
    return file_name(name)


def decode_name(name: str) -> str:
    """The inverse of `encode_name`."""
    return from_file_name(name)
