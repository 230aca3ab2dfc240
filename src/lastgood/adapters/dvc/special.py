"""FIFOs, sockets and devices: a version cannot contain one, and a process that opens one to read may wait for ever."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

WORDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def find_special(path: Path) -> Iterator[tuple[Path, str]]:
    """The special files at a path or below it, also links to them, each with its kind."""
    if word := _word(str(path)):
        yield path, word
    waiting = [str(path)] if path.is_dir() else []
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif not entry.is_file() and (word := _word(entry.path)):
                    yield Path(entry.path), word


def _word(path: str) -> str | None:
    try:
        return WORDS.get(stat.S_IFMT(os.stat(path).st_mode))  # noqa: PTH116  # 100,000 times
    except OSError:  # a link that leads nowhere, or in a circle
        return None
