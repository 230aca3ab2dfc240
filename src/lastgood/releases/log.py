"""The log of what this machine did, one JSON object per line. The registry's journal is elsewhere, in git."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from lastgood.core.manifest import Json
from lastgood.releases import durable


def append(path: Path, event: Mapping[str, Json]) -> None:
    """Add one event, on disk when this returns. One write with O_APPEND: two processes cannot mix their lines.

    An incomplete line left by a power cut is ended first, so that no later line is lost with it.
    """
    line = json.dumps(event, sort_keys=True).encode() + b"\n"
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line
        os.write(descriptor, line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if not size:
        durable.fsync_directory(path.parent)


def read(path: Path) -> tuple[dict[str, Json], ...]:
    """All events, oldest first; incomplete and foreign lines are skipped."""
    try:
        content = durable.read_plain(path)
    except FileNotFoundError:
        return ()
    return tuple(_events(content))


def _events(content: bytes) -> Iterator[dict[str, Json]]:
    for line in content.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            yield event
