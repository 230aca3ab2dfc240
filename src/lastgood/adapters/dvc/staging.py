"""Objects on their way into a directory: first beside it, verified and flushed there, then renamed to their names.

The directory is DVC's cache or a local remote; in both DVC trusts a 0444 file unread, for ever (facts.md, D9 and D16).
"""

import fcntl
import os
import subprocess
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from time import time
from types import TracebackType
from typing import Self

from lastgood.adapters.dvc.hashing import hash_file
from lastgood.adapters.dvc.progress import Meter

NAME = "lastgood"

COPIERS = min(4, os.cpu_count() or 1)
"""Threads that copy and hash; both release Python's lock for all but the smallest files."""

FEW = 16
"""Up to this number single fsyncs are cheaper than a flush of the file system: each costs a journal commit, the flush
only one."""

PATIENCE = 600
"""Seconds that a flush may take before it counts as silence: it also writes other processes' data to the disk."""

ABANDONED = 24 * 3600
"""Seconds after which a staging directory without a readable lock belongs to a process that was killed."""


class Staging:
    """A directory of this process's own in `directory / NAME`, on the file system of the objects' names.

    It is removed at the end. The next process removes what a killed one left: its lock ended with it.
    """

    def __init__(self, directory: Path, meter: Meter, *, legacy: bool, shared: bool) -> None:
        self._base = str(directory if legacy else directory / "files" / "md5")
        self._parent = directory / NAME
        self._path = self._parent / os.urandom(16).hex()
        self._meter = meter
        self._legacy = legacy
        self._shared = shared
        self._reflinks = True
        self._lock = -1
        self._unflushed: set[str] = set()
        self._known: set[str] = set()

    def __enter__(self) -> Self:
        sweep(self._parent.parent)
        unlocked = self._path.with_suffix(".new")  # no sweep looks at it until it is locked
        try:
            self._parent.mkdir(parents=True, exist_ok=True)
            unlocked.mkdir(mode=0o700)  # who can open it could hold its lock, or write to what lies in it
        except FileNotFoundError:  # another process has just removed the empty parent
            self._parent.mkdir(parents=True, exist_ok=True)
            unlocked.mkdir(mode=0o700)
        if self._shared:
            with suppress(OSError):  # the other user's, who made it so before
                self._parent.chmod(0o2775)
        try:
            self._lock = os.open(unlocked, os.O_RDONLY | os.O_DIRECTORY)
            with suppress(OSError):  # a file system without locks: then age decides
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            unlocked.rename(self._path)
        except OSError:
            unlocked.rmdir()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        rmtree(self._path, ignore_errors=True)  # what stays is swept by the next one
        os.close(self._lock)
        with suppress(OSError):  # another process may be staging beside this one
            self._parent.rmdir()

    def path_of(self, identifier: str) -> str:
        """The path of an object until it is kept."""
        return f"{self._path}/{identifier}"

    def copy(self, sources: Mapping[str, str]) -> dict[str, str]:
        """Copy files of this machine here, by identifier. Returns the md5 of each. Raises `OSError`."""
        items = list(sources.items())
        with ThreadPoolExecutor(COPIERS) as pool:
            shares = list(pool.map(self._copy, [items[number::COPIERS] for number in range(COPIERS)]))
        return {one: md5 for share in shares for one, md5 in share.items()}

    def _copy(self, items: Iterable[tuple[str, str]]) -> dict[str, str]:
        digests = {}
        for one, source in items:
            digests[one] = self._copy_one(source, self.path_of(one))
            self._meter.beat(objects=1)
        return digests

    def _copy_one(self, source: str, target: str) -> str:
        from dvc_objects.fs.system import reflink

        if self._reflinks:
            try:
                reflink(source, target)
            except FileNotFoundError:
                raise
            except OSError:  # none between these two places
                self._reflinks = False
            else:
                return hash_file(target, self._count, legacy=self._legacy)
        with open(target, "xb") as copy:  # noqa: PTH123  # 100,000 times
            return hash_file(source, self._count, legacy=self._legacy, copy=copy.write)

    def keep(self, identifiers: Collection[str]) -> None:
        """Give objects their names. Data first, then the name: a name is never visible with less than its whole
        data."""
        staged = [self.path_of(one) for one in identifiers]
        for path in staged:
            os.chmod(path, 0o444)  # noqa: PTH101  # 100,000 times
        flush(staged, self._meter)
        for path, one in zip(staged, identifiers, strict=True):
            directory = f"{self._base}/{one[:2]}"
            self._make(directory)
            os.rename(path, f"{directory}/{one[2:]}")  # noqa: PTH104  # 100,000 times
            self._unflushed.add(directory)
        self._meter.beat()

    def flush_directories(self) -> None:
        """Flush the names given so far, so that a power cut cannot lose them."""
        flush(self._unflushed, self._meter)
        self._unflushed.clear()

    def _count(self, size: int) -> None:
        self._meter.beat(size=size)

    def _make(self, name: str) -> None:
        if name in self._known:
            return
        missing, directory = [], Path(name)
        while not directory.is_dir():
            missing.append(directory)
            directory = directory.parent
        for directory in reversed(missing):
            directory.mkdir(exist_ok=True)
            if self._shared:
                directory.chmod(0o2775)
            self._unflushed.add(str(directory.parent))
        self._known.add(name)


def flush(paths: Collection[str], meter: Meter) -> None:
    """Flush these files and directories of one file system to disk. Raises `OSError`."""
    if len(paths) > FEW and _flush_file_system(next(iter(paths)), meter):
        return
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        meter.beat()


def flush_all(directory: str, meter: Meter) -> None:
    """Flush everything below a directory to disk, whoever wrote it."""
    if os.path.isdir(directory) and not _flush_file_system(directory, meter):  # noqa: PTH112  # DVC's paths are text
        os.sync()


def _flush_file_system(path: str, meter: Meter) -> bool:
    """Flush with one journal commit, for any number of files. False if that is impossible or failed: single fsyncs then
    report the error."""
    try:
        process = subprocess.Popen(["sync", "-f", path], stdin=subprocess.DEVNULL, stdout=2, stderr=subprocess.DEVNULL)
    except OSError:
        return False
    for _ in range(PATIENCE):
        with suppress(subprocess.TimeoutExpired):
            return process.wait(1) == 0
        meter.beat()
    return process.wait() == 0


def sweep(directory: Path) -> None:
    """Remove what killed processes left beside the objects of a cache or local remote."""
    with suppress(OSError):  # none, or just being removed
        for left in (directory / NAME).iterdir():
            with suppress(OSError):  # another user's in a shared cache: his next transfer takes it away
                if _is_abandoned(left):
                    rmtree(left)
        (directory / NAME).rmdir()


def _is_abandoned(path: Path) -> bool:
    """Whether its maker has ended: nobody holds its lock or, without locks, nothing happened for a day."""
    if path.suffix != ".new":
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            pass
        else:
            return True
        finally:
            os.close(descriptor)
    return time() - path.stat().st_mtime > ABANDONED
