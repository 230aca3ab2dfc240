"""Figures of the sweeps: one JSON file each under `.reliability/`, from which docs/reliability.md is written, and a
line on standard error at the end of the sweep."""

import json
import os
import sys
from pathlib import Path
from time import monotonic

SOAK = os.environ.get("LASTGOOD_SOAK") == "1"
DIRECTORY = Path(__file__).parents[2] / ".reliability"


def begin() -> float:
    """The moment at which a sweep begins, for `record`."""
    return monotonic()


def record(name: str, begun: float, *, cases: int, **counts: int) -> None:
    """Keep and print what a sweep saw: `sweep NAME: N cases, 0 tracebacks, 0 escapes, S s`.

    A sweep in several tests records under a name for each. The long form has a file of its own.
    """
    seconds = round(monotonic() - begun, 1)
    told = ", ".join([f"{cases} cases", *(f"{number} {what}" for what, number in counts.items())])
    print(f"sweep {name}: {told}, {seconds} s", file=sys.__stderr__)  # what a sweep is for
    DIRECTORY.mkdir(exist_ok=True)
    document = {"sweep": name, "soak": SOAK, "cases": cases, **counts, "seconds": seconds}
    path = DIRECTORY / f"{name.replace(' ', '-')}{'-soak' if SOAK else ''}.json"
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
