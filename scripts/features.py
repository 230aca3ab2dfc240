"""The features of the model, and how a table of flights with weather becomes them; knows no files but CSV tables."""

from pathlib import Path

import pandas as pd

IDENTIFIERS = ["year", "month", "day", "carrier", "flight", "origin", "dest", "sched_dep_time"]

CATEGORICAL = [
    "carrier",
    "origin",
    "dest",
]

# Weather is what was measured at the origin in the hour of departure: it stands for a forecast of that hour.
NUMERIC = [
    "distance",
    "hour",
    "weekday",
    "month",
    "temp",
    "dewp",
    "humid",
    "wind_dir",
    "wind_speed",
    "precip",
    "pressure",
    "visib",
]


def read_flights(source: Path) -> pd.DataFrame:
    """Read a CSV of flights; categories stay text, for a table of one flight of carrier 9E must not become a number."""
    return pd.read_csv(source, dtype=dict.fromkeys(CATEGORICAL, "str"))


def features(flights: pd.DataFrame) -> pd.DataFrame:
    """Return one row of features per flight, in the order given.

    Needs the columns year, month and day. A feature that the table does not have is empty, as is one whose value is
    not known yet. The codes of the categories are settled by the list that LightGBM keeps in the text model
    (`pandas_categorical`), so they are the same in training and in scoring whatever the table holds.
    """
    days = pd.to_datetime(flights[["year", "month", "day"]])
    table = flights.assign(weekday=days.dt.day_of_week).reindex(columns=[*CATEGORICAL, *NUMERIC])
    types = {**dict.fromkeys(CATEGORICAL, "category"), **dict.fromkeys(NUMERIC, "float64")}
    return table.astype(types)
