"""Locks that git met: they are removed if nobody can hold them any more, else reported with the next command.

git never removes the lock of a killed git, and everything that needs it fails from then on. The lock files do not name
their maker, so `holders` must first verify that no git works there (ordering.md, O8).
"""

import os
import re
import shlex
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lastgood.adapters.git.holders import blindness, common, find_holder
from lastgood.adapters.git.remotes import pushed_to
from lastgood.adapters.git.runner import Runner
from lastgood.errors import LockedError
from lastgood.releases import lock

PATIENCE = 3.0
"""Seconds to wait for a living holder."""
OLD_ENOUGH = 2.0
"""Seconds without change after which a lock is examined. git holds its own locks for milliseconds."""
PAUSE = 0.1
MET = re.compile(
    r"Unable to create '(?P<lock>/[^\n]*?\.lock)': File exists"
    r"|could not lock config file (?P<config>[^\n]+): File exists"
    r"|unable to create file (?P<fresh>/[^\n]*/packed-refs\.new): File exists"
)
"""git's messages (lockfile.c, config.c, refs/packed-backend.c) about an existing lock."""
_OWN = ("HEAD.lock", "config.lock", "index.lock", "packed-refs.lock", "packed-refs.new", "shallow.lock")


@dataclass(frozen=True, slots=True)
class Met:
    """A lock that git met, and the git directory that it is in."""

    lock: Path
    repository: Path


def mend(git: Runner, words: str, remote: str | None = None) -> bool:
    """Whether a lock that git named was removed, so that the command can be repeated.

    `remote` is the target of a push: the locks there are examined if it is on this machine. Raises `LockedError` for a
    lock that stays: a living process holds it, or its holder is unknown.
    """
    own = [line for line in words.splitlines() if not line.startswith("remote:")]
    met = [*_locks(own, git.directory, _directories(git))]
    if remote is not None and len(own) < len(words.splitlines()):
        met += _locks(words.splitlines(), git.directory, _there(git, remote))
    return bool([one for one in met if _remove(one)])  # all of them: a fetch reports many at once


def _locks(lines: Iterable[str], base: Path, directories: Iterable[Path]) -> Iterator[Met]:
    """The locks of these git directories that git's words name."""
    allowed = list(directories)
    for found in filter(None, map(MET.search, lines)):
        path = base / (found["lock"] or found["fresh"] or f"{found['config']}.lock")
        lock = path.parent.resolve() / path.name
        for directory in allowed:
            if lock.is_relative_to(directory):
                yield Met(lock, common(directory))
                break


def _directories(git: Runner) -> list[Path]:
    if git.git_dir is not None:
        return [git.git_dir.resolve()]
    code, out, _ = git.attempt("rev-parse", "--absolute-git-dir")
    own = Path(os.fsdecode(out).rstrip("\n"))
    return [own.resolve(), common(own)] if code == 0 else []


def _there(git: Runner, remote: str) -> list[Path]:
    """The git directories of a remote on this machine."""
    return [one for path in pushed_to(git, remote) if path.is_dir() for one in _directories(_open(git, path))]


def _open(git: Runner, path: Path) -> Runner:
    """A repository that is named: a bare one, too, which git does not discover for us."""
    is_bare = (path / "objects").is_dir() and (path / "HEAD").exists()
    return git.at(path, path if is_bare else None)


def _remove(met: Met) -> bool:
    """Remove a lock that nobody holds, and the others that were left beside it; whether it was there to remove."""
    first, deadline = _identity(met.lock), time.monotonic() + PATIENCE
    watched_since = time.monotonic()
    while first is not None and _identity(met.lock) == first:
        age = time.time() - first[2] / 1e9
        if age >= OLD_ENOUGH or time.monotonic() - watched_since >= OLD_ENOUGH:
            holder = _removed_or_held(met, first)
            if holder is None:
                return True
            if time.monotonic() >= deadline:
                raise LockedError(
                    f"git's lock {met.lock} is there: {holder} is at work in {met.repository}",
                    hint="run the same command again when it has ended",
                )
        time.sleep(PAUSE)
    return False


def _removed_or_held(met: Met, first: tuple[int, int, int]) -> str | None:
    """The holder of a lock; `None` if it was removed. Raises `LockedError` if neither is certain."""
    if why := blindness(met.repository):
        raise _for_people(met, f"it is unknown whether a git process holds it: {why}")
    with _alone(met.repository):
        if _identity(met.lock) != first:
            return None
        if holder := find_holder(met.lock, met.repository):
            return holder
        try:
            if _identity(met.lock) == first:
                met.lock.unlink()
        except PermissionError as error:
            raise _for_people(met, "no git process holds it, and it is another user's") from error
        for other in _beside(met):
            with suppress(OSError):
                if time.time() - other.lstat().st_mtime >= OLD_ENOUGH and find_holder(other, met.repository) is None:
                    other.unlink()
    return None


def _for_people(met: Met, why: str) -> LockedError:
    return LockedError(
        f"git's lock {met.lock} is there, and {why}",
        hint=f"if no git is at work in {met.repository}: rm {shlex.quote(str(met.lock))}",
    )


def _beside(met: Met) -> list[Path]:
    """The other locks of git in the same repository, without those of lastgood and of other tools."""
    own = [met.repository / name for name in _OWN]
    return [one for one in (*own, *(met.repository / "refs").rglob("*.lock")) if os.path.lexists(one)]


def _identity(lock: Path) -> tuple[int, int, int] | None:
    """What distinguishes this lock from the next of its name, `None` if it does not exist."""
    try:
        found = lock.lstat()
    except OSError:
        return None
    return found.st_ino, found.st_ctime_ns, found.st_mtime_ns


@contextmanager
def _alone(repository: Path) -> Iterator[None]:
    """Be the only lastgood that removes locks in a repository. A second one that had looked before would remove the
    lock that a git has made since. The lock is on the directory: it leaves nothing behind, and users of one origin
    exclude each other. Everybody who may read the directory can hold it, so it has a deadline."""
    descriptor = os.open(repository, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if not lock.obtain(descriptor, PATIENCE):
            holder, hint = lock.name_holder(descriptor)
            raise LockedError(f"{holder} holds a lock on {repository}, where git's own locks were left", hint=hint)
        yield
    finally:
        os.close(descriptor)
