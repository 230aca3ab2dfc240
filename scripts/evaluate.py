"""Pipeline stage `evaluate`: how good the model is on the month it has not seen, as metrics and as plots."""

import json
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score, roc_curve

from features import read_flights
from predict import score

HOLDOUT = Path("data/prepared/holdout.csv")
MODEL = Path("models/flights.txt")
METRICS = Path("models/metrics.json")
PLOTS = Path("models/plots")

# Six digits tell models apart, and do not change with the order in which a library adds numbers up.
DIGITS = 6
ROC_POINTS = 101
BINS = 10

Scores = NDArray[np.float64]


def metrics(late: pd.Series, scores: Scores) -> dict[str, float]:
    """Return the figures of one month: larger `roc_auc` is better, smaller `log_loss` and `brier_score`."""
    figures = {
        "roc_auc": roc_auc_score(late, scores),
        "log_loss": log_loss(late, scores),
        "brier_score": brier_score_loss(late, scores),
        "base_rate": late.mean(),
    }
    return {name: round(float(value), DIGITS) for name, value in figures.items()} | {"flights": len(late)}


def roc(late: pd.Series, scores: Scores) -> pd.DataFrame:
    """Return the ROC curve at evenly spaced false positive rates."""
    false, true, _ = roc_curve(late, scores)
    grid = np.linspace(0, 1, ROC_POINTS)
    return pd.DataFrame({"false_positive_rate": grid, "true_positive_rate": np.interp(grid, false, true)})


def calibration(late: pd.Series, scores: Scores) -> pd.DataFrame:
    """Return the share of late flights beside the mean prediction, in bins of as many flights each."""
    share, predicted = calibration_curve(late, scores, n_bins=BINS, strategy="quantile")
    return pd.DataFrame({"predicted": predicted, "late": share})


def weekly(flights: pd.DataFrame, scores: Scores) -> pd.DataFrame:
    """Return the ROC AUC of each ISO week of the holdout."""
    week = pd.to_datetime(flights[["year", "month", "day"]]).dt.isocalendar().week
    table = flights[["late"]].assign(score=scores)
    rows = [(number, roc_auc_score(part["late"], part["score"])) for number, part in table.groupby(week)]
    return pd.DataFrame(rows, columns=["week", "roc_auc"])


def main() -> None:
    """Evaluate the model that was trained on the holdout that was prepared."""
    flights = read_flights(HOLDOUT)
    scores = score(lightgbm.Booster(model_file=MODEL), flights)
    METRICS.write_text(json.dumps(metrics(flights["late"], scores), indent=2) + "\n", encoding="utf-8")
    PLOTS.mkdir(parents=True, exist_ok=True)
    plots = {
        "roc": roc(flights["late"], scores),
        "calibration": calibration(flights["late"], scores),
        "weekly": weekly(flights, scores),
    }
    for name, table in plots.items():
        table.round(DIGITS).to_csv(PLOTS / f"{name}.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
