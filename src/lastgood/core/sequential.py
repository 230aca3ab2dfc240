"""Sequential evidence against a version: a number that grows while the version is bad. No samples are read here.

Every process here is an e-CUSUM (arXiv 2203.03532): `evidence = max(evidence, 0) + ln e`, where e is an e-value given
the past. The mean number of blocks between false alarms is then at least A, if the alarm is at `evidence >= ln A`, at
every look and for blocks of any sizes.
"""

from dataclasses import dataclass
from math import ceil, inf, log, log1p, sqrt

PRIOR_MEAN = 0.5
PRIOR_VARIANCE = 0.25
"""Of a score in [0, 1], before any is seen (arXiv 2010.09686)."""


def threshold(false_alarm_every: float, interval: float) -> float:
    """The evidence at which to alarm, so that false alarms are at least `false_alarm_every` seconds apart on average.

    `interval` is the length of a block in seconds.
    """
    return log(max(false_alarm_every / interval, 1.0))


def accumulate(evidence: float, gain: float) -> float:
    """The evidence after one more block. Evidence for a good version is forgotten: it never delays an alarm."""
    return max(evidence, 0.0) + gain


def count_gain(bad: float, total: float, expected: float, unacceptable: float) -> float:
    """What a block of `bad` among `total` adds, with 0 < expected < unacceptable < 1 as shares of bad."""
    return bad * log(unacceptable / expected) + (total - bad) * log((1 - unacceptable) / (1 - expected))


def count_drift(share: float, expected: float, unacceptable: float) -> float:
    """What each request adds on average while `share` of them are bad; negative for a good version."""
    return count_gain(share, 1.0, expected, unacceptable)


def delay(evidence_needed: float, drift: float, per_block: float = 1.0) -> float:
    """About how many blocks it takes to gather the evidence, at `per_block` requests a block; infinite without drift.

    Wald's approximation. At least one block: nothing is noticed before a block ends.
    """
    gain = drift * per_block
    return max(ceil(evidence_needed / gain), 1) if gain > 0 else inf


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores in [0, 1] seen so far: how many, their sum, and the sum of squared distances from the mean of their
    time."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    @property
    def mean(self) -> float:
        """The estimated mean, drawn towards the prior's."""
        return (PRIOR_MEAN + self.total) / (self.count + 1)

    @property
    def variance(self) -> float:
        """The estimated variance, drawn towards the prior's."""
        return (PRIOR_VARIANCE + self.squares) / (self.count + 1)

    def add(self, score: float) -> "Scores":
        """The scores with one more."""
        total = self.total + score
        mean = (PRIOR_MEAN + total) / (self.count + 2)
        return Scores(self.count + 1, total, self.squares + (score - mean) ** 2)

    def bet(self, limit: float, evidence_needed: float, unacceptable: float | None = None) -> float:
        """The stake on the next score against "the mean is at most `limit`": it depends on earlier scores only.

        It shrinks with their number, but not below the stake that suits the unacceptable mean: after a long healthy
        time the process reacts as fast as at the start.
        """
        place = self.count + 1
        stake = sqrt(2 * evidence_needed / (self.variance * place * log1p(place)))
        if unacceptable is not None:
            excess = unacceptable - limit
            stake = max(stake, excess / (self.variance + excess**2))
        return min(stake, 0.5 / limit)


def score_gain(score: float, limit: float, stake: float) -> float:
    """What a score in [0, 1] adds, with a stake of at most 0.5 / limit."""
    return log1p(stake * (score - limit))


def score_drift(limit: float, unacceptable: float, variance: float) -> float:
    """About what each score adds on average while their mean is the unacceptable one, with the stake for that mean."""
    excess = unacceptable - limit
    stake = min(excess / (variance + excess**2), 0.5 / limit)
    return stake * excess - stake**2 * (variance + excess**2) / 2
