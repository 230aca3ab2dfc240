"""The questions are such that a real Prometheus answers as expected: Debian's, on loopback, scraping a real target."""

import signal
import time
from collections.abc import Callable, Iterator

import pytest

from lastgood.core.checks import Kind, Sample
from tests.adapters.probes.conftest import Ask
from tests.adapters.probes.prometheus import NEEDED, Watched, watch

pytestmark = [NEEDED, pytest.mark.xdist_group("prometheus")]
COUNTS = {
    "bad": 'predictions_total{version="{version}",status="error"}  # those',
    "total": 'predictions_total{version="{version}"}',
    "expected": 0.01,
    "unacceptable": 0.03,
    "empty": "zero",
}
HEALTHY = 'predictions_total{version="v2.0.0",status="ok"} 90\n'
PATIENCE = 60


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with watch(tmp_path_factory.mktemp("prometheus")) as found:
        yield found


def await_sample(ask: Callable[[], Sample], until: Callable[[Sample], bool]) -> Sample:
    """Ask until an answer is as wanted: scrapes take their time."""
    ends = time.monotonic() + PATIENCE
    while True:
        sample = ask()
        if until(sample) or time.monotonic() > ends:
            return sample
        time.sleep(0.1)


def total(sample: Sample) -> float:
    return sum(sample.reading.total.values()) if sample.reading else -1


def test_counts_of_a_version_are_read_with_the_time_of_their_scrape(watched: Watched, ask_check: Ask) -> None:
    watched.exposes(HEALTHY)
    sample = await_sample(lambda: ask_check({**COUNTS}, at=watched.url), lambda one: total(one) == 90)
    assert sample.kind is Kind.VALUE, sample.why
    assert sample.reading is not None
    assert sample.reading.bad == {}
    assert 0 <= sample.now - sample.at < 10
    watched.exposes(HEALTHY + 'predictions_total{version="v2.0.0",status="error"} 4\n')
    sample = await_sample(lambda: ask_check({**COUNTS}, at=watched.url), lambda one: total(one) == 94)
    assert sample.reading is not None
    assert list(sample.reading.bad.values()) == [4.0]


def test_a_version_that_is_not_there_is_empty(watched: Watched, ask_check: Ask) -> None:
    watched.exposes('predictions_total{version="v1.0.0",status="error"} 90\n')
    sample = await_sample(lambda: ask_check({**COUNTS}, at=watched.url), lambda one: one.kind is Kind.EMPTY)
    assert (sample.kind, sample.why) == (Kind.EMPTY, "no series of total")


def test_a_query_that_forgets_the_version_is_refused_by_the_label(watched: Watched, ask_check: Ask) -> None:
    watched.exposes('predictions_total{version="v1.0.0",status="ok"} 90\n' + HEALTHY)
    check = {**COUNTS, "total": 'predictions_total{version=~".*"} # {version}'}
    sample = await_sample(lambda: ask_check({**check}, at=watched.url), lambda one: "not about" in one.why)
    assert sample.kind is Kind.ERROR
    assert "'v1.0.0', not about v2.0.0" in sample.why


def test_gauges_are_told_apart_by_a_real_prometheus(watched: Watched, ask_check: Ask) -> None:
    watched.exposes('loss{version="v2.0.0",pod="a"} 0.7\nloss{version="v2.0.0",pod="b"} 0.9\n')

    def ask(query: str, **more: object) -> Sample:
        return ask_check({"value": query, "max": 1, **more}, at=watched.url)

    one = await_sample(lambda: ask('loss{version="{version}",pod="a"}'), lambda sample: sample.value == 0.7)
    assert (one.kind, one.value) == (Kind.VALUE, 0.7), one.why
    several = ask('loss{version="{version}"}')
    assert several.why == "2 series instead of one: they differ in pod"
    assert ask('max by (version) (loss{version="{version}"})').value == 0.9
    assert "has no label version" in ask('max(loss{version="{version}"})').why
    assert ask('max by (version) (loss{version="{version}"}) / 0').kind is Kind.NAN
    assert ask("0/0", any_version=True).kind is Kind.NAN
    assert ask('loss{version="{version}"').kind is Kind.ERROR
    assert ask('loss{version="{version}"}[1m]').why.startswith("the query gives a matrix")


def test_latency_is_read_from_a_real_histogram(watched: Watched, ask_check: Ask) -> None:
    lines = [
        f'seconds_bucket{{version="v2.0.0",le="{le}"}} {n}\n' for le, n in (("0.1", 50), ("0.5", 90), ("+Inf", 100))
    ]
    watched.exposes("".join(lines))
    check = {"buckets": 'seconds_bucket{version="{version}"}', "slower_than": 0.5, "expected": 0.1, "unacceptable": 0.2}
    sample = await_sample(lambda: ask_check({**check}, at=watched.url), lambda one: total(one) == 100)
    assert sample.reading is not None, sample.why
    assert list(sample.reading.bad.values()) == [10.0]


def test_a_target_that_died_is_empty_and_never_zero(watched: Watched, ask_check: Ask) -> None:
    watched.exposes(HEALTHY)
    await_sample(lambda: ask_check({**COUNTS}, at=watched.url), lambda one: one.kind is Kind.VALUE)
    watched.target.says(b"gone", 500)
    sample = await_sample(lambda: ask_check({**COUNTS}, at=watched.url), lambda one: one.kind is Kind.EMPTY)
    assert (sample.kind, sample.why) == (Kind.EMPTY, "no series of total")


def test_a_prometheus_that_stops_answering_is_an_error(watched: Watched, ask_check: Ask) -> None:
    """The last of the group: nothing is asked of it afterwards."""
    watched.process.send_signal(signal.SIGSTOP)
    sample = ask_check({**COUNTS, "timeout": "1s"}, at=watched.url)
    assert (sample.kind, "did not answer in time" in sample.why) == (Kind.ERROR, True)
    watched.process.kill()
    watched.process.wait()
    assert "refused" in ask_check({**COUNTS}, at=watched.url).why
