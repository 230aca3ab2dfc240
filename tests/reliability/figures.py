"""Figures of the sweeps: one JSON file each under `.reliability/`, from which docs/reliability.md is written, and a
line each at the end of the run, for pytest keeps what a test prints to itself."""

import json
import os
from pathlib import Path
from time import monotonic

SOAK = os.environ.get("LASTGOOD_SOAK") == "1"
DIRECTORY = Path(__file__).parents[2] / ".reliability"

MOST = 8
"""Counts on a line."""


def begin() -> float:
    """The moment at which a sweep begins, for `record`."""
    return monotonic()


def record(name: str, begun: float, *, cases: int, **counts: int) -> None:
    """Keep what a sweep saw, also of other processes' tests, until the end of the run.

    A sweep in several tests records under a name for each. The long form has a file of its own.
    """
    seconds = round(monotonic() - begun, 1)
    DIRECTORY.mkdir(exist_ok=True)
    document = {"sweep": name, "soak": SOAK, "cases": cases, **counts, "seconds": seconds}
    path = DIRECTORY / f"{name.replace(' ', '-')}{'-soak' if SOAK else ''}.json"
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def summary(since: float) -> list[str]:
    """A line for each sweep that was recorded since a moment, in seconds since 1970: `NAME: N cases, …, S seconds`."""
    files = [path for path in sorted(DIRECTORY.glob("*.json")) if path.stat().st_mtime >= since]
    return [_line(json.loads(path.read_text(encoding="utf-8"))) for path in files]


def _line(document: dict[str, object]) -> str:
    name = document.pop("sweep")
    form = " (long form)" if document.pop("soak") else ""
    counts = [f"{number} {what}" for what, number in document.items()]
    if len(counts) > MOST:  # a count for each kind of step
        counts[1:-1] = [f"{len(counts) - 2} more counts in .reliability/"]
    return f"{name}{form}: {', '.join(counts)}"
