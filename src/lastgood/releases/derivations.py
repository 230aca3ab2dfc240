"""What was derived from the commit of a tag, in one file for each tag object; a cache, never the truth.

A file is used only if nobody but the owner of the place can have written it, and only unchanged: its first line is the
SHA-256 of the question and the answer. Any other file counts as absent, and the answer is derived again.
"""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from stat import S_ISDIR, S_ISREG

from lastgood.errors import NotWritableError
from lastgood.releases.durable import NEW
from lastgood.releases.place import Place

OTHERS_MAY_WRITE = 0o022


def recall(place: Place, tag: str, basis: str) -> bytes | None:
    """The answer that `remember` stored for this tag object and basis; `None` if there is no trusted one.

    `basis` is everything besides the tag object that the answer depends on.
    """
    try:
        with _directory(place) as (directory, owner):
            descriptor = os.open(tag, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
            with os.fdopen(descriptor, "rb") as stream:
                _require_trusted(os.fstat(descriptor), S_ISREG, owner)
                seal, _, content = stream.read().partition(b"\n")
    except OSError:
        return None
    return content if seal == _seal(tag, basis, content) else None


def remember(place: Place, tag: str, basis: str, content: bytes) -> None:
    """Store the answer that `recall` will return, by one rename (O3). Not flushed: after a power cut the checksum does
    not match.

    Only the owner of the place writes, so that root leaves nothing behind that the owner cannot replace. If it cannot
    be written (a full disk, a read-only one), nothing is stored.
    """
    with suppress(OSError, NotWritableError):
        home = place.root if place.root.exists() else place.root.parent
        if home.lstat().st_uid == os.geteuid():
            place.create()
            place.derivations.mkdir(mode=0o700, exist_ok=True)
            with _directory(place) as (directory, _):
                _replace(directory, tag, _seal(tag, basis, content) + b"\n" + content)


@contextmanager
def _directory(place: Place) -> Iterator[tuple[int, int]]:
    """The directory, open, and the user whose files in it are trusted. Raises `OSError` if others may write there."""
    owner = place.root.lstat().st_uid  # judged by `Place.check`: ours, or one whose clones git trusts
    directory = os.open(place.derivations, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        _require_trusted(os.fstat(directory), S_ISDIR, owner)
        yield directory, owner
    finally:
        os.close(directory)


def _require_trusted(status: os.stat_result, kind: Callable[[int], bool], owner: int) -> None:
    if not kind(status.st_mode) or status.st_uid != owner or status.st_mode & OTHERS_MAY_WRITE:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def _replace(directory: int, name: str, content: bytes) -> None:
    """Replace a file. Two processes that write at once write equal answers, and the checksum rejects a mixture."""
    fresh = f"{NEW}{name}"  # a crash leaves one such file for each tag at most
    with suppress(FileNotFoundError):
        os.unlink(fresh, dir_fd=directory)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=directory)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
    os.replace(fresh, name, src_dir_fd=directory, dst_dir_fd=directory)


def _seal(tag: str, basis: str, content: bytes) -> bytes:
    """The checksum of several parts. Their lengths are included, so that no text can move from one part to the next."""
    digest = sha256()
    for part in (tag.encode(), basis.encode(errors="surrogateescape"), content):
        digest.update(b"%d\n" % len(part))
        digest.update(part)
    return digest.hexdigest().encode()
