"""The md5 that DVC computes for a file or stream, read chunk by chunk; inside the worker only."""

from collections.abc import Callable
from typing import Any

CHUNK = 1 << 20
"""Bytes read at once. In the legacy layout also the block in which DVC judges and converts text."""


def hash_file(
    path: str, tell: Callable[[int], object], *, legacy: bool, copy: Callable[[bytes], object] | None = None
) -> str:
    """`hash_stream` of a file of this machine."""
    with open(path, "rb") as file:  # noqa: PTH123  # 100,000 times
        return hash_stream(file, tell, legacy=legacy, copy=copy)


def hash_stream(
    file: Any, tell: Callable[[int], object], *, legacy: bool, copy: Callable[[bytes], object] | None = None
) -> str:
    """The md5 that DVC computes for the rest of an open file; in the legacy layout text is hashed with unix line ends.

    `tell` gets the number of bytes read, `copy` gets the bytes.
    """
    from dvc_data.hashfile.hash import get_hash_stream

    stream = get_hash_stream(_Whole(file, tell), name="md5-dos2unix" if legacy else "md5")
    while chunk := stream.read(CHUNK):
        if copy is not None:
            copy(chunk)
    return str(stream.hash_value)


class _Whole:
    """Reads whole chunks. A network stream returns what has arrived, and DVC's conversion depends on where chunks
    end."""

    def __init__(self, file: Any, tell: Callable[[int], object]) -> None:
        self._file = file
        self._tell = tell

    def read(self, size: int) -> bytes:
        """`size` bytes; fewer only at the end."""
        parts: list[bytes] = []
        while size > 0 and (part := self._file.read(size)):
            self._tell(len(part))
            size -= len(part)
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)
