"""Prometheus answers with counters or one gauge of the version asked for; a lie, a login or a silence is no value."""

import time
from collections.abc import Mapping

import pytest

from lastgood.core.checks import Kind
from lastgood.core.counters import labels_of
from tests.adapters.probes.conftest import Ask
from tests.adapters.probes.server import Server, serve

NOW = 1_700_000_000.0
COUNTS = {
    "bad": 'errors_total{version="{version}"}',
    "total": 'requests_total{version="{version}"}  # all of them',
    "expected": 0.01,
    "unacceptable": 0.03,
}
GAUGE = {"value": 'latency{version="{version}"}', "max": 0.5}
LATENCY = {"buckets": 'seconds_bucket{version="{version}"}', "slower_than": 0.5, "expected": 0.01, "unacceptable": 0.03}


def series(value: object, *, at: float = NOW, version: str | None = "v2.0.0", **labels: str) -> dict[str, object]:
    metric = {**labels, **({} if version is None else {"version": version})}
    return {"metric": metric, "value": [at, str(value)]}


def parts(bad: list[object], total: list[object], *, at: float = NOW, age: float = 5) -> list[dict[str, object]]:
    """The answer to a question of counts, as Prometheus gives it."""
    told = [("total", one) for one in total] + [("bad", one) for one in bad]
    found = [series(one, at=at, lastgood_part=name, instance=str(place)) for place, (name, one) in enumerate(told)]
    return [*found, *(series(at - age, at=at, lastgood_part="at", instance=str(place)) for place in range(len(total)))]


def vector(*result: Mapping[str, object]) -> dict[str, object]:
    return {"status": "success", "data": {"resultType": "vector", "result": list(result)}}


def test_counts_are_asked_for_in_one_question_and_told_apart(server: Server, ask_check: Ask) -> None:
    server.says(vector(*parts([3], [90, 10])))
    sample = ask_check({**COUNTS}, now=NOW)
    assert (sample.kind, sample.at, sample.now) == (Kind.VALUE, NOW - 5, NOW)
    assert sample.reading is not None
    assert sample.reading.total == {
        labels_of({"instance": "0", "version": "v2.0.0"}): 90.0,
        labels_of({"instance": "1", "version": "v2.0.0"}): 10.0,
    }
    assert sample.reading.bad == {labels_of({"instance": "2", "version": "v2.0.0"}): 3.0}
    (query,) = server.queries()
    assert 'errors_total{version="v2.0.0"}' in query
    assert 'requests_total{version="v2.0.0"}  # all of them\n' in query


def test_no_series_of_bad_is_a_missing_answer_or_zero_as_the_check_says(server: Server, ask_check: Ask) -> None:
    server.says(vector(*parts([], [90])))
    sample = ask_check({**COUNTS}, now=NOW)
    assert (sample.kind, sample.why) == (Kind.EMPTY, 'no series of bad (empty = "zero" takes that for no bad ones)')
    sample = ask_check({**COUNTS, "empty": "zero"}, now=NOW)
    assert sample.kind is Kind.VALUE
    assert sample.reading is not None
    assert (list(sample.reading.bad.values()), list(sample.reading.total.values())) == ([], [90.0])


@pytest.mark.parametrize("empty", ["missing", "zero"])
def test_zero_needs_a_total_that_is_there_and_fresh(server: Server, ask_check: Ask, empty: str) -> None:
    server.says(vector())
    assert ask_check({**COUNTS, "empty": empty}, now=NOW).kind is Kind.EMPTY
    server.says(vector(*parts([], [90], age=121)))
    assert ask_check({**COUNTS, "empty": "zero"}, now=NOW).kind is Kind.STALE


@pytest.mark.parametrize(("age", "kind"), [(120, Kind.VALUE), (121, Kind.STALE)])
def test_old_data_is_stale(server: Server, ask_check: Ask, age: float, kind: Kind) -> None:
    server.says(vector(*parts([1], [90], age=age)))
    assert ask_check({**COUNTS}, now=NOW).kind is kind


@pytest.mark.parametrize("ahead", [-500, 500])
def test_a_clock_that_is_not_ours_makes_data_stale(server: Server, ask_check: Ask, ahead: float) -> None:
    server.says(vector(*parts([1], [90], at=NOW + ahead)))
    sample = ask_check({**COUNTS}, now=NOW)
    assert (sample.kind, sample.why) == (Kind.STALE, "Prometheus's clock and ours are 500 s apart")


@pytest.mark.parametrize("check", [COUNTS, LATENCY])
def test_an_answer_to_another_question_is_refused(server: Server, ask_check: Ask, check: dict[str, object]) -> None:
    """As from a cache in between that goes by the address alone."""
    server.says(vector(series(5)))
    sample = ask_check({**check}, now=NOW)
    assert (sample.kind, sample.why) == (Kind.ERROR, '{version="v2.0.0"} was not asked for')


@pytest.mark.parametrize("check", [COUNTS, GAUGE, LATENCY])
@pytest.mark.parametrize(
    ("version", "why"), [("v1.0.0", "is about 'v1.0.0', not about v2.0.0"), (None, "has no label version: keep it")]
)
def test_series_of_another_version_or_of_none_are_refused(  # the check, what it gets, and who answers
    server: Server, ask_check: Ask, check: dict[str, object], version: str | None, why: str
) -> None:
    server.says(vector(series(1, lastgood_part="total"), series(1, version=version, lastgood_part="total")))
    sample = ask_check({**check}, now=NOW)
    assert sample.kind is Kind.ERROR
    assert why in sample.why


def test_a_gauge_that_is_stored_is_as_old_as_its_sample(server: Server, ask_check: Ask) -> None:
    def answer(path: str) -> tuple[int, bytes, dict[str, str]]:
        stamped = "timestamp" in path
        value = NOW - 20 if stamped else 0.7
        server.says(vector(series(value, __name__="latency") if not stamped else series(value)))
        found = server.answer(path)
        server.answer = answer
        return found

    server.answer = answer
    sample = ask_check({**GAUGE}, now=NOW)
    assert (sample.kind, sample.value, sample.at) == (Kind.VALUE, 0.7, NOW - 20)
    assert server.queries() == ['latency{version="v2.0.0"}', 'timestamp((\nlatency{version="v2.0.0"}\n))']


def test_a_gauge_that_is_computed_is_as_old_as_the_answer(server: Server, ask_check: Ask) -> None:
    server.says(vector(series(0.7, at=NOW - 1)))
    sample = ask_check({**GAUGE}, now=NOW)
    assert (sample.kind, sample.value, sample.at) == (Kind.VALUE, 0.7, NOW - 1)


def test_a_gauge_with_several_series_names_the_labels_that_differ(server: Server, ask_check: Ask) -> None:
    server.says(vector(series(0.7, pod="a", zone="x", job="j"), series(0.8, pod="b", job="j")))
    sample = ask_check({**GAUGE}, now=NOW)
    assert (sample.kind, sample.why) == (Kind.ERROR, "2 series instead of one: they differ in pod, zone")


def test_latency_is_the_share_above_a_bound(server: Server, ask_check: Ask) -> None:
    found = [series(n, le=le, lastgood_part="buckets", instance="a") for le, n in (("0.5", 90), ("+Inf", 100))]
    server.says(vector(*found, series(NOW - 5, lastgood_part="at", le="0.5", instance="a")))
    sample = ask_check({**LATENCY}, now=NOW)
    assert sample.reading is not None
    assert (list(sample.reading.bad.values()), list(sample.reading.total.values())) == ([10.0], [100.0])
    sample = ask_check({**LATENCY, "slower_than": 0.4}, now=NOW)
    assert (sample.kind, sample.why) == (Kind.ERROR, "no bucket ends at 0.4 (those there are end at 0.5, inf)")


SCALAR = {"status": "success", "data": {"resultType": "scalar", "result": [NOW, "0.4"]}}


@pytest.mark.parametrize(
    ("document", "status", "kind", "why"),
    [
        (vector(), 200, Kind.EMPTY, "no series"),
        (vector(series("NaN")), 200, Kind.NAN, "the value is nan"),
        (vector(series("+Inf")), 200, Kind.NAN, "the value is inf"),
        ({"status": "success", "data": {"resultType": "scalar", "result": [NOW, "NaN"]}}, 200, Kind.NAN, "nan"),
        (SCALAR, 200, Kind.ERROR, "the answer is a scalar and has no label version"),
        ({"status": "success", "data": {"resultType": "matrix", "result": []}}, 200, Kind.ERROR, "gives a matrix"),
        ({"status": "success", "data": {"resultType": "string", "result": [NOW, "x"]}}, 200, Kind.ERROR, "a string"),
        (
            {"status": "error", "errorType": "bad_data", "error": "parse error"},
            400,
            Kind.ERROR,
            "bad_data: parse error",
        ),
        ({"status": "error", "errorType": "timeout", "error": "late"}, 503, Kind.ERROR, "timeout: late"),
        (b"<html>Sign in</html>", 200, Kind.ERROR, "instead of JSON (is there a login page?)"),
        (b"no", 401, Kind.ERROR, "Prometheus wants a login (token_from)"),
        (b"", 302, Kind.ERROR, "it sends us to /login"),
        (b"", 502, Kind.ERROR, "status 502"),
        ({}, 200, Kind.ERROR, "this is no answer of Prometheus ({})"),
        ([], 200, Kind.ERROR, "this is no answer of Prometheus"),
        ({"status": "success"}, 200, Kind.ERROR, "this is no answer of Prometheus"),
        ({"status": "success", "data": {"resultType": "vector", "result": [1]}}, 200, Kind.ERROR, "no answer of"),
        (vector({"metric": {}, "value": [NOW, 0.9]}), 200, Kind.ERROR, "no answer of"),
        (vector({"metric": {}, "value": [NOW]}), 200, Kind.ERROR, "no answer of"),
        (vector({"metric": [1], "value": [NOW, "1"]}), 200, Kind.ERROR, "no answer of"),
        (vector({"metric": {}, "value": [float("nan"), "1"]}), 200, Kind.NAN, "the answer's time is nan"),
        (vector({"metric": {}, "value": ["now", "1"]}), 200, Kind.ERROR, "the answer's time is no number"),
        (vector(series("0x9")), 200, Kind.ERROR, "no answer of"),
    ],
)
def test_everything_else_is_no_value(
    server: Server, ask_check: Ask, document: object, status: int, kind: Kind, why: str
) -> None:
    server.says(document, status, Location="/login")
    sample = ask_check({**GAUGE}, now=NOW)
    assert why in sample.why
    assert (sample.kind, sample.value) == (kind, None)


def test_a_scalar_is_a_value_where_any_version_will_do(server: Server, ask_check: Ask) -> None:
    server.says(SCALAR)
    assert ask_check({"value": "scalar(x)", "max": 1, "any_version": True}, now=NOW).value == 0.4


def test_the_token_is_sent_to_prometheus(server: Server, ask_check: Ask) -> None:
    server.says(vector(series(0.7)))
    ask_check({**GAUGE, "token_from": "PROM"}, now=NOW, PROM="abc")
    assert server.headers[0]["Authorization"] == "Bearer abc"


@pytest.mark.parametrize("fault", ["stall", "drip"])
def test_a_slow_prometheus_has_a_deadline(server: Server, ask_check: Ask, fault: str) -> None:
    server.says(vector(series(0.7)))
    setattr(server, fault, 60.0)
    sample = ask_check({**GAUGE, "timeout": "1s"})
    assert (sample.kind, "did not answer in time" in sample.why) == (Kind.ERROR, True)


def test_a_prometheus_that_is_gone_is_an_error(ask_check: Ask) -> None:
    with serve() as gone:
        url = gone.url
    before = time.time()
    sample = ask_check({**GAUGE}, at=url)
    assert sample.kind is Kind.ERROR
    assert "refused" in sample.why
    assert sample.now >= before
