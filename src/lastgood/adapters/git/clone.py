"""The clone around a directory, or why there is none."""

import errno
import os
from dataclasses import dataclass
from pathlib import Path

from lastgood.adapters.git.command import Git, GitError
from lastgood.errors import LastgoodError, NotAProjectError, UsageError

PATH_FORMAT = "--path-format=absolute"
"""Of git 2.31."""


OLDEST = "2.36"
"""The oldest supported git, as in README: `core.fsync`, by which a power cut loses no event, and `fetch --refetch` need
it."""


ANSWERS = frozenset({0, 1, 128})
"""git's exit codes; 127 is the loader's."""


@dataclass(frozen=True, slots=True)
class Clone:
    """A clone as git describes it: its working tree's root, its git directories, whether its history is cut off."""

    root: Path
    git_dir: Path
    common_dir: Path
    shallow: bool


def find_clone(start: Path) -> Clone:
    """The repository around `start`. Raises `NotAProjectError`."""
    git = Git(start)
    try:
        out = git.line(
            "rev-parse", "--show-toplevel", "--absolute-git-dir", PATH_FORMAT, "--git-common-dir",
            "--is-shallow-repository", "--show-object-format",
        )  # fmt: skip
    except (GitError, OSError) as error:
        raise _no_clone(start, error) from error
    if PATH_FORMAT in out.split("\n"):  # what rev-parse does not know, it repeats
        raise LastgoodError(
            f"{git.line('version')} is too old: lastgood needs git {OLDEST} or newer",
            hint="install a newer git, and have it first on PATH",
            unchanged=True,
        )
    if out.count("\n") != 4:
        raise GitError(("rev-parse",), 0, "it answered in part only; is the disk full?")
    root, git_dir, common, shallow, ids = out.split("\n")
    if ids != "sha1":
        raise NotAProjectError(
            f"{root} names its objects by {ids}, which DVC and GTO cannot read",
            hint="use a repository made with git init --object-format=sha1",
        )
    return Clone(Path(root), Path(git_dir), Path(common), shallow == "true")


def _no_clone(start: Path, error: GitError | OSError) -> LastgoodError:
    words = error.words if isinstance(error, GitError) else error.strerror or str(error)
    first = next(iter(words.splitlines()), "").removeprefix("fatal: ").removeprefix("error: ")
    if "bad config" in words or "bad numeric config" in words or "bad boolean config" in words:
        return UsageError(
            f"git's configuration cannot be read: {first}",
            hint="correct that line; git config --list succeeds when it can be read",
        )
    if any(os.strerror(one) in words for one in (errno.EMFILE, errno.ENFILE)):
        return LastgoodError(
            f"git cannot be run: {first}", hint="allow more open files: ulimit -n 1024", unchanged=True
        )
    if isinstance(error, GitError) and error.code not in ANSWERS:
        return LastgoodError(f"git cannot be run: {first or error.message}", unchanged=True)
    if "dubious ownership" in words:
        return NotAProjectError(
            f"{start} is in the working tree of another user, which git does not trust",
            hint=next((line.strip() for line in words.splitlines() if "safe.directory" in line), "run it as its owner"),
        )
    if "safe.bareRepository" in words:
        return NotAProjectError(
            f"{start} is in a bare repository, which a commit can bring: git is not run by its settings",
            hint="cd into a working tree; a repository of your own is cloned first: git clone DIR",
        )
    place = "is not inside a git working tree" if start.is_dir() else "is not a directory that can be entered"
    return NotAProjectError(
        f"{start} {place}",
        hint="cd into a git repository with a DVC project, or name it with -C DIR",
    )
