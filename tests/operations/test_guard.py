"""The guard leaves a version that is measurably bad, once, and stops when going back is not the cure."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from lastgood.core.breaker import Cause
from lastgood.errors import LockedError, NoGoodVersionError, UnknownError, UsageError
from lastgood.machine import watching
from lastgood.operations.guard import Looked, Outcome, foretell, look
from lastgood.operations.resolve import resolve
from lastgood.registry.view import read
from tests.adapters.probes.server import Server, serve
from tests.builders import git
from tests.world import World

CONFIG = """\
[guard.prod]
interval = "60s"
rollbacks = 2
window = "24h"

[[guard.prod.check]]
name = "errors"
url = "URL/{version}"
pointer = "/loss"
max = 0.5
failures = 2
of = 3
"""


@pytest.fixture
def server() -> Iterator[Server]:
    """Says of each version what its loss is, by default 0."""
    with serve() as told:
        yield told


@pytest.fixture
def watched(story: World, server: Server) -> World:
    """The story, with a guard; v3.0.0 is live in prod, on this machine."""
    story.project.put("lastgood.toml", CONFIG.replace("URL", server.url))
    story.project.commit("Guard prod")
    git(story.root, "push", "--quiet", "origin", "HEAD")
    story.sync()
    losses(server, {})
    return story


def losses(server: Server, bad: Mapping[str, object]) -> None:
    def answer(path: str) -> tuple[int, bytes, dict[str, str]]:
        return 200, json.dumps({"loss": bad.get(path.strip("/"), 0)}).encode(), {}

    server.answer = answer


def see(world: World, times: int = 1) -> Looked:
    """The last of several looks, a minute apart, each by a process of its own."""
    looked = look(world.open(), "flights", "prod")
    for _ in range(times - 1):
        looked = look(world.open(), "flights", "prod")
    return looked


def assignments(world: World) -> list[tuple[str, str | None]]:
    events = read(world.open(), fetch=True).registry.history("flights").events
    return [(one.version, one.message.trailers.get("Trigger")) for one in events if one.stage == "prod"]


def test_a_bad_version_is_left_with_the_check_and_its_numbers_in_the_event(watched: World, server: Server) -> None:
    losses(server, {"v3.0.0": 0.9})
    assert see(watched).waiting
    looked = see(watched)
    assert looked.outcome is Outcome.ROLLED_BACK
    assert looked.result is not None
    assert (looked.result.plan.target.text, Path(str(looked.result.live)).resolve().name[:6]) == ("v1.0.0", "v1.0.0")
    event = read(watched.open(), fetch=True).registry.history("flights").assigned["prod"]
    assert event.trigger == "guard errors"
    assert event.reason.startswith(
        "check errors: 0.9 now; 2 of the last 2 values outside <= 0.5; first bad sample at 20"
    )
    assert see(watched, 2).outcome is Outcome.HEALTHY


def test_a_healthy_version_stays_and_nothing_but_the_evidence_is_written(watched: World) -> None:
    before = watched.snapshot()
    assert [see(watched).outcome for _ in range(3)] == [Outcome.CANNOT_TELL, Outcome.HEALTHY, Outcome.HEALTHY]
    assert watched.snapshot() == before
    (kept,) = (watched.place / "guard").iterdir()
    assert (kept.name, kept.stat().st_mode & 0o777) == ("flights#prod.json", 0o600)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"errors": 5}', b'{"errors": {"check": "x", "state": {}}}'])
def test_evidence_that_cannot_be_read_starts_anew(watched: World, server: Server, content: bytes) -> None:
    losses(server, {"v3.0.0": 0.9})
    see(watched)
    (watched.place / "guard" / "flights#prod.json").write_bytes(content)
    assert see(watched).waiting
    assert see(watched).outcome is Outcome.ROLLED_BACK


def test_evidence_of_a_check_that_was_changed_does_not_count(watched: World, server: Server) -> None:
    losses(server, {"v3.0.0": 0.9})
    see(watched)
    watched.project.put("lastgood.toml", CONFIG.replace("URL", server.url).replace("max = 0.5", "max = 0.6"))
    assert see(watched).waiting


@pytest.mark.parametrize("body", [b"<html>Sign in</html>", b"", b'{"loss": NaN}', b'{"loss": null}'])
def test_no_answer_leads_to_a_rollback(watched: World, server: Server, body: bytes) -> None:
    losses(server, {"v3.0.0": 0.9})
    see(watched)
    server.says(body)
    assert {see(watched).outcome for _ in range(15)} == {Outcome.CANNOT_TELL}
    assert not see(watched).waiting  # for longer than the patience: a person should know
    assert assignments(watched)[-1] == ("v3.0.0", "manual")


def test_what_the_guard_went_back_to_is_not_left_if_it_is_bad_too(watched: World, server: Server) -> None:
    losses(server, {"v3.0.0": 0.9, "v1.0.0": 0.9})
    see(watched, 2)
    before = watched.snapshot()
    looked = see(watched, 2)
    assert (looked.outcome, looked.result) == (Outcome.FROZEN, None)
    assert "v1.0.0 is unhealthy, too: the version is not the cause" in looked.stopped
    assert looked.hint.startswith("lastgood resolve flights@v3.0.0 --stage prod --cause ")
    assert watched.snapshot() == before


def test_the_breaker_opens_and_a_recorded_cause_closes_it(watched: World, server: Server) -> None:
    losses(server, dict.fromkeys(("v3.0.0", "v4.0.0", "v5.0.0"), 0.9))
    see(watched, 2)
    watched.assign("v4.0.0")
    watched.sync()
    assert see(watched, 2).outcome is Outcome.ROLLED_BACK
    watched.release("v5.0.0", model="fifth", stages=["prod"])
    watched.sync()
    frozen = see(watched, 2)
    assert frozen.outcome is Outcome.FROZEN
    assert frozen.stopped.startswith("the breaker of prod of flights is open: 2 automatic rollbacks within 24 h")
    assert assignments(watched)[-1] == ("v5.0.0", "manual")
    resolve(watched.open(), "flights@v4.0.0", Cause.DATA, "the feed was late", stage="prod")
    assert see(watched).outcome is Outcome.ROLLED_BACK
    assert assignments(watched)[-1] == ("v1.0.0", "guard")


def test_a_rollback_by_hand_is_never_blocked_by_the_breaker(watched: World, server: Server) -> None:
    losses(server, {"v3.0.0": 0.9, "v4.0.0": 0.9})
    see(watched, 2)
    watched.assign("v4.0.0")
    watched.sync()
    see(watched, 2)
    watched.release("v5.0.0", model="fifth", stages=["prod"])
    assert watched.rollback(leaving="v5.0.0").plan.target.text == "v1.0.0"


def test_freeze_tells_a_person_and_changes_nothing(watched: World, server: Server) -> None:
    losses(server, {"v3.0.0": 0.9})
    config = CONFIG.replace("URL", server.url).replace("rollbacks = 2", 'on_fail = "freeze"')
    watched.project.put("lastgood.toml", config)
    before = watched.snapshot()
    looked = see(watched, 2)
    assert looked.outcome is Outcome.FROZEN
    assert looked.hint == "lastgood rollback flights --stage prod --from v3.0.0 --reason TEXT"
    assert watched.snapshot() == before


def test_guards_on_two_machines_make_one_rollback(watched: World, server: Server) -> None:
    losses(server, {"v3.0.0": 0.9})
    other = World(watched.project.clone("other"))
    other.sync()
    see(other)
    see(watched, 2)
    looked = see(other)
    assert looked.outcome is Outcome.ROLLED_BACK
    assert looked.result is not None
    assert (looked.result.plan.fulfilled, looked.result.record.tags) == (True, ())
    assert other.live.resolve().name.startswith("v1.0.0")
    assert assignments(watched) == [("v1.0.0", "manual"), ("v3.0.0", "manual"), ("v1.0.0", "guard")]


def test_a_machine_that_only_records_judges_what_is_assigned(watched: World, server: Server) -> None:
    losses(server, {"v3.0.0": 0.9})
    recorder = World(watched.project.clone("recorder"))
    see(recorder)
    looked = see(recorder)
    assert looked.result is not None
    assert (looked.outcome, looked.result.live) == (Outcome.ROLLED_BACK, None)
    assert watched.sync().version.text == "v1.0.0"


def test_a_command_is_run_in_the_live_version(watched: World) -> None:
    command = "echo $LASTGOOD_VERSION $LASTGOOD_STAGE >> ../../../../seen; cat model.txt > /dev/null; echo 1"
    check = f'{{name = "loss", command = "{command}", max = 0.5, failures = 1}}'
    watched.project.put("lastgood.toml", f'[guard.prod]\ninterval = "60s"\ncheck = [{check}]\n')
    assert "exit code" not in see(watched).verdicts[0].why


def test_without_a_good_version_nothing_is_changed(watched: World, server: Server) -> None:
    losses(server, {"v3.0.0": 0.9})
    watched.mark("v1.0.0", "failed")
    see(watched)
    before = watched.snapshot()
    with pytest.raises(NoGoodVersionError):
        see(watched)
    assert watched.snapshot() == before


def test_a_second_guard_of_the_stage_on_this_machine_is_refused(watched: World) -> None:
    project = watched.open()
    with watching.alone(project, "flights", "prod"):
        with pytest.raises(LockedError, match="guard flights prod"), watching.alone(project, "flights", "prod"):
            pass
        with watching.alone(project, "flights", "staging"):
            pass


def test_a_stage_without_a_guard_or_without_a_version_is_named(watched: World, server: Server) -> None:
    with pytest.raises(UsageError, match=r"no guard is configured for staging \(configured: prod\)"):
        look(watched.open(), "flights", "staging")
    watched.project.put("lastgood.toml", CONFIG.replace("URL", server.url).replace("guard.prod", "guard.canary"))
    with pytest.raises(UnknownError, match="nothing is assigned to stage canary"):
        look(watched.open(), "flights", "canary")


def test_a_dry_run_says_what_each_check_will_do(watched: World) -> None:
    paused: list[float] = []
    told = foretell(watched.open(), "flights", "prod", paused.append)
    ((forecast, sample),) = told.checks
    assert (forecast.needed, forecast.false_alarm_every, forecast.notice) == (2, None, 120)
    assert (sample.value, paused, told.live.version, told.stopped) == (0, [60], "v3.0.0", None)
    assert not (watched.place / "guard").exists()
