"""Reads files to compute their digests. `proofs` remembers them."""

import os
from collections.abc import Sequence
from hashlib import md5, sha256
from io import FileIO
from pathlib import Path
from stat import S_ISREG
from typing import TypeAlias

from lastgood.core.digests import Digests
from lastgood.errors import Finding, FindingsError, Flaw, NotCarriedOutError

StrPath: TypeAlias = str | Path
"""Paths as text, because there may be 100,000 of them."""

BLOCK = 1 << 20
"""Bytes per read. Also the block in which DVC judges and converts text, so a change here breaks `legacy_md5`."""

LARGE = 1 << 18
ATTEMPTS = 3
TEXT = bytes(range(32, 127)) + b"\n\r\t\f\b"


def digests(path: StrPath) -> Digests:
    """MD5 and SHA-256 of a file, in one read; it raises as `read_stable` does."""
    return read_stable(path)[0]


def read_stable(path: StrPath, *, weak: bool = True) -> tuple[Digests, os.stat_result]:
    """The digests of a file that did not change during the read, and its state; MD5 only with `weak`.

    Raises `OSError`, and `NotCarriedOutError` for a file that somebody keeps writing.
    """
    for _ in range(ATTEMPTS):
        with _open(path) as stream:
            before = os.fstat(stream.fileno())
            fast, strong, size = md5(usedforsecurity=False) if weak else None, sha256(), 0
            buffer = memoryview(bytearray(min(BLOCK, before.st_size + 1)))
            # No further than it was long: one that grows as fast as it is read would never end.
            while size <= before.st_size and (count := stream.readinto(buffer)):
                if fast is not None:
                    fast.update(buffer[:count])
                strong.update(buffer[:count])
                size += count
            after = os.fstat(stream.fileno())
        if size == after.st_size and state(before) == state(after):
            return Digests(fast.hexdigest() if fast is not None else "", strong.hexdigest(), size), after
    raise NotCarriedOutError(f"{path} changes while it is read", hint="see who writes it, then try again")


def _open(path: StrPath) -> FileIO:
    """A regular file, open for reading; opening never waits. Raises `OSError`, and `FindingsError` for anything else:
    opening a device may have effects, so its kind is tested before."""
    if S_ISREG(os.stat(path).st_mode):  # noqa: PTH116  # 100,000 times
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        if S_ISREG(os.fstat(descriptor).st_mode):
            return FileIO(descriptor)
        os.close(descriptor)
    message = f"{path} is not a regular file"
    raise FindingsError(message, [Finding(Flaw.SPECIAL, str(path), message)])


def read_many(
    paths: Sequence[StrPath], sizes: Sequence[int], *, weak: bool = True
) -> list[tuple[Digests, os.stat_result]]:
    """`read_stable` of many files of about these sizes, in their order; the large ones on all processors.

    hashlib releases Python's lock for those. Small ones would compete for that lock: 10,000 files of 4 KiB took 0.57 s
    in two threads and 0.19 s in one.
    """
    large = [path for path, size in zip(paths, sizes, strict=True) if size >= LARGE]
    if not large:
        return [read_stable(path, weak=weak) for path in paths]
    from concurrent.futures import ThreadPoolExecutor  # 4 ms, for nothing where no file is large

    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        pending = {path: pool.submit(read_stable, path, weak=weak) for path in large}
        done = {path: read_stable(path, weak=weak) for path in paths if path not in pending}
        done.update((path, future.result()) for path, future in pending.items())
    return [done[path] for path in paths]


def state(status: os.stat_result) -> tuple[int, int, int, int, int]:
    """Device, inode, size, modification and change time: equal states mean equal content."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def legacy_md5(path: StrPath) -> str:
    """DVC's `md5-dos2unix`: CRLF counts as LF in what looks like text (dvc_data/hashfile/hash.py).

    DVC 3 judges every MiB by its first 512 bytes, and converts it alone: a CRLF across two blocks stays.
    """
    return _legacy_md5(path, each=True)


def is_legacy_md5(path: StrPath, expected: str) -> bool:
    """Whether a file has this `md5-dos2unix` as DVC 3 computes it, or DVC 2, which judged only the first block."""
    return expected in (_legacy_md5(path, each=each) for each in (True, False))


def _legacy_md5(path: StrPath, *, each: bool) -> str:
    digest = md5(usedforsecurity=False)
    text: bool | None = None
    with _open(path) as stream:
        while block := stream.read(BLOCK):
            if each or text is None:
                text = _looks_like_text(block[:512])
            digest.update(block.replace(b"\r\n", b"\n") if text else block)
    return digest.hexdigest()


def _looks_like_text(start: bytes) -> bool:
    """DVC's heuristic (dvc_data/hashfile/istextfile.py): no NUL, and at most 30 % of odd bytes."""
    return b"\x00" not in start and len(start.translate(None, TEXT)) / len(start) <= 0.30
