"""The contents of a remote, with sizes and times as far as its kind reports them; inside the worker only."""

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, NamedTuple

from lastgood.core.listing import is_md5

PREFIXES = tuple(f"{number:02x}" for number in range(256))
TIMES = ("LastModified", "last_modified", "updated", "mtime", "modified", "created")
"""The names of a file's time in fsspec's file systems (s3fs, adlfs, gcsfs, sftp and local, webdav …)."""


class Found(NamedTuple):
    """Size in bytes and time in seconds since 1970; `None` if unknown."""

    size: int | None
    modified: float | None


def list_local(path: str, tell: Callable[[], object]) -> dict[str, Found]:
    """The objects below a directory of this machine, by id."""
    found = {}
    for prefix in PREFIXES:
        for entry in _entries(f"{path}/{prefix}"):
            if is_md5(prefix + entry.name) and entry.is_file(follow_symlinks=False):
                status = entry.stat(follow_symlinks=False)
                # A copy may keep its source's modification time; the change time is that of its coming.
                found[prefix + entry.name] = Found(status.st_size, max(status.st_mtime, status.st_ctime))
        tell()
    return found


def _entries(path: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            yield from entries
    except (FileNotFoundError, NotADirectoryError):
        return


def list_far(filesystem: Any, path: str, tell: Callable[[], object]) -> dict[str, Found]:
    """The objects below a directory of one of DVC's file systems, by id; prefix by prefix, so that it reports
    progress."""

    def ask(prefix: str) -> dict[str, Found]:
        try:
            listed = filesystem.fs.find(filesystem.join(path, prefix), detail=True)
        except (FileNotFoundError, NotADirectoryError):
            listed = {}
        tell()
        named = ((prefix + filesystem.name(place), info) for place, info in listed.items())
        return {name: _read(info) for name, info in named if is_md5(name)}

    found: dict[str, Found] = {}
    with ThreadPoolExecutor(filesystem.jobs) as pool:
        for part in pool.map(ask, PREFIXES):
            found.update(part)
    return found


def _read(info: Mapping[str, Any]) -> Found:
    size = info.get("size")
    times = [time for key in TIMES if (time := _seconds(info.get(key))) is not None]
    return Found(int(size) if size is not None else None, max(times, default=None))


def _seconds(given: object) -> float | None:
    if isinstance(given, str):
        try:
            given = datetime.fromisoformat(given)
        except ValueError:
            return None
    if isinstance(given, datetime):
        return (given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp()
    return float(given) if isinstance(given, int | float) else None
