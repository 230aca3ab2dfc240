"""Counters are compared series by series; a reset, a new process or a lost one is never taken for requests."""

import json

import pytest

from lastgood.core.counters import Block, Labels, Reading, compare, labels_of, pick_slower


def series(**values: float) -> dict[Labels, float]:
    """`a_ok=5` is 5 in the series `status="ok"` of process `a`."""
    found = {}
    for name, value in values.items():
        instance, status = name.split("_")
        found[labels_of({"instance": instance, "status": status})] = float(value)
    return found


def reading(**values: float) -> Reading:
    """Total counts all series, bad those whose status is `error`."""
    bad = {name: value for name, value in values.items() if name.endswith("_error")}
    return Reading(series(**bad), series(**values))


@pytest.mark.parametrize(
    ("before", "after", "bad", "total"),
    [
        pytest.param({"a_ok": 90, "a_error": 10}, {"a_ok": 180, "a_error": 15}, 5, 95, id="one process"),
        pytest.param({"a_ok": 90}, {"a_ok": 90}, 0, 0, id="no requests"),
        pytest.param({"a_ok": 90}, {"a_ok": 99, "a_error": 1}, 1, 10, id="the first error makes its series"),
        pytest.param({"a_ok": 9}, {"a_ok": 10, "b_ok": 50, "b_error": 50}, 0, 1, id="a new process only begins"),
        pytest.param({"a_ok": 9, "b_ok": 50, "b_error": 1}, {"a_ok": 19}, 0, 10, id="a process went away"),
        pytest.param({}, {"a_ok": 90, "a_error": 9}, 0, 0, id="the first series of all"),
    ],
)
def test_a_block_is_what_happened_between_two_readings(
    before: dict[str, float], after: dict[str, float], bad: float, total: float
) -> None:
    assert compare(reading(**before), reading(**after)) == Block(bad, total)


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ({"a_ok": 90, "b_ok": 5}, {"a_ok": 3, "b_ok": 50}, "was reset from 90 to 3"),
        ({"a_ok": 90, "a_error": 9}, {"a_ok": 100}, "went away"),
        ({"a_ok": 90, "a_error": 9}, {"a_ok": 95, "a_error": 2}, "was reset from 9 to 2"),
    ],
)
def test_a_block_with_a_reset_is_dropped_whole(before: dict[str, float], after: dict[str, float], why: str) -> None:
    block = compare(reading(**before), reading(**after))
    assert why in block.dropped
    assert (block.bad, block.total) == (0, 0)


def test_a_total_that_does_not_count_the_bad_ones_is_named() -> None:
    before, after = Reading(series(a_error=0), series(a_ok=0)), Reading(series(a_error=5), series(a_ok=3))
    assert "total must count the bad ones" in compare(before, after).dropped


def test_a_counter_that_is_not_finite_is_dropped() -> None:
    before, after = reading(a_ok=5), Reading({}, series(a_ok=float("inf")))
    assert "not finite" in compare(before, after).dropped


def test_a_reading_survives_being_written() -> None:
    one = reading(a_ok=90, a_error=10)
    assert Reading.parse(json.loads(json.dumps(one.document()))) == one


def buckets(**values: float) -> dict[Labels, float]:
    return {labels_of({"instance": "a", "le": le.replace("_", ".").strip("b")}): n for le, n in values.items()}


def test_of_a_histogram_those_above_the_bound_are_bad() -> None:
    found = pick_slower({**buckets(b0_1=50, b0_5=90), labels_of({"instance": "a", "le": "+Inf"}): 100}, 0.5)
    assert (list(found.bad.values()), list(found.total.values())) == ([10], [100])
    assert list(found.bad) == [labels_of({"instance": "a"})]


@pytest.mark.parametrize("bound", [0.4, 1.0])
def test_a_bound_that_no_bucket_has_is_refused_with_those_there_are(bound: float) -> None:
    there = {**buckets(b0_1=50, b0_5=90), labels_of({"instance": "a", "le": "+Inf"}): 100}
    with pytest.raises(ValueError, match=r"no bucket ends at .* \(those there are end at 0.1, 0.5, inf\)"):
        pick_slower(there, bound)


def test_what_is_no_histogram_is_refused() -> None:
    with pytest.raises(ValueError, match="no label le"):
        pick_slower(series(a_ok=5), 0.5)
