"""Write the flights of one month as they are known before departure; no pipeline stage, for trying the model out."""

import argparse
import tempfile
from pathlib import Path

import pandas as pd

from features import IDENTIFIERS, read_flights
from fetch import YEAR, fetch
from prepare import joined, labelled

UNKNOWN = ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"]


def month_of(month: int) -> pd.DataFrame:
    """Return the flights of a month with their weather and all that happened to them later."""
    with tempfile.TemporaryDirectory() as directory:
        raw = Path(directory)
        fetch(month, raw)
        tables = [read_flights(raw / f"{name}-{YEAR}-{month:02}.csv") for name in ("flights", "weather")]
        return joined(*tables)


def main() -> None:
    """Write the CSV that predict.py reads, and on request one of what became of the flights that arrived."""
    parser = argparse.ArgumentParser(description="write the flights of a month of 2013 as known before departure")
    parser.add_argument("month", type=int, choices=range(1, 13))
    parser.add_argument("--output", type=Path, required=True, help="where to write the flights")
    parser.add_argument("--outcome", type=Path, help="where to write which of the flights that arrived were late")
    parser.add_argument("--late-after", type=int, default=15, help="minutes (default: %(default)s)")
    options = parser.parse_args()
    flights = month_of(options.month)
    flights.assign(**dict.fromkeys(UNKNOWN)).to_csv(options.output, index=False, lineterminator="\n")
    if options.outcome:
        outcome = labelled(flights, options.late_after)[[*IDENTIFIERS, "late"]]
        outcome.to_csv(options.outcome, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
