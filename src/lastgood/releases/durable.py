"""Changes to files that survive a power cut and are never visible half done. It knows nothing of releases."""

import errno
import os
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path

NEW = ".new-"
"""The beginning of the names of unfinished files and links; no artifact, stage or version begins with a dot."""

AT_FDCWD, RENAME_EXCHANGE = -100, 2
"""linux/fcntl.h, linux/fs.h."""
NO_EXCHANGE = {errno.ENOSYS, errno.EINVAL}
"""Errors of a kernel or a file system without RENAME_EXCHANGE."""

FEW = 16
"""Up to this number single fsyncs are cheaper than flushing the file system: each costs a journal commit, syncfs only
one."""


def fsync_directory(path: Path) -> None:
    """Flush the directory's entries to disk: without this a power cut can undo a finished rename."""
    _fsync(path, os.O_RDONLY | os.O_DIRECTORY)


def _fsync(path: str | Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directories(path: Path) -> None:
    """Make a directory and its parents, and flush each entry: a release in a directory that a power cut loses is
    lost."""
    missing = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for directory in reversed(missing):
        directory.mkdir(mode=0o755, exist_ok=True)  # whatever the umask allows: who may write here may exchange it
        fsync_directory(directory.parent)


def read_plain(path: Path) -> bytes:
    """The content of a regular file, without following a link or waiting for a pipe. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            return stream.read()
    finally:
        os.close(descriptor)


def touch(path: Path) -> None:
    """Create a file, or set its time to now and keep its content; no link is followed."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        os.utime(descriptor)
    finally:
        os.close(descriptor)


def write_atomic(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write a file that is the old or the new one even after a crash: content first, then its name."""
    fresh = path.with_name(f"{NEW}{os.urandom(6).hex()}")
    try:
        write_new(fresh, content, mode=mode)
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    fsync_directory(path.parent)


def write_new(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write a file that must not exist yet; its content is on disk when this returns, its name may not be."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def rename(source: Path, target: Path) -> None:
    """Rename, and flush so that a power cut cannot lose the new name. A caller that needs the old name to be gone
    flushes its directory."""
    source.rename(target)
    fsync_directory(target.parent)


def exchange(one: Path, other: Path) -> None:
    """Exchange two directories by one step, flushed so that a power cut cannot undo the new content of `other`.

    If that is not available, by two renames: between them `other` has no name. Raises `OSError`, with nothing changed
    by the one step.
    """
    code = _exchange_at_once(one, other)
    if code in NO_EXCHANGE:
        aside = one.with_name(f"{NEW}{os.urandom(6).hex()}")
        other.rename(aside)
        one.rename(other)
        aside.rename(one)
    elif code:
        raise OSError(code, os.strerror(code), str(one), None, str(other))
    fsync_directory(other.parent)


def _exchange_at_once(one: Path, other: Path) -> int:
    """renameat2(2) with RENAME_EXCHANGE: its error number, or 0."""
    import ctypes  # 2 ms, which a switch does not need

    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:  # pragma: no cover  # a C library without it: none to test with
        return errno.ENOSYS
    code: int = renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE)
    return code and ctypes.get_errno()


def fsync_tree(directory: Path) -> None:
    """Flush everything below a directory to disk, also hard-linked data.

    DVC never fsyncs what it fetches: a power cut seconds later left 22 of 22 objects empty (facts.md, D9). One syncfs
    costs one journal commit, 10,000 fsyncs cost 10,000 calls. It also flushes writes of other processes; that is the
    price.
    """
    paths = []
    for parent, directories, files in os.walk(directory):
        if len(files) > 2 * FEW:
            sync_file_system(directory)
            return
        names = [name for name in files if not os.path.islink(os.path.join(parent, name))]  # noqa: PTH114, PTH118 (10,000 files)
        paths += [Path(parent, name) for name in names]
        paths += [Path(parent, name) for name in directories if not Path(parent, name).is_symlink()]
        if len(paths) > FEW:
            sync_file_system(directory)
            return
    for path in [*paths, directory]:
        _fsync(path, os.O_RDONLY | os.O_NOFOLLOW)


def fsync_files(paths: Iterable[str | Path]) -> None:
    """Flush the contents of all these files to disk; many on one file system by a single flush."""
    by_device: dict[int, list[str | Path]] = {}
    for path in paths:
        by_device.setdefault(os.stat(path).st_dev, []).append(path)  # noqa: PTH116  # text paths too
    for chosen in by_device.values():
        if len(chosen) > FEW:
            sync_file_system(chosen[0])
        else:
            for path in chosen:
                _fsync(path, os.O_RDONLY)


def sync_file_system(path: str | Path) -> None:
    """Flush the file system of a path: syncfs(2), which reports failed writes since Linux 5.8; else sync."""
    import ctypes  # as above

    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:  # pragma: no cover  # a C library without it: none to test with
        os.sync()
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if syncfs(descriptor) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), str(path))
    finally:
        os.close(descriptor)


def remove_tree(path: Path) -> None:
    """Remove a file, a link or a whole read-only tree; a no-op if it does not exist. Links are removed, never followed.

    Directories become writable first: in a read-only one only root may unlink. Files keep their mode: a hard-linked one
    shares it with DVC's cache, which trusts 0444.
    """
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(mode):
        path.unlink()
        return
    path.chmod(0o700)
    for parent, directories, _ in os.walk(path):
        for name in directories:
            directory = Path(parent, name)
            if not directory.is_symlink():
                directory.chmod(0o700)
    shutil.rmtree(path)


def remove_leftovers(directory: Path) -> None:
    """Remove unfinished files and links of crashed processes. The caller holds the lock under which they are made."""
    for entry in directory.iterdir() if directory.is_dir() else ():
        if entry.name.startswith(NEW):
            entry.unlink(missing_ok=True)
