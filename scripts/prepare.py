"""Pipeline stage `prepare`: flights joined with weather and labelled, the last month held out."""

from pathlib import Path

import pandas as pd
import yaml

from features import CATEGORICAL, IDENTIFIERS, NUMERIC, read_flights

RAW = Path("data/raw")
PREPARED = Path("data/prepared")
PLACE_AND_HOUR = ["origin", "time_hour"]


def joined(flights: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    """Return the flights with the weather at their origin in their scheduled hour; empty where none was measured.

    The hour is the one in UTC: on the night in November when clocks go back, the local hour names two.
    """
    measured = weather.drop(columns=["year", "month", "day", "hour"])
    return flights.merge(measured, how="left", on=PLACE_AND_HOUR, validate="many_to_one")


def labelled(flights: pd.DataFrame, late_after: int) -> pd.DataFrame:
    """Return the flights that arrived, with `late` as 1 for more than `late_after` minutes and 0 otherwise.

    A flight that was cancelled or diverted has no arrival delay and so no label: it is left out here, and is scored
    all the same when the model is used, because nobody knows it beforehand.
    """
    arrived = flights.dropna(subset=["arr_delay"])
    return arrived.assign(late=(arrived["arr_delay"] > late_after).astype("int64"))


def prepare(raw: Path, prepared: Path, late_after: int) -> None:
    """Write train.csv and holdout.csv; the holdout is the last month that was fetched."""
    flights = pd.concat([read_flights(file) for file in sorted(raw.glob("flights-*.csv"))], ignore_index=True)
    weather = pd.concat([read_flights(file) for file in sorted(raw.glob("weather-*.csv"))], ignore_index=True)
    table = labelled(joined(flights, weather), late_after)
    wanted = dict.fromkeys([*IDENTIFIERS, *CATEGORICAL, *NUMERIC, "late"])
    table = table[[column for column in wanted if column in table.columns]]
    last = table["month"].max()
    prepared.mkdir(parents=True, exist_ok=True)
    table[table["month"] < last].to_csv(prepared / "train.csv", index=False, lineterminator="\n")
    table[table["month"] == last].to_csv(prepared / "holdout.csv", index=False, lineterminator="\n")


def main() -> None:
    """Prepare what was fetched."""
    params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))["prepare"]
    prepare(RAW, PREPARED, params["late_after"])


if __name__ == "__main__":
    main()
