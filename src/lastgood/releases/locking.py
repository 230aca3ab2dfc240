"""Whether the locks of a file system work: NFS without its lock server refuses all of them, others grant each one."""

import errno
import fcntl
import os
from pathlib import Path

from lastgood.errors import NotWritableError

NONE = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})
"""Errors of flock(2) on a file system without locks."""


def no_locks(path: Path, why: str) -> NotWritableError:
    """The error for a directory whose file system cannot keep two commands apart."""
    return NotWritableError(
        f"locks do not work in {path} ({why}): two commands could change it at the same time",
        hint="mount it with locks (NFS: without nolock, with rpc.statd running), or use a local disk",
    )


def require_lock(path: Path) -> None:
    """Raise `NotWritableError` if the file, which this process has locked, could be locked once more."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    finally:
        os.close(descriptor)
    raise no_locks(path.parent, "a second lock was granted")
