"""Directories in memory, where a flush is free. Only one sweep tests power cuts; the other tests need no disk."""

import os
import shutil
from pathlib import Path

ENOUGH = 1 << 30
"""Bytes; a container's own /dev/shm may have 64 MB."""


def in_memory(fallback: Path) -> Path:
    """A new directory in memory, which the caller removes; `fallback` if there is none or it is too small."""
    memory = Path("/dev/shm")  # noqa: S108  # a file system, not a file of known name
    if not os.access(memory, os.W_OK) or shutil.disk_usage(memory).free < ENOUGH:
        return fallback
    path = memory / f"lastgood-{os.getpid()}-{fallback.name}"
    path.mkdir()
    return path
