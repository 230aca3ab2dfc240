"""Sequential evidence has the reference values, its stated rate of false alarms, and the delays that are promised."""

import random
from itertools import accumulate as running
from math import cos, exp, inf, log, pi, sqrt

import pytest

from lastgood.core.sequential import (
    Scores,
    accumulate,
    count_drift,
    count_gain,
    delay,
    score_drift,
    score_gain,
    threshold,
)

RUNS = 2000


def test_counts_have_the_reference_values() -> None:
    gains = [count_gain(bad, total, 0.01, 0.03) for bad, total in ((1, 100), (5, 100), (4, 100))]
    assert list(running(gains, accumulate)) == pytest.approx([-0.921866, 3.554219, 5.989416], abs=1e-6)


def test_bets_have_the_reference_values() -> None:
    scores, evidence, seen = Scores(), 0.0, []
    for score in (1, 0, 1, 1, 0, 1):
        evidence += score_gain(score, 0.3, scores.bet(0.3, log(20)))
        scores = scores.add(score)
        seen.append(evidence)
    assert seen == pytest.approx([0.77319, 0.080043, 0.853233, 1.626422, 0.933275, 1.700485], abs=1e-6)


@pytest.mark.parametrize(
    ("evidence", "gain", "after"),
    [(0.0, -2.0, -2.0), (-2.0, 1.0, 1.0), (3.0, -1.0, 2.0), (0.5, -1.0, -0.5), (-9.0, -1.0, -1.0)],
)
def test_evidence_for_a_good_version_never_delays_an_alarm(evidence: float, gain: float, after: float) -> None:
    assert accumulate(evidence, gain) == after


@pytest.mark.parametrize(
    ("every", "interval", "expected"),
    [(10_000, 1, log(10_000)), (90 * 86400, 30, log(259_200)), (30, 30, 0.0), (1, 30, 0.0)],
)
def test_the_threshold_is_the_logarithm_of_the_blocks_between_false_alarms(
    every: float, interval: float, expected: float
) -> None:
    assert threshold(every, interval) == pytest.approx(expected, abs=1e-12)


def test_an_empty_block_is_no_evidence() -> None:
    assert count_gain(0, 0, 0.01, 0.03) == 0


def test_bets_shrink_with_the_number_of_scores_but_not_below_what_suits_the_unacceptable_mean() -> None:
    few, many = Scores(10, 3.0, 2.0), Scores(10_000, 3000.0, 2000.0)
    assert few.bet(0.3, log(20)) > many.bet(0.3, log(20))
    assert many.bet(0.3, log(20), 0.4) == pytest.approx(0.1 / (many.variance + 0.01))
    assert Scores().bet(0.3, log(20), 0.4) == 0.5 / 0.3  # never more, or one score of 0 would end the game


@pytest.mark.parametrize(("share", "looks"), [(0.04, 12), (0.06, 5), (0.1, 2), (0.02, inf), (0.001, inf)])
def test_the_delay_follows_from_the_drift(share: float, looks: float) -> None:
    assert delay(log(10_000), count_drift(share, 0.02, 0.04), 100) == looks


def _binomial(source: random.Random, number: int, share: float) -> int:
    """By inversion: fast for the few bad ones among a hundred."""
    left, chance, bad = source.random(), (1 - share) ** number, 0
    while left > chance and bad < number:
        left -= chance
        chance *= (number - bad) / (bad + 1) * share / (1 - share)
        bad += 1
    return bad


def _first_alarm(source: random.Random, share: float, needed: float, most: int, *, day: int = 0) -> int | None:
    """The block of the first alarm among `most`; with `day`, traffic goes up and down by 80 % in so many blocks."""
    evidence = 0.0
    bad, good = log(0.04 / 0.02), log(0.96 / 0.98)
    for block in range(1, most + 1):
        total = round(100 * (1 + 0.8 * cos(2 * pi * block / day))) if day else 100
        k = _binomial(source, total, share)
        evidence = max(evidence, 0.0) + k * bad + (total - k) * good
        if evidence >= needed:
            return block
    return None


@pytest.mark.parametrize("day", [0, 96])
def test_false_alarms_are_no_more_frequent_than_stated(day: int) -> None:
    """In 2,000 runs at the expected rate. A run of length n has a false alarm with probability of at most n/A."""
    source = random.Random(16)  # noqa: S311  # a simulation
    length, between = 200, 2000
    alarms = sum(_first_alarm(source, 0.02, log(between), length, day=day) is not None for _ in range(RUNS))
    stated = length / between
    assert alarms / RUNS <= stated + 3 * sqrt(stated * (1 - stated) / RUNS)


@pytest.mark.parametrize(("share", "looks"), [(0.04, 11), (0.06, 5), (0.1, 2)])
def test_a_bad_version_is_noticed_as_soon_as_promised(share: float, looks: int) -> None:
    source = random.Random(16)  # noqa: S311  # a simulation
    delays = sorted(_first_alarm(source, share, log(10_000), 1000) or 1000 for _ in range(RUNS))
    assert delays[RUNS // 2] == pytest.approx(looks, rel=0.2)
    stated = delay(log(10_000), count_drift(share, 0.02, 0.04), 100)
    assert sum(delays) / RUNS == pytest.approx(stated, rel=0.2)


def test_after_a_long_healthy_time_a_bad_version_is_noticed_as_soon() -> None:
    source = random.Random(16)  # noqa: S311  # a simulation
    delays = []
    for _ in range(200):
        evidence = 0.0
        for _ in range(500):
            evidence = accumulate(evidence, count_gain(_binomial(source, 100, 0.01), 100, 0.02, 0.04))
        block = 0
        while evidence < log(10_000):
            block += 1
            evidence = accumulate(evidence, count_gain(_binomial(source, 100, 0.06), 100, 0.02, 0.04))
        delays.append(block)
    assert sorted(delays)[100] == pytest.approx(5, rel=0.2)


def _first_score_alarm(source: random.Random, mean: float, most: int, *, needed: float, healthy: int = 0) -> int | None:
    """The number of the first score at which betting alarms; scores are uniform within 0.15 of their mean."""
    scores, evidence = Scores(), 0.0
    for place in range(1, most + healthy + 1):
        score = source.uniform(-0.15, 0.15) + (0.3 if place <= healthy else mean)
        evidence = accumulate(evidence, score_gain(score, 0.3, scores.bet(0.3, needed, 0.4)))
        scores = scores.add(score)
        if place > healthy and evidence >= needed:
            return place - healthy
    return None


def test_betting_raises_no_more_false_alarms_than_stated() -> None:
    source = random.Random(16)  # noqa: S311  # a simulation
    length, between = 100, 1000
    alarms = sum(_first_score_alarm(source, 0.3, length, needed=log(between)) is not None for _ in range(RUNS))
    stated = length / between
    assert alarms / RUNS <= stated + 3 * sqrt(stated * (1 - stated) / RUNS)


@pytest.mark.parametrize("healthy", [0, 300])
def test_betting_notices_the_unacceptable_mean_soon_after_any_healthy_time(healthy: int) -> None:
    source = random.Random(16)  # noqa: S311  # a simulation
    delays = [_first_score_alarm(source, 0.4, 1000, needed=log(10_000), healthy=healthy) or 1000 for _ in range(300)]
    stated = delay(log(10_000), score_drift(0.3, 0.4, 0.15**2 / 3))
    assert sum(delays) / len(delays) == pytest.approx(stated, rel=0.35)


def test_each_gain_of_a_good_version_is_an_e_value() -> None:
    """The mean of e is 1 at the expected rate: summed over all outcomes, not drawn."""
    chance, mean = 0.99**50, 0.0
    for bad in range(51):
        mean += chance * exp(count_gain(bad, 50, 0.01, 0.03))
        chance *= (50 - bad) / (bad + 1) * 0.01 / 0.99
    assert mean == pytest.approx(1, abs=1e-9)
