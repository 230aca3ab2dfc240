"""Score flights: how likely each is to arrive late, from what is known before it departs.

Uses the model beside it, so that a release directory is scored with its own code and model wherever it lies.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features import IDENTIFIERS, features, read_flights

MODEL = Path(__file__).resolve().parent.parent / "models" / "flights.txt"


def score(model: Any, flights: pd.DataFrame) -> NDArray[np.float64]:
    """Return the probability of a late arrival of each flight, in the order given."""
    return np.asarray(model.predict(features(flights)), dtype=np.float64)


def predictions(model: Any, flights: pd.DataFrame) -> pd.DataFrame:
    """Return what identifies each flight, and its `probability`."""
    known = [column for column in IDENTIFIERS if column in flights.columns]
    return flights[known].assign(probability=score(model, flights))


def main() -> None:
    """Score one CSV of flights with weather; a probability is written so that it reads back to the last bit."""
    parser = argparse.ArgumentParser(description="score flights with the model beside this script")
    parser.add_argument("flights", type=Path, help="CSV of flights as known before departure, with weather")
    parser.add_argument("--model", type=Path, default=MODEL, help="a LightGBM text model (default: %(default)s)")
    parser.add_argument("--output", type=Path, help="where to write (default: standard output)")
    options = parser.parse_args()
    for file in (options.flights, options.model):
        if not file.is_file():
            sys.exit(f"error: no such file: {file}")
    table = predictions(lightgbm.Booster(model_file=options.model), read_flights(options.flights))
    table.to_csv(options.output or sys.stdout, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
