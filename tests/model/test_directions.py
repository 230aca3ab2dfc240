"""What everybody at an airport knows, and the model must know too: one fact is changed in every flight at once.

Comparing groups of real flights would not do: in July fog comes in the early morning, when flights are punctual.
"""

import lightgbm
import pandas as pd

from predict import score


def risk(model: lightgbm.Booster, flights: pd.DataFrame, **facts: float) -> float:
    """Return the mean probability that these flights are late, had these facts held for all of them."""
    return float(score(model, flights.assign(**facts)).mean())


def test_evening_flights_are_later_than_those_of_the_early_morning(
    model: lightgbm.Booster, holdout: pd.DataFrame
) -> None:
    assert risk(model, holdout, hour=19) > risk(model, holdout, hour=7) + 0.02


def test_low_visibility_raises_the_risk(model: lightgbm.Booster, holdout: pd.DataFrame) -> None:
    assert risk(model, holdout, visib=1) > risk(model, holdout, visib=10) + 0.01


def test_rain_and_snow_raise_the_risk(model: lightgbm.Booster, holdout: pd.DataFrame) -> None:
    assert risk(model, holdout, precip=0.2) > risk(model, holdout, precip=0)


def test_carriers_differ(scored: pd.DataFrame) -> None:
    means = scored.groupby("carrier")["score"].mean()
    assert means.max() > means.min() + 0.05
