"""From the counters of a server to the rollback, with a real Prometheus in between."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lastgood.operations.guard import Looked, Outcome, look
from tests.adapters.probes.prometheus import NEEDED, Watched, watch
from tests.world import World

pytestmark = [NEEDED, pytest.mark.xdist_group("prometheus")]
CONFIG = """\
[guard.prod]
interval = "10s"
prometheus = "URL"

[[guard.prod.check]]
name = "errors"
bad = 'predictions_total{version="{version}",status="error"}'
total = 'predictions_total{version="{version}"}'
expected = 0.01
unacceptable = 0.03
false_alarm_every = "90d"
empty = "zero"
"""
PATIENCE = 120


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Watched]:
    place = tmp_path / "prometheus"
    place.mkdir()
    with watch(place) as found:
        yield found


def serve(watched: Watched, version: str, good: int, bad: int) -> None:
    """What a server of this version has counted so far."""
    errors = f'predictions_total{{version="{version}",status="error"}} {bad}\n' if bad else ""
    watched.exposes(f'predictions_total{{version="{version}",status="ok"}} {good}\n{errors}')


def see(world: World) -> Looked:
    return look(world.open(at=int(time.time())), "flights", "prod")


def see_total(world: World, total: float) -> Looked:
    """The look at which the requests that were counted since the first reading are seen; scrapes take their time."""
    ends = time.monotonic() + PATIENCE
    while True:
        looked = see(world)
        if (looked.verdicts[0].total, looked.outcome) == (total, Outcome.HEALTHY) or time.monotonic() > ends:
            return looked
        if looked.outcome is Outcome.ROLLED_BACK:
            return looked
        time.sleep(0.2)


def await_reading(world: World) -> None:
    ends = time.monotonic() + PATIENCE
    while "no series" in see(world).verdicts[0].why and time.monotonic() < ends:
        time.sleep(0.2)


def test_errors_of_the_live_version_lead_to_a_rollback_and_good_requests_do_not(
    story: World, prometheus: Watched
) -> None:
    story.project.put("lastgood.toml", CONFIG.replace("URL", prometheus.url))
    story.sync()
    serve(prometheus, "v3.0.0", 1000, 0)
    await_reading(story)
    serve(prometheus, "v3.0.0", 1100, 1)
    healthy = see_total(story, 101)
    assert healthy.outcome is Outcome.HEALTHY, healthy.verdicts
    serve(prometheus, "v3.0.0", 1180, 41)
    bad = see_total(story, -1)
    assert bad.outcome is Outcome.ROLLED_BACK, bad.verdicts
    assert (bad.verdicts[0].bad, bad.verdicts[0].total) == (40, 120)
    assert story.live.resolve().name.startswith("v1.0.0")
    serve(prometheus, "v3.0.0", 1180, 999)  # of the version that was left
    assert see(story).outcome is Outcome.CANNOT_TELL
    prometheus.process.kill()
    prometheus.process.wait()
    gone = see(story)
    assert (gone.outcome, gone.waiting) == (Outcome.CANNOT_TELL, True)
    assert "refused" in gone.verdicts[0].why
