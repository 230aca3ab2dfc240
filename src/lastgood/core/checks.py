"""Judging the checks of a live version: answer + policy + state give a decision, its numbers and the next state."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from math import exp, isfinite
from typing import NamedTuple

from lastgood.core import sequential
from lastgood.core.counters import Block, Reading, compare
from lastgood.core.evidence import Live, Look, State

GAP = 5
"""Intervals without a valid answer after which earlier evidence no longer counts."""


class Kind(StrEnum):
    """What an answer is. Only a value is evidence."""

    VALUE = "value"
    EMPTY = "empty"
    NAN = "nan"
    ERROR = "error"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer to a check: counters, or a number. `now` is when it came, `at` how old its data is, both in seconds
    since 1970. `why` is what went wrong."""

    kind: Kind
    now: float
    at: float
    value: float | None = None
    reading: Reading | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Shares:
    """The rule for counts and for scores in [0, 1]: an e-CUSUM of the unacceptable share (or mean) against the
    expected one. `needed` is the evidence at which the version is unhealthy."""

    expected: float
    unacceptable: float
    needed: float


@dataclass(frozen=True, slots=True)
class Limits:
    """The rule for a gauge: unhealthy when `failures` of the last `of` values are outside `min` and `max`."""

    minimum: float | None
    maximum: float | None
    failures: int = 3
    of: int = 5

    def is_broken(self, value: float) -> bool:
        """Whether a value is outside."""
        low, high = self.minimum, self.maximum
        return (low is not None and value < low) or (high is not None and value > high)


@dataclass(frozen=True, slots=True)
class Policy:
    """How a check is judged. `interval` and `patience` are in seconds."""

    name: str
    rule: Shares | Limits
    interval: float
    patience: float


class Decision(StrEnum):
    """What a check says of the live version, best first."""

    KEEP = "keep"
    WAIT = "wait"
    CANNOT_TELL = "cannot tell"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision on one check. `first_bad` is when the evidence began to grow, in seconds since 1970; `notes` are what
    a person should know besides. For a gauge, `evidence` and `needed` are numbers of values outside the limits."""

    check: str
    decision: Decision
    why: str
    evidence: float = 0.0
    needed: float = 0.0
    bad: float = 0.0
    total: float = 0.0
    first_bad: float | None = None
    notes: tuple[str, ...] = ()


class Judged(NamedTuple):
    """A verdict and the state for the next look."""

    verdict: Verdict
    state: State


def judge(policy: Policy, state: State | None, live: Live, sample: Sample) -> Judged:
    """Judge one answer. `state` is `None` at the first look, or whatever was kept of an earlier one, a restart or a
    former version in between. Only new data leads to *unhealthy*."""
    current, notes = _current(policy, state, live, sample)
    if sample.kind is not Kind.VALUE:
        why = f"no answer ({sample.kind}{': ' if sample.why else ''}{sample.why})"
        return _idle(policy, current, sample, why, notes, answered=False)
    # a switch that is dated ahead of us is one from before the clock was set back
    since = live.switched if live.switched <= sample.now else current.started
    if sample.at < since:
        return _idle(policy, current, sample, f"no data yet of {live.version} since its switch", notes, answered=False)
    current = replace(current, answered=sample.now)
    if isinstance(policy.rule, Limits):
        return _judge_gauge(policy, policy.rule, current, sample, notes)
    if sample.reading is not None:
        return _judge_counts(policy, policy.rule, current, sample, notes)
    return _judge_score(policy, policy.rule, current, sample, notes)


def combine(verdicts: Iterable[Verdict]) -> Decision:
    """The decision on a version: that of its worst check. Without checks nobody can tell."""
    order = list(Decision)
    return max((one.decision for one in verdicts), key=order.index, default=Decision.CANNOT_TELL)


def _current(policy: Policy, state: State | None, live: Live, sample: Sample) -> tuple[State, tuple[str, ...]]:
    """The state to go on with, and what there is to say where it had to begin anew."""
    if state is None or state.live != live:
        return State.begin(live, sample.now), ()
    if sample.now < state.seen - policy.interval:
        note = f"the clock went back by {state.seen - sample.now:.0f} s: evidence starts anew"
        return State.begin(live, sample.now), (note,)
    silent = sample.now - (state.started if state.answered is None else state.answered)
    if sample.kind is Kind.VALUE and silent > GAP * policy.interval and state.answered is not None:
        note = f"no valid answer for {silent:.0f} s: evidence starts anew"
        return State.begin(live, sample.now), (note,)
    return replace(state, seen=max(sample.now, state.seen)), ()


def _idle(  # who judges, with what, and what there is to say
    policy: Policy, state: State, sample: Sample, why: str, notes: tuple[str, ...], *, answered: bool
) -> Judged:
    """Without new data: *keep* if the check answered and its evidence is fresh and good; never *unhealthy*."""
    silent = sample.now - state.informed
    waiting = _verdict(policy, state, Decision.WAIT, why, notes)
    if silent > policy.patience:
        told = f"{why}; no evidence for {silent:.0f} s"
        return Judged(replace(waiting, decision=Decision.CANNOT_TELL, why=told), state)
    if answered and state.has_evidence and waiting.evidence < waiting.needed:
        return Judged(replace(waiting, decision=Decision.KEEP), state)
    return Judged(waiting, state)


def _judge_counts(policy: Policy, rule: Shares, state: State, sample: Sample, notes: tuple[str, ...]) -> Judged:
    reading = sample.reading or Reading()
    if state.at is not None and sample.at <= state.at:
        return _idle(policy, state, sample, "no new data", notes, answered=True)
    before, after = state.reading, replace(state, at=sample.at, reading=reading)
    if before is None:
        return _idle(policy, after, sample, "first reading of the counters", notes, answered=True)
    block = compare(before, reading)
    if block.dropped:
        return _idle(policy, after, sample, "dropped", (*notes, block.dropped), answered=False)
    if block.total <= 0:
        return _idle(policy, after, sample, "no new requests", notes, answered=True)
    gain = sequential.count_gain(block.bad, block.total, rule.expected, rule.unacceptable)
    return _decide(policy, rule, after.gather(gain, block, sample.at, sample.now), notes)


def _judge_score(policy: Policy, rule: Shares, state: State, sample: Sample, notes: tuple[str, ...]) -> Judged:
    score = sample.value
    if score is None or not 0 <= score <= 1:
        return _idle(policy, state, sample, f"{score} is no score from 0 to 1", notes, answered=False)
    if state.at is not None and sample.at <= state.at:
        return _idle(policy, state, sample, "no new data", notes, answered=True)
    stake = state.scores.bet(rule.expected, rule.needed, rule.unacceptable)
    gain = sequential.score_gain(score, rule.expected, stake)
    after = replace(state, at=sample.at, scores=state.scores.add(score))
    return _decide(policy, rule, after.gather(gain, Block(score, 1.0), sample.at, sample.now), notes)


def _decide(policy: Policy, rule: Shares, state: State, notes: tuple[str, ...]) -> Judged:
    share = state.bad / state.total
    unhealthy = state.evidence >= rule.needed
    what = f"{state.bad:g} of {state.total:g} ({share:.2%}, expected {rule.expected:.2%})"
    why = f"{what}, evidence {state.evidence:.2f} of {rule.needed:.2f}"
    decision = Decision.UNHEALTHY if unhealthy else Decision.KEEP
    return Judged(_verdict(policy, state, decision, why, notes), state)


def _judge_gauge(policy: Policy, rule: Limits, state: State, sample: Sample, notes: tuple[str, ...]) -> Judged:
    value = sample.value
    if value is None and sample.reading is not None:
        why = "counts need expected and unacceptable; max and min are for numbers"
        return _idle(policy, state, sample, why, notes, answered=False)
    if value is None or not isfinite(value):
        return _idle(policy, state, sample, f"{value} is no finite number", notes, answered=False)
    if state.at is not None and sample.at <= state.at:
        return _idle(policy, state, sample, "no new data", notes, answered=True)
    state = state.look(Look(sample.at, value, rule.is_broken(value)), sample.now, rule.failures, rule.of)
    broken = sum(one.broken for one in state.window)
    why = f"{value:g} now; {broken} of the last {len(state.window)} values outside {_range(rule)}"
    decision = Decision.KEEP if state.has_evidence else Decision.WAIT
    if broken >= rule.failures:
        decision = Decision.UNHEALTHY
    return Judged(_verdict(policy, state, decision, why, notes), state)


def _range(rule: Limits) -> str:
    parts = ((">=", rule.minimum), ("<=", rule.maximum))
    return " and ".join(f"{sign} {bound:g}" for sign, bound in parts if bound is not None)


def _verdict(policy: Policy, state: State, decision: Decision, why: str, notes: tuple[str, ...]) -> Verdict:
    if isinstance(policy.rule, Limits):
        broken = [one for one in state.window if one.broken]
        first = broken[0].at if broken else None
        count = float(len(broken))
        numbers = (count, float(policy.rule.failures), count, float(len(state.window)))
    else:
        first, numbers = state.rising, (state.evidence, policy.rule.needed, state.bad, state.total)
    return Verdict(policy.name, decision, why, *numbers, first, notes)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a check will do. `false_alarm_every` and `notice` are in seconds, `None` where nobody can say: a gauge
    states no rate of false alarms, and without traffic nothing is noticed. `traffic` is in requests a second."""

    check: str
    needed: float
    false_alarm_every: float | None
    traffic: float | None
    notice: float | None


def forecast(policy: Policy, traffic: float | None, variance: float | None = None) -> Forecast:
    """How long a check takes to notice what is unacceptable, at so many requests a second; or, for scores of that
    variance, at one score a look."""
    rule = policy.rule
    if isinstance(rule, Limits):
        return Forecast(policy.name, float(rule.failures), None, None, rule.failures * policy.interval)
    every = exp(rule.needed) * policy.interval
    if variance is not None:
        drift, per_look = sequential.score_drift(rule.expected, rule.unacceptable, variance), 1.0
    else:
        drift = sequential.count_drift(rule.unacceptable, rule.expected, rule.unacceptable)
        per_look = (traffic or 0.0) * policy.interval
    looks = sequential.delay(rule.needed, drift, per_look)
    return Forecast(policy.name, rule.needed, every, traffic, looks * policy.interval if isfinite(looks) else None)
