"""Where everything under `.lastgood/` lives, by name; it knows no content."""

import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath
from shlex import quote

from lastgood.core.tags import file_name, from_file_name
from lastgood.errors import NotWritableError, UsageError

IGNORE_ALL = "# made by lastgood: nothing in here belongs into git\n*\n"


@dataclass(frozen=True, slots=True)
class Place:
    """The directory `.lastgood/` of a project, or `--root` on a serving host. DESIGN §4 lists what it holds."""

    root: Path

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
        """One file per stage for which something was done here while origin was out of reach."""
        return self.root / "pending"

    @property
    def staging(self) -> Path:
        """Unfinished work; what no living process holds may be removed at any time."""
        return self.root / "staging"

    @property
    def saved(self) -> Path:
        """Work that a checkout put aside, one directory per time; its owner removes it, nobody else."""
        return self.root / "saved"

    @property
    def proofs(self) -> Path:
        """The database of what was hashed."""
        return self.root / "proofs.db"

    @property
    def history(self) -> Path:
        """What this machine did, one JSON object a line."""
        return self.root / "history.jsonl"

    @property
    def lock(self) -> Path:
        """Held by whoever changes something here."""
        return self.root / "lock"

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

    def create(self) -> "Place":
        """Make the directory, ignored by git through its own `.gitignore`; what is there is never overwritten.

        Raises `NotWritableError` for another user's, or on a read-only disk.
        """
        try:
            self._make()
            if not os.access(self.root, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            raise NotWritableError(
                f"{self.root} cannot be written: {error.strerror}; nothing was changed",
                hint=f"see whose it is: ls -ld {quote(str(self.root))}; status and list only read",
            ) from error
        return self

    def _make(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError), (self.root / ".gitignore").open("x", encoding="utf-8") as stream:
            stream.write(IGNORE_ALL)
        for directory in (self.releases, self.live, self.follow, self.staging):
            directory.mkdir(exist_ok=True)

    def releases_of(self, artifact: str) -> Path:
        """The directory of an artifact's releases."""
        return self.releases / encode_name(artifact)

    def live_link(self, artifact: str, stage: str) -> Path:
        """The link whose target is live in a stage."""
        return self.live / encode_name(artifact) / encode_name(stage)


def release_name(version: str, commit: str, selection: Iterable[PurePosixPath] | None = None) -> str:
    """The name of a release's directory; `selection` are its output paths, `None` those of the whole release."""
    name = f"{version}-{commit[:12]}"
    if "/" in name or name.startswith(".") or "\0" in name:
        raise UsageError(f"{version!r} is no version")
    if selection is None:
        return name
    chosen = "\n".join(sorted(str(path) for path in selection))
    return f"{name}-{sha256(chosen.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


def encode_name(name: str) -> str:
    """An artifact's or stage's name as one directory name: `/` becomes `+` and `:` becomes `=`.

    GTO's grammar has neither `+` nor `=` in names, so that nothing is lost; a name with them, or one that a file
    system or our own temporary files could mistake, is a `UsageError`.
    """
    bad = any(part in {"", ".", ".."} for part in name.replace(":", "/").split("/"))
    if bad or name.startswith(".") or any(character in "+=\0" for character in name):
        raise UsageError(f"{name!r} cannot be the name of an artifact or a stage")
    return file_name(name)


def decode_name(name: str) -> str:
    """The inverse of `encode_name`."""
    return from_file_name(name)
