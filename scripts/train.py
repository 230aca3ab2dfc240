"""Pipeline stage `train`: a LightGBM model of lateness, as text, which runs no code when it is loaded."""

from pathlib import Path
from typing import Any

import lightgbm
import pandas as pd
import yaml

from features import features, read_flights

TRAIN = Path("data/prepared/train.csv")
MODEL = Path("models/flights.txt")

# With these and a fixed number of threads and seed, the same data gives the same file, byte for byte.
REPEATABLE = {"deterministic": True, "force_row_wise": True}


def train(flights: pd.DataFrame, rounds: int, settings: dict[str, Any]) -> lightgbm.Booster:
    """Return the model of `late`, made by LightGBM in so many rounds under its own settings."""
    data = lightgbm.Dataset(features(flights), label=flights["late"], params={"verbose": -1})
    return lightgbm.train({"objective": "binary", "verbose": -1, **REPEATABLE, **settings}, data, rounds)


def main() -> None:
    """Train on what was prepared, as params.yaml says."""
    params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))["train"]
    model = train(read_flights(TRAIN), params["rounds"], params["lightgbm"])
    MODEL.parent.mkdir(parents=True, exist_ok=True)
    model.save_model(MODEL)


if __name__ == "__main__":
    main()
