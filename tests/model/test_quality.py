"""How good the model must be on the month it has not seen."""

import lightgbm
import pandas as pd
from sklearn.metrics import log_loss, roc_auc_score


def test_it_tells_late_flights_from_punctual_ones(scored: pd.DataFrame) -> None:
    assert roc_auc_score(scored["late"], scored["score"]) > 0.65


def test_it_is_better_than_knowing_only_how_many_are_late(scored: pd.DataFrame) -> None:
    rate = [scored["late"].mean()] * len(scored)
    assert log_loss(scored["late"], scored["score"]) < log_loss(scored["late"], rate)


def test_it_is_worth_using_at_each_airport(scored: pd.DataFrame) -> None:
    for airport, flights in scored.groupby("origin"):
        assert roc_auc_score(flights["late"], flights["score"]) > 0.6, airport


def test_every_flight_gets_a_probability(scored: pd.DataFrame) -> None:
    assert scored["score"].between(0, 1).all()


def test_it_has_not_learned_how_a_flight_ended(model: lightgbm.Booster) -> None:
    assert not {"arr_delay", "arr_time", "air_time", "late"} & set(model.feature_name())
