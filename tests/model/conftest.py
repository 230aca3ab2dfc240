"""What the gate looks at: the model and the held-out flights in this working tree, which must be there."""

from pathlib import Path

import lightgbm
import pandas as pd
import pytest

from features import read_flights
from predict import score

ROOT = Path(__file__).resolve().parents[2]


def present(path: str) -> Path:
    """Return the file of an output; a gate that skipped what is missing would let everything pass."""
    file = ROOT / path
    if not file.is_file():
        pytest.fail(
            f"{path} is missing: there is nothing to judge\nhint: run `dvc repro`, or `dvc pull`", pytrace=False
        )
    return file


@pytest.fixture(scope="session")
def model() -> lightgbm.Booster:
    return lightgbm.Booster(model_file=present("models/flights.txt"))


@pytest.fixture(scope="session")
def holdout() -> pd.DataFrame:
    """Flights of the month that the model has not seen, with `late`."""
    return read_flights(present("data/prepared/holdout.csv"))


@pytest.fixture(scope="session")
def scored(model: lightgbm.Booster, holdout: pd.DataFrame) -> pd.DataFrame:
    """The same flights with `score`, the model's probability that they are late."""
    return holdout.assign(score=score(model, holdout))
