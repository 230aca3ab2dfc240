"""Joining, labelling and holding out, and what the model sees of it."""

from pathlib import Path

import pandas as pd
import pytest

import features
from prepare import joined, labelled, prepare

FLIGHT = {
    "year": 2013, "month": 1, "day": 1, "carrier": "9E", "flight": 1, "origin": "JFK", "dest": "BOS",
    "sched_dep_time": 815, "dep_delay": 0.0, "arr_delay": 0.0, "distance": 187, "hour": 8,
    "time_hour": "2013-01-01T13:00:00Z",
}  # fmt: skip
WEATHER = {
    "origin": "JFK", "year": 2013, "month": 1, "day": 1, "hour": 8, "temp": 39.02, "visib": 10.0,
    "time_hour": "2013-01-01T13:00:00Z",
}  # fmt: skip


def table(*rows: dict[str, object]) -> pd.DataFrame:
    return pd.DataFrame(rows)


def test_a_flight_gets_the_weather_of_its_origin_and_hour() -> None:
    flights = joined(table(FLIGHT), table({**WEATHER, "origin": "EWR", "temp": 0.0}, WEATHER))
    assert flights["temp"].tolist() == [39.02]


def test_a_flight_without_weather_is_kept() -> None:
    flights = joined(table(FLIGHT), table({**WEATHER, "origin": "EWR"}))
    assert flights["temp"].isna().tolist() == [True]


@pytest.mark.parametrize(("delay", "late"), [(-20.0, 0), (15.0, 0), (16.0, 1)])
def test_late_is_more_than_so_many_minutes(delay: float, late: int) -> None:
    assert labelled(table({**FLIGHT, "arr_delay": delay}), 15)["late"].tolist() == [late]


def test_a_flight_that_never_arrived_has_no_label() -> None:
    assert labelled(table({**FLIGHT, "arr_delay": None}, FLIGHT), 15).index.tolist() == [1]


def test_the_last_month_is_held_out(tmp_path: Path) -> None:
    for month in (1, 2, 3):
        when = {"month": month, "time_hour": f"2013-0{month}-01T13:00:00Z"}
        table({**FLIGHT, **when}).to_csv(tmp_path / f"flights-2013-0{month}.csv", index=False)
        table({**WEATHER, **when}).to_csv(tmp_path / f"weather-2013-0{month}.csv", index=False)
    prepare(tmp_path, tmp_path / "prepared", 15)
    train, holdout = (features.read_flights(tmp_path / "prepared" / name) for name in ("train.csv", "holdout.csv"))
    assert train["month"].tolist() == [1, 2]
    assert holdout["month"].tolist() == [3]
    assert holdout["carrier"].tolist() == ["9E"]


def test_a_feature_that_is_not_known_is_empty_as_is_one_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "NUMERIC", ["distance", "dep_delay"])
    blank, absent = table({**FLIGHT, "dep_delay": None}), table(FLIGHT).drop(columns="dep_delay")
    assert features.features(blank)["dep_delay"].isna().all()
    pd.testing.assert_frame_equal(features.features(blank), features.features(absent))


def test_the_weekday_comes_from_the_date() -> None:
    assert features.features(table(FLIGHT))["weekday"].tolist() == [1.0]
