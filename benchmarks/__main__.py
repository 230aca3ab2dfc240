"""`make bench`, or `python -m benchmarks --rows 2,4`: measure, keep the raw numbers, write the table and the chart."""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from benchmarks import report, results
from benchmarks.bench import SCALES, Bench
from benchmarks.breakdown import break_down
from benchmarks.machine import ROOT, BenchmarkError, Machine, describe
from benchmarks.projects import remove
from benchmarks.reading import read
from benchmarks.rows import BY_NUMBER, ROWS

PARTS, READING = "parts", "reading"
ORDER = ("2", "11", "1", "5", "6", "7", "10", PARTS, "4", "3", READING, "8", "9")
"""Rows that share a project follow each other, so that a run that is ended early has most of the table."""
MLFLOW_ROW = "10"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the rows that were asked for. Returns 0 also when a target is not reached: the table says it.

    A row that cannot be measured keeps its former figures, the others go on, and 1 is returned.
    """
    given = _parse(arguments)
    output: Path | None = given.output
    directory = output / "results" if output else ROOT / "benchmarks/results"
    docs = output or ROOT / "docs"
    with _scratch() as scratch:
        bench = Bench(Machine.prepare(scratch), SCALES[given.scale], given.rounds, given.mlflow)
        facts = {
            **describe(scratch, given.mlflow),
            "scale": {"name": given.scale, **asdict(bench.scale)},
            "rounds": bench.rounds,
        }
        failed = [wanted for wanted in given.rows if not _attempt(bench, wanted, directory, facts)]
        found = results.read(directory)
        report.write(docs / "benchmarks.md", docs / "benchmarks.svg", found, directory)
        bench.say(f"wrote {docs / 'benchmarks.md'}" + (f"; not measured: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


def _attempt(bench: Bench, wanted: str, directory: Path, facts: dict[str, object]) -> bool:
    try:
        _measure(bench, wanted, directory, facts)
    except BenchmarkError as error:
        bench.say(f"  row {wanted} cannot be measured: {error}")
        return False
    return True


def _measure(bench: Bench, wanted: str, directory: Path, facts: dict[str, object]) -> None:
    if wanted == PARTS:
        bench.say("what the time of a rollback is made of")
        report.keep(directory, report.BREAKDOWN, {**break_down(bench), **facts})
        return
    if wanted == READING:
        bench.say("reading commands on a registry of many versions")
        report.keep(directory, report.READING, {"readings": [asdict(one) for one in read(bench)], **facts})
        return
    row = BY_NUMBER[int(wanted)]
    bench.say(f"{row.number}. {row.what}")
    measured = row.measure(bench)
    path = results.write(directory, row, measured, facts)
    ratio = row.ratio(measured)
    bench.say(
        f"  {ratio:.3g} ×, to reach: {row.target}: {'reached' if row.reached(ratio) else 'NOT reached'} ({path.name})"
    )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--rows", help=f"numbers, `{READING}` and `{PARTS}`, with commas; all", default="")
    parser.add_argument("--scale", choices=SCALES, default="full", help="how large the projects are; full")
    parser.add_argument("--rounds", type=int, help="rounds that count; five at full scale")
    parser.add_argument("--output", type=Path, help="a directory for results, page and chart; the repository's own")
    parser.add_argument("--mlflow", type=Path, default=ROOT / ".venv-bench", help="where MLflow is installed")
    given = parser.parse_args(arguments)
    given.rounds = given.rounds or SCALES[given.scale].rounds
    given.mlflow = given.mlflow.absolute() if (given.mlflow / "bin/mlflow").exists() else None
    known = [*(str(row.number) for row in ROWS), PARTS, READING]
    possible = [one for one in ORDER if given.mlflow or one != MLFLOW_ROW]
    given.rows = given.rows.split(",") if given.rows else possible
    if strange := [one for one in given.rows if one not in known]:
        parser.error(f"no such row: {', '.join(strange)}")
    if given.output:
        given.output.mkdir(parents=True, exist_ok=True)
    elif given.scale != "full":
        parser.error("a small scale says nothing about speed and needs --output")
    return given


@contextmanager
def _scratch() -> Iterator[Path]:
    """An empty directory below `LASTGOOD_BENCH_DIR`, or where temporary files live; gone at the end."""
    base = os.environ.get("LASTGOOD_BENCH_DIR")
    if base:
        Path(base).mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="lastgood-bench-", dir=base))
    try:
        yield directory
    finally:
        remove(directory)


if __name__ == "__main__":
    sys.exit(main())
