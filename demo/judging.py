"""How good predictions were, once it is known which flights were late."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss, roc_auc_score

PREDICTION = "probability"
OUTCOME = "late"


@dataclass(frozen=True, slots=True)
class Judgement:
    """Figures of one month: larger `roc_auc` is better, smaller `log_loss`.

    `uninformed` is the log loss of somebody who knows only how many flights were late (`base_rate`).
    """

    flights: int
    roc_auc: float
    log_loss: float
    mean: float
    base_rate: float
    uninformed: float


def judge(predictions: Path, outcome: Path) -> Judgement:
    """Judge predictions of flights by what became of those that arrived; each flight is in a file once."""
    truth = pd.read_csv(outcome)
    known = [column for column in truth.columns if column != OUTCOME]
    table = truth.merge(pd.read_csv(predictions), on=known, how="left", validate="one_to_one")
    late, score = table[OUTCOME], table[PREDICTION]
    return Judgement(
        flights=len(table),
        roc_auc=float(roc_auc_score(late, score)),
        log_loss=float(log_loss(late, score)),
        mean=float(score.mean()),
        base_rate=float(late.mean()),
        uninformed=float(log_loss(late, np.full(len(late), late.mean()))),
    )
