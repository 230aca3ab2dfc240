"""What must not change a flight's probability, to the last bit."""

import lightgbm
import numpy as np
import pandas as pd

from predict import score


def test_the_order_of_flights(model: lightgbm.Booster, scored: pd.DataFrame) -> None:
    shuffled = scored.sample(frac=1, random_state=1)
    assert np.array_equal(score(model, shuffled), shuffled["score"])


def test_the_flights_around_it(model: lightgbm.Booster, scored: pd.DataFrame) -> None:
    """Alone, a table holds one carrier, one origin and one destination: their codes must be those of training."""
    some = scored.sample(50, random_state=1)
    alone = [score(model, some.iloc[[row]])[0] for row in range(len(some))]
    assert np.array_equal(alone, some["score"])


def test_columns_that_are_no_features(model: lightgbm.Booster, scored: pd.DataFrame) -> None:
    repainted = scored.assign(tailnum="N14228", flight=1, sched_dep_time=0, late=1)
    assert np.array_equal(score(model, repainted), scored["score"])


def test_the_order_of_columns(model: lightgbm.Booster, scored: pd.DataFrame) -> None:
    assert np.array_equal(score(model, scored[scored.columns[::-1]]), scored["score"])


def test_a_destination_never_seen_is_scored(model: lightgbm.Booster, scored: pd.DataFrame) -> None:
    somewhere = score(model, scored.head(100).assign(dest="???"))
    assert np.isfinite(somewhere).all()
