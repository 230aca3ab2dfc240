"""The raw numbers as JSON, one file for each row: written after each row, read for the table and the chart."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measuring import OURS, THEIRS, Measured
from benchmarks.rows import BY_NUMBER, Goal, Row

SCHEMA = 1


@dataclass(frozen=True)
class Result:
    """A row with its figures: seconds, or KiB where it is about memory; `document` is all that was kept."""

    row: Row
    ours: float
    theirs: float
    ratio: float
    reached: bool
    spread: tuple[float, float]
    document: dict[str, Any]


def write(directory: Path, row: Row, measured: Measured, facts: dict[str, object]) -> Path:
    """Keep one row's raw numbers with what they were measured on and with."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{row.number:02}-{row.slug}.json"
    sides = {
        name: {"command": series.command, "samples": [asdict(sample) for sample in series.samples]}
        for name, series in measured.items()
    }
    ratio = row.ratio(measured)
    document = {
        "schema": SCHEMA,
        "row": row.number,
        "what": row.what,
        "against": row.against,
        "target": row.target,
        "ratio": ratio,
        "reached": row.reached(ratio),
        "units": {"seconds": "s", "peak": "KiB, RSS of the largest process"},
        "sides": sides,
        **facts,
    }
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return path


def read(directory: Path) -> list[Result]:
    """All rows that were kept, in the table's order."""
    documents = (json.loads(path.read_text(encoding="utf-8")) for path in sorted(directory.glob("[0-9]*.json")))
    return [_result(document) for document in documents]


def _result(document: dict[str, Any]) -> Result:
    row = BY_NUMBER[document["row"]]
    key = "peak" if row.goal is Goal.BELOW else "seconds"
    ours, theirs = ([sample[key] for sample in document["sides"][name]["samples"]] for name in (OURS, THEIRS))
    above, below = (theirs, ours) if row.goal is Goal.FASTER else (ours, theirs)
    rounds = [over / under for over, under in zip(above, below, strict=True)]
    return Result(
        row=row,
        ours=median(ours),
        theirs=median(theirs),
        ratio=document["ratio"],
        reached=document["reached"],
        spread=(min(rounds), max(rounds)),
        document=document,
    )
