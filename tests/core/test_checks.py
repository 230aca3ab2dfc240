"""A check decides by evidence alone: no error, emptiness, NaN, staleness or silence leads to a rollback."""

import json
from dataclasses import replace
from math import inf, log, nan

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lastgood.core.checks import Decision, Judged, Kind, Limits, Policy, Sample, Shares, Verdict, combine, judge
from lastgood.core.counters import Reading, labels_of
from lastgood.core.evidence import Live, State

SWITCHED = 1_700_000_000.0
LIVE = Live("v2.0.0", SWITCHED)
INTERVAL = 30.0
SERIES = labels_of({"instance": "a"})
ERRORS = Policy("errors", Shares(0.01, 0.03, 5.0), INTERVAL, 600.0)
P99 = Policy("p99", Limits(None, 0.5, 3, 5), INTERVAL, 600.0)
LOSS = Policy("loss", Shares(0.3, 0.4, log(100)), INTERVAL, 600.0)
KEEP, WAIT, UNHEALTHY, CANNOT_TELL = Decision.KEEP, Decision.WAIT, Decision.UNHEALTHY, Decision.CANNOT_TELL


def counts(bad: float, total: float) -> Reading:
    return Reading({SERIES: bad}, {SERIES: total})


class Story:
    """Looks at a check, one interval after the other, and the state written and read in between as by a restart."""

    def __init__(self, policy: Policy, *, live: Live = LIVE) -> None:
        self.policy, self.live, self.now = policy, live, SWITCHED
        self.state: State | None = None

    def see(
        self, kind: Kind = Kind.VALUE, *, after: float = INTERVAL, at: float | None = None, **facts: object
    ) -> Verdict:
        self.now += after
        sample = Sample(kind, self.now, self.now if at is None else at, **facts)  # type: ignore[arg-type]  # any of them
        judged: Judged = judge(self.policy, self.state, self.live, sample)
        self.state = State.parse(json.loads(json.dumps(judged.state.document())))
        assert self.state == judged.state
        return judged.verdict

    def counts(self, *readings: tuple[float, float]) -> list[Verdict]:
        return [self.see(reading=counts(*one)) for one in readings]

    def values(self, *values: float) -> list[Verdict]:
        return [self.see(value=one) for one in values]


def decisions(verdicts: list[Verdict]) -> list[Decision]:
    return [one.decision for one in verdicts]


def test_counts_are_judged_by_the_reference_values() -> None:
    seen = Story(ERRORS).counts((7, 900), (8, 1000), (13, 1100), (17, 1200))
    assert decisions(seen) == [WAIT, KEEP, KEEP, UNHEALTHY]
    assert [one.evidence for one in seen] == pytest.approx([0, -0.921866, 3.554219, 5.989416], abs=1e-6)
    last = seen[-1]
    assert (last.bad, last.total, last.needed) == (9, 200, 5.0)
    assert last.first_bad == SWITCHED + 3 * INTERVAL
    assert last.why == "9 of 200 (4.50%, expected 1.00%), evidence 5.99 of 5.00"


def test_a_gauge_is_judged_by_m_of_the_last_n() -> None:
    seen = Story(P99).values(0.1, 0.6, 0.2, 0.7, 0.1, 0.2, 0.9, 0.2, 0.8, 0.8)
    assert decisions(seen) == [WAIT, WAIT, KEEP, KEEP, KEEP, KEEP, KEEP, KEEP, KEEP, UNHEALTHY]
    assert seen[-1].first_bad == SWITCHED + 7 * INTERVAL
    assert seen[-1].why == "0.8 now; 3 of the last 5 values outside <= 0.5"


def test_scores_are_judged_by_betting() -> None:
    seen = Story(LOSS).values(*[0.3, 0.28, 0.31] * 5, *[0.95] * 12)
    assert set(decisions(seen[:15])) == {KEEP}
    assert seen[-1].decision is UNHEALTHY
    assert seen[-1].first_bad is not None


@pytest.mark.parametrize("score", [-0.1, 1.1, inf, nan])
def test_what_is_no_score_is_no_evidence(score: float) -> None:
    story = Story(LOSS)
    assert decisions(story.values(*[score] * 40))[:20] == [WAIT] * 20
    assert story.state is not None
    assert not story.state.has_evidence


def test_a_healthy_time_does_not_delay_an_alarm() -> None:
    story = Story(ERRORS)
    assert set(decisions(story.counts(*((0, 100 * n) for n in range(1, 50))))) == {WAIT, KEEP}
    assert decisions(story.counts((6, 5000), (12, 5100), (18, 5200)))[-1] is UNHEALTHY


def test_judging_begins_with_the_first_data_after_the_switch() -> None:
    story = Story(P99)
    early = [story.see(value=9.0, at=SWITCHED - 1) for _ in range(5)]
    assert decisions(early) == [WAIT] * 5
    assert "no data yet of v2.0.0 since its switch" in early[0].why
    assert story.see(value=9.0).decision is WAIT
    assert story.see(value=9.0).decision is WAIT
    assert story.see(value=9.0).decision is UNHEALTHY


def test_counters_that_ran_before_the_switch_are_only_a_beginning() -> None:
    """The same version was live once before, and was bad."""
    assert decisions(Story(ERRORS).counts((900, 1000), (901, 1100))) == [WAIT, KEEP]


def test_another_switch_begins_anew_and_so_does_the_same_version_switched_to_again() -> None:
    for live in (Live("v2.1.0", SWITCHED + 90), Live("v2.0.0", SWITCHED + 90)):
        story = Story(P99)
        story.values(0.6, 0.6)
        story.live = live
        assert decisions(story.values(0.6, 0.6)) == [WAIT, WAIT]


def test_a_gap_starts_evidence_anew_and_says_so() -> None:
    story = Story(ERRORS)
    story.counts((7, 900), (12, 1000))
    verdict = story.see(reading=counts(90, 1100), after=5 * INTERVAL + 1)
    assert (verdict.decision, verdict.evidence) == (WAIT, 0.0)
    assert verdict.notes == ("no valid answer for 151 s: evidence starts anew",)


def test_five_intervals_are_no_gap_and_neither_is_a_slow_scrape() -> None:
    story = Story(ERRORS)
    story.counts((7, 900))
    assert story.see(reading=counts(9, 1000), after=5 * INTERVAL).notes == ()
    old = story.now
    for _ in range(9):  # Prometheus scrapes every five minutes
        assert story.see(reading=counts(9, 1000), at=old).decision is KEEP
    verdict = story.see(reading=counts(12, 1100))
    assert (verdict.notes, verdict.bad) == ((), 5)


def test_errors_of_more_than_five_intervals_are_a_gap() -> None:
    story = Story(P99)
    story.values(0.6, 0.6)
    for _ in range(6):
        assert story.see(Kind.ERROR).decision is WAIT
    verdict = story.see(value=0.6)
    assert (verdict.decision, verdict.notes) == (WAIT, ("no valid answer for 210 s: evidence starts anew",))


def test_a_clock_that_jumps_starts_evidence_anew_and_says_so() -> None:
    story = Story(P99)
    story.values(0.6, 0.6)
    story.live = Live("v2.0.0", SWITCHED - 86_400)
    story.state = replace(story.state or State.begin(story.live, 0), live=story.live)
    verdict = story.see(value=0.6, after=-3600)
    assert (verdict.decision, verdict.notes) == (WAIT, ("the clock went back by 3600 s: evidence starts anew",))
    verdict = story.see(value=0.6, after=86_400)
    assert verdict.notes == ("no valid answer for 86400 s: evidence starts anew",)


def test_a_clock_that_is_set_back_a_little_loses_nothing() -> None:
    story = Story(P99)
    story.values(0.6, 0.6)
    assert story.see(value=0.6, after=-1).decision is WAIT  # the data is not newer
    assert story.see(value=0.6, after=2).decision is UNHEALTHY


def test_a_switch_that_is_dated_ahead_stops_no_judging() -> None:
    """The clock was right when the switch was made and was set back since, or the other way round."""
    story = Story(P99, live=Live("v2.0.0", SWITCHED + 365 * 86_400))
    assert (
        story.see(value=0.6, at=SWITCHED).decision is WAIT
    )  # older than the first look: of which version nobody knows
    assert decisions(story.values(0.6, 0.6, 0.6)) == [WAIT, WAIT, UNHEALTHY]


def test_a_reset_drops_the_block_and_says_which_series() -> None:
    story = Story(ERRORS)
    story.counts((7, 900), (8, 1000))
    verdict = story.see(reading=counts(5, 10))
    assert verdict.decision is WAIT
    assert verdict.notes == ('bad: {instance="a"} was reset from 8 to 5',)
    assert story.see(reading=counts(5, 110)).decision is KEEP


def test_the_same_data_seen_twice_counts_once() -> None:
    story = Story(P99)
    story.values(0.6)
    data = story.now
    assert decisions([story.see(value=0.6, at=data) for _ in range(9)]) == [WAIT] * 9
    assert story.see(value=0.6).total == 2


@pytest.mark.parametrize("kind", [Kind.EMPTY, Kind.NAN, Kind.ERROR, Kind.STALE])
def test_a_check_without_evidence_for_longer_than_patience_cannot_tell(kind: Kind) -> None:
    story = Story(ERRORS)
    story.counts((7, 900), (8, 1000))
    assert [story.see(kind, why="reason").decision for _ in range(20)] == [WAIT] * 20
    verdict = story.see(kind, why="reason")
    assert verdict.decision is CANNOT_TELL
    assert verdict.why == f"no answer ({kind}: reason); no evidence for 630 s"


def test_no_requests_for_longer_than_patience_cannot_tell_and_the_next_block_resumes() -> None:
    story = Story(ERRORS)
    story.counts((7, 900), (8, 1000))
    assert decisions(story.counts(*[(8, 1000)] * 20)) == [KEEP] * 20
    assert decisions(story.counts((8, 1000), (8, 1100))) == [CANNOT_TELL, KEEP]


def test_no_news_is_no_health_while_the_evidence_is_bad() -> None:
    story = Story(P99)
    story.values(0.6, 0.6, 0.6)
    assert story.see(value=0.6, at=story.now).decision is WAIT
    assert story.see(Kind.ERROR).decision is WAIT


@pytest.mark.parametrize(
    ("given_ones", "combined"),
    [
        ([KEEP, KEEP], KEEP),
        ([KEEP, WAIT], WAIT),
        ([WAIT, CANNOT_TELL, KEEP], CANNOT_TELL),
        ([CANNOT_TELL, UNHEALTHY, KEEP], UNHEALTHY),
        ([], CANNOT_TELL),
    ],
)
def test_the_worst_check_decides(given_ones: list[Decision], combined: Decision) -> None:
    assert combine(Verdict("check", one, "") for one in given_ones) is combined


@pytest.mark.parametrize("document", [None, [], {}, {"version": "v1.0.0"}, "x", {"window": 5}])
def test_a_state_that_cannot_be_read_is_refused(document: object) -> None:
    with pytest.raises(ValueError, match="no state of a check"):
        State.parse(document)


@pytest.mark.parametrize(
    ("name", "value"),
    [("evidence", "9"), ("evidence", None), ("evidence", 10**400), ("evidence", nan), ("evidence", True),
     ("window", [[1, 2]]), ("window", [5]), ("scores", [1]), ("reading", []), ("reading", {"bad": [[1, 2]]})],
)  # fmt: skip
def test_a_damaged_state_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match="no state of a check"):
        State.parse({**State.begin(LIVE, SWITCHED).document(), name: value})


BUSY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""On a busy machine to draw and to judge takes its time."""

# What a source may answer that is no evidence against the version.
POLICIES = st.sampled_from([ERRORS, P99, LOSS])
BAD_KINDS = st.sampled_from([Kind.EMPTY, Kind.NAN, Kind.ERROR, Kind.STALE])
STEPS = st.floats(-1e5, 1e5)
NUMBERS = st.floats(0, 1e6)
READINGS = st.builds(counts, NUMBERS, NUMBERS)
ANYTHING = st.builds(
    lambda kind, step, value, reading: (kind, step, value, reading),
    st.sampled_from(list(Kind)), STEPS, st.none() | st.floats(), st.none() | READINGS,
)  # fmt: skip


def any_state(
    policy: Policy, looks: list[tuple[Kind, float, float | None, Reading | None]]
) -> tuple[State | None, float]:
    """The state after looks that may have answered anything at all, at any time."""
    state, now = None, SWITCHED
    for kind, step, value, reading in looks:
        now += step
        state = judge(policy, state, LIVE, Sample(kind, now, now, value, reading)).state
    return state, now


@BUSY
@given(POLICIES, st.lists(ANYTHING, max_size=8), st.lists(st.tuples(BAD_KINDS, STEPS), min_size=1, max_size=8))
def test_no_error_emptiness_nan_or_staleness_leads_to_a_rollback(
    policy: Policy,
    looks: list[tuple[Kind, float, float | None, Reading | None]],
    then: list[tuple[Kind, float]],
) -> None:
    """Whatever was seen before, however bad, and whatever an answer that is no value carries."""
    state, now = any_state(policy, looks)
    for kind, step in then:
        now += step
        sample = Sample(kind, now, now, 9e9, counts(5e8, 9e8))
        verdict, state = judge(policy, state, LIVE, sample)
        assert verdict.decision in {WAIT, CANNOT_TELL}


@BUSY
@given(POLICIES, st.lists(ANYTHING, max_size=8), st.lists(STEPS, min_size=1, max_size=8), NUMBERS)
def test_no_silence_leads_to_a_rollback(
    policy: Policy, looks: list[tuple[Kind, float, float | None, Reading | None]], steps: list[float], total: float
) -> None:
    """The source answers, but nothing is new: the counters stand still, or the data is that of the look before."""
    state, now = any_state(policy, looks)
    first = Sample(Kind.VALUE, now + 1, now + 1, 0.0, counts(0, total))
    state = judge(policy, state, LIVE, first).state
    for step in steps:
        now += abs(step) + 2
        still = first if isinstance(policy.rule, Limits) or policy is LOSS else replace(first, at=now)
        verdict, state = judge(policy, state, LIVE, replace(still, now=now))
        assert verdict.decision is not UNHEALTHY


@BUSY
@given(st.lists(st.tuples(NUMBERS, st.floats(-9.0, 0.0)), min_size=1, max_size=30))
def test_only_bad_requests_lead_to_a_rollback(blocks: list[tuple[float, float]]) -> None:
    """Counters that grow without a bad one, gauges and scores within their limits."""
    errors, gauge, total = Story(ERRORS), Story(P99), 0.0
    for more, value in blocks:
        total += more
        assert errors.see(reading=counts(3, total + 3)).decision is not UNHEALTHY
        assert gauge.see(value=value).decision is not UNHEALTHY
