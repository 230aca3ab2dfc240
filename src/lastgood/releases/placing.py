"""Puts one verified file into a release: shared with DVC's cache if the file system allows it, else copied."""

import errno
import fcntl
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG
from typing import Literal, TypeAlias

from lastgood.releases.hashing import StrPath

How: TypeAlias = Literal["reflink", "hard link", "copy"]

FICLONE = 0x40049409
"""linux/fs.h: share the blocks of another file, copied when one of the two is written."""

NO_REFLINK = {errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.EPERM, errno.ETXTBSY}
NO_HARD_LINK = {errno.EPERM, errno.EACCES, errno.EXDEV, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS}
WRITABLE = 0o222
READ_ONLY = 0o444
"""The mode of DVC's objects, which servers of other users need for the files of a release."""


@dataclass(slots=True)
class Placer:
    """Places files and counts how; remembers which file systems cannot reflink, because each try costs a file."""

    counts: dict[How, int] = field(default_factory=lambda: {"reflink": 0, "hard link": 0, "copy": 0})
    _no_reflink: set[tuple[int, int]] = field(default_factory=set)

    def place(self, source: str, target: str, status: os.stat_result, *, device: int, executable: bool = False) -> How:
        """Make `target`, which must not exist, a read-only file with the content of `source`. Returns how.

        A hard link is made only if nobody else can write to the file (`may_link`), and not for an executable output:
        owner and mode belong to the inode, which DVC's cache shares. `status` is the source's, `device` that of the
        target's directory. Raises `OSError` (a full disk, a lost source).
        """
        how: How = "copy"
        if (status.st_dev, device) not in self._no_reflink and self._reflink(source, target, status.st_dev, device):
            how = "reflink"
        elif not executable and may_link(status) and status.st_dev == device and _hard_link(source, target):
            how = "hard link"
        if how == "copy":
            shutil.copyfile(source, target, follow_symlinks=False)
        if how != "hard link":
            os.chmod(target, 0o555 if executable else 0o444)  # noqa: PTH101  # text: 100,000 files
            # As old as its source: a file that is older than its reading can be remembered as read (`proofs.is_racy`).
            os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
        self.counts[how] += 1
        return how

    def copy(self, source: Path, target: Path, *, device: int) -> None:
        """Make `target` a file of its own with the content of `source`, which its owner may write: never a hard link.

        An executable stays executable. `device` is that of the target's directory.
        """
        status = source.lstat()
        if (status.st_dev, device) in self._no_reflink or not self._reflink(source, target, status.st_dev, device):
            shutil.copyfile(source, target, follow_symlinks=False)
        target.chmod(status.st_mode & 0o777 | 0o600)

    def _reflink(self, source: StrPath, target: StrPath, *devices: int) -> bool:
        reader = os.open(source, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            writer = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                fcntl.ioctl(writer, FICLONE, reader)
            except OSError as error:
                os.unlink(target)  # noqa: PTH108  # text paths too
                if error.errno not in NO_REFLINK:
                    raise
                self._no_reflink.add((devices[0], devices[1]))
                return False
            finally:
                os.close(writer)
        finally:
            os.close(reader)
        return True


def may_link(status: os.stat_result) -> bool:
    """Whether a hard link of this file is as safe as a copy: a regular file of this user that all may read and none
    write. Another user could write to it at any time, whatever its mode.

    A POSIX access list grants no more than the mode's bits for the group, which are its mask (acl(5)).
    """
    return status.st_uid == os.geteuid() and S_ISREG(status.st_mode) and status.st_mode & 0o777 == READ_ONLY


def will_copy(status: os.stat_result, device: int, *, executable: bool) -> bool:
    """Whether placing this file on that device certainly takes its size in space (if it cannot be reflinked)."""
    return executable or status.st_dev != device or not may_link(status)


def _hard_link(source: str, target: str) -> bool:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in NO_HARD_LINK:
            raise
        return False
    return True
