"""One line that says how far something is: what fits of a bar, counts, bytes and the time left. It prints nothing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lastgood.cli.output import text

if TYPE_CHECKING:
    from lastgood.adapters.dvc.progress import Progress as Transfer

SHORTEST, LONGEST = 5, 24
"""Cells of a bar."""

SOON = 2.0
"""Seconds before a rate says anything."""


def of_transfer(now: "Transfer", elapsed: float, room: int) -> str:
    """A transfer's line. The time left is said only where the bytes are known, else it would be a guess."""
    doing = text.one_line(now.doing)
    if not now.total:
        return doing
    files = of(now.done, now.total)
    words = f"{files} {noun(now.total)}"
    if now.size is None:
        size = f", {text.size(now.bytes):>9}" if now.bytes else ""
        return line(doing, now.done, now.total, [words + size, files + size, files], room)
    size = f", {_bytes(now.bytes, now.size)}"
    left = f", {_left(now.bytes, now.size, elapsed)}".rstrip(", ").ljust(len(", 99 s left"))
    return line(doing, now.bytes, now.size, [words + size + left, files + size + left, files + size, files], room)


def line(doing: str, done: int, total: int, facts: Sequence[str], room: int) -> str:
    """The first of `facts` that fits into `room` columns beside a bar and, if that can be, what is done.

    Facts keep their width while they grow, and with them the bar.
    """
    for begin in (f"{doing}  ", ""):
        for some in facts:
            cells = room - len(begin) - len(some) - len("[] ")
            if cells >= SHORTEST:
                return f"{begin}{_bar(done, total, min(cells, LONGEST))} {some}"
    return facts[-1]


def of(done: int, total: int) -> str:
    """`  213/10,000`."""
    whole = f"{total:,}"
    return f"{done:>{len(whole)},}/{whole}"


def noun(number: int) -> str:
    """`file` or `files`."""
    return "file" if number == 1 else "files"


def span(seconds: float) -> str:
    """A span of time, as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _bar(done: int, total: int, cells: int) -> str:
    full = cells if total <= 0 else min(cells, cells * done // total)
    return f"[{'#' * full}{'-' * (cells - full)}]"


def _bytes(moved: int, size: int) -> str:
    """` 6.4/39.1 MiB`: both in the unit of the whole."""
    number, unit = text.size(size).split()
    part = f"{moved * float(number) / size:.1f}" if size >= 1024 else str(moved)
    return f"{part:>{len(number)}}/{number} {unit}"


def _left(moved: int, size: int, elapsed: float) -> str:
    if not 0 < moved < size or elapsed < SOON:
        return ""
    return f"{span((size - moved) / moved * elapsed)} left"
