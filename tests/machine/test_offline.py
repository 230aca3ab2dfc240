"""Rolling back on a machine while origin is down, and what becomes of it when origin is back."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lastgood.core.offline import Outcome
from lastgood.core.rollback import Plan, Request
from lastgood.errors import (
    FindingsError,
    LastgoodError,
    NoGoodVersionError,
    PushRefusedError,
    RaceError,
    UnfinishedError,
    UnknownError,
    UnreachableError,
    UsageError,
)
from lastgood.machine.offline import Published
from lastgood.operations import prune, rollback, show, sync
from lastgood.registry import recording
from lastgood.registry.view import View
from lastgood.releases import durable
from lastgood.releases import pending as waiting
from lastgood.releases.place import Place
from tests.builders import git
from tests.operations.test_crash import race
from tests.world import World, killed_at, refuse_pushes


def go_down(world: World) -> None:
    """Take the git host away."""
    world.project.origin.rename(world.project.base / "gone.git")


def come_back(world: World) -> None:
    (world.project.base / "gone.git").rename(world.project.origin)


def pending(world: World) -> Path:
    """The file that keeps what was done for `prod`."""
    return world.place / "pending/flights@prod.json"


def acts(world: World) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(pending(world).read_text())["acts"] if pending(world).exists() else []
    return found


def told(world: World) -> list[tuple[str, str, str]]:
    """Kind, version and stage of every event that history shows, newest first."""
    return [(str(one.kind), one.version, str(one.stage)) for one in show.history(world.open(), "flights").events]


def offline(
    world: World, *, leaving: str | None = None, on_step: Callable[[str], None] | None = None
) -> rollback.Result:
    return world.rollback(offline=True, leaving=leaving, on_step=on_step)


@pytest.fixture
def down(story: World) -> World:
    """v3.0.0 is live in prod and followed, and origin is out of reach."""
    story.sync()
    go_down(story)
    return story


@pytest.fixture
def acted(down: World) -> World:
    """Rolled back from v3.0.0 to v1.0.0 while origin was down; now it is back."""
    offline(down)
    come_back(down)
    return down


def test_it_acts_here_and_says_that_it_is_not_published(down: World) -> None:
    refs = down.project.git("for-each-ref")
    steps = len(down.steps)
    result = offline(down)
    assert (result.plan.leaving.text, result.plan.target.text) == ("v3.0.0", "v1.0.0")
    assert (result.record.tags, result.record.published) == ((), False)
    assert [(one.leaving, one.target) for one in result.unpublished] == [("v3.0.0", "v1.0.0")]
    assert down.live_model() == "first"
    assert down.steps[steps:] == ["fetch objects", "build", "act", "switch"]
    assert down.project.git("for-each-ref") == refs
    stage = down.status().stages[0]
    assert (stage.assigned, stage.live, stage.waiting) == ("v3.0.0", "v1.0.0", True)
    assert stage.finish == "lastgood sync flights --stage prod"
    assert [one.id for one in stage.pending] == [result.unpublished[0].id]
    assert show.where(down.open(), "flights", "prod").release.version == "v1.0.0"


def test_an_origin_that_is_there_is_not_asked_either(story: World) -> None:
    story.sync()
    before = git(story.project.origin, "for-each-ref")
    steps = len(story.steps)
    offline(story)
    assert "fetch" not in story.steps[steps:]
    assert git(story.project.origin, "for-each-ref") == before
    assert story.live_model() == "first"


@pytest.mark.parametrize("leaving", [None, "v3.0.0"])
def test_said_twice_it_writes_nothing_the_second_time(down: World, leaving: str | None) -> None:
    offline(down, leaving=leaving)
    before = pending(down).read_bytes()
    again = offline(down, leaving=leaving)
    assert (again.plan.fulfilled, again.finished, again.live) == (True, False, str(down.live))
    assert len(again.unpublished) == 1
    assert pending(down).read_bytes() == before


def test_a_dry_run_changes_nothing(down: World) -> None:
    result = rollback.rollback(down.open(), Request("flights", "", offline=True), dry_run=True)
    assert (result.plan.target.text, result.plan.here) == ("v1.0.0", True)
    assert down.live_model() == "third"
    assert not pending(down).exists()


def test_it_excludes_recording_only_and_needs_a_remote(story: World) -> None:
    with pytest.raises(UsageError, match=r"^--offline acts on this machine, --record-only does not") as caught:
        story.rollback(offline=True, here=False)
    assert caught.value.hint == "use one of them"
    story.project.git("remote", "remove", "origin")
    with pytest.raises(UsageError, match="no git remote origin") as caught:
        story.rollback(offline=True)
    assert caught.value.hint == "without --offline a rollback is recorded in this clone"


def test_a_rollback_that_cannot_reach_origin_names_the_way_out(down: World) -> None:
    with pytest.raises(UnreachableError) as caught:
        down.rollback()
    assert "--offline" in caught.value.hint
    with pytest.raises(UnreachableError) as caught:
        down.rollback(here=False)
    assert "--offline" not in caught.value.hint


def test_a_push_that_breaks_off_names_the_way_out_and_its_outcome_is_sorted_out_later(story: World) -> None:
    story.sync()
    assert killed_at("refs", lambda on_step: story.rollback(on_step=on_step))  # origin has it, this clone has not
    go_down(story)
    steps = len(story.steps)
    result = offline(story)
    assert "fetch" not in story.steps[steps:]
    assert [one.kind for one in result.view.warnings] == ["unreachable"]
    come_back(story)
    published: list[Published] = []
    done = sync.sync(story.open(), "flights", "prod", on_published=published.append)
    assert [one.outcome for one in published] == [Outcome.FULFILLED]
    assert done.version.text == "v1.0.0"
    assert story.tags().count("flights#prod#7") == 1
    assert "flights#prod#8" not in story.tags()


@pytest.mark.parametrize("finish", ["sync", "rollback", "rollback without --from"])
def test_publishing_makes_it_anew_with_who_when_and_why(acted: World, finish: str) -> None:
    act = acts(acted)[0]
    acted.project.git("config", "user.name", "Somebody Else")
    if finish == "sync":
        done = acted.sync()
        assert (done.version.text, done.changed, [one.outcome for one in done.published]) == (
            "v1.0.0", False, [Outcome.RECORDED],
        )  # fmt: skip
        assert str(done.published[0]).startswith("published: prod of flights was rolled back here")
    else:
        result = acted.rollback(leaving="v3.0.0" if finish == "rollback" else None, again=False)
        assert result.plan.fulfilled
    assert not pending(acted).exists()
    assert acted.stage_on_origin("prod") == "v1.0.0"
    message = git(acted.project.origin, "cat-file", "tag", "flights#prod#7") + "\n"
    assert f"Offline: {act['id']}\n" in message
    assert "Actor: " in message
    assert "Actor: Somebody" not in message
    assert "\nOccurred: 20" in message
    assert acted.status().stages[0].waiting is False
    newest = show.history(acted.open(), "flights").events[0]
    assert (newest.actor, newest.reason) == (act["actor"], act["reason"])
    there = acted.clone("other")
    assert there.verify().all_findings == ()
    assert told(there)[:2] == [("assigned", "v1.0.0", "prod"), ("marked", "v3.0.0", "failed")]


def test_a_following_machine_gets_it_then(acted: World) -> None:
    other = acted.clone("other")
    assert other.sync().version.text == "v3.0.0"
    acted.sync()
    assert other.sync().version.text == "v1.0.0"


def test_it_is_superseded_when_the_stage_moved_on_and_this_machine_follows(acted: World) -> None:
    acted.clone("other").assign("v4.0.0")
    with pytest.raises(RaceError, match=r"(?s)v3\.0\.0 to v1\.0\.0.*v4\.0\.0") as caught:
        acted.sync()
    assert caught.value.exit_code == 4
    assert caught.value.message.startswith("published as superseded history: prod of flights was rolled back here")
    assert caught.value.hint == "lastgood history flights tells who and why"
    assert show.history(acted.open(), "flights").events[0].message.trailers["Superseded"] == "v4.0.0"
    assert acted.live_model() == "fourth"
    assert not pending(acted).exists()
    assert not acted.status().waits
    assert acted.stage_on_origin("prod") == "v4.0.0"
    assert acted.sync().version.text == "v4.0.0"
    there = acted.clone("third")
    assert there.verify().all_findings == ()
    assert acted.verify().all_findings == ()
    kinds = told(there)
    assert kinds[0] == ("superseded", "v1.0.0", "prod")
    assert kinds[1] == ("assigned", "v4.0.0", "prod")
    assert there.status().stages[0].judgement == "stable"


@pytest.mark.parametrize("more", [{"leaving": "v1.0.0"}, {"again": True}])
def test_what_asks_for_more_than_what_was_done_here_goes_further(acted: World, more: dict[str, Any]) -> None:
    with pytest.raises(NoGoodVersionError, match=r"v1\.0\.0 is the oldest version"):
        acted.rollback(**more)
    assert acted.stage_on_origin("prod") == "v1.0.0"


def test_history_that_changes_nothing_keeps_its_place_and_stands_in_nobodys_way(acted: World) -> None:
    other = acted.clone("other")
    other.assign("v4.0.0")
    with pytest.raises(RaceError):
        acted.sync()
    tags = set(acted.tags())
    other.mark("v3.0.0", "failed")
    assert acted.rollback(leaving="v4.0.0").plan.target.text == "v1.0.0"
    assert len(set(acted.tags()) - tags) == 4
    assert [kind for kind, _, _ in told(acted)].index("superseded") == 4
    acted.project.version("v5.0.0", model="by gto", stages=["prod"])
    acted.adopt()
    assert acted.clone("fourth").verify().all_findings == ()
    assert acted.sync().version.text == "v5.0.0"


@pytest.mark.parametrize("leaving", [None, "v4.0.0"])
def test_an_emergency_comes_before_what_was_superseded(acted: World, leaving: str | None) -> None:
    acted.clone("other").assign("v4.0.0")
    steps: list[str] = []

    def be_faster(step: str) -> None:
        steps.append(step)
        if step == "push" and steps.count("push") == 2:  # the first one published what was superseded
            acted.clone("third").mark("v2.0.0", "stable")

    result = acted.rollback(leaving=leaving, on_step=be_faster)
    assert steps.count("push") == 3
    assert [one.outcome for one in result.published] == [Outcome.SUPERSEDED]
    assert result.plan.target.text == "v2.0.0"
    assert acted.live_model() == "second"
    assert steps.count("switch") == 1


def test_said_again_after_it_was_superseded_it_follows_and_tells(acted: World) -> None:
    acted.clone("other").assign("v4.0.0")
    with pytest.raises(RaceError, match="follows the registry"):
        acted.rollback(leaving="v3.0.0")
    assert acted.live_model() == "fourth"


def test_the_same_done_by_somebody_else_is_kept_as_history(acted: World) -> None:
    acted.clone("other").rollback()
    before = set(acted.tags())
    done = acted.sync()
    assert [one.outcome for one in done.published] == [Outcome.FULFILLED]
    assert str(done.published[0]).startswith("published as history: prod of flights was rolled back here")
    assert str(done.published[0]).endswith("meanwhile somebody else assigned prod to v1.0.0, too")
    assert (done.version.text, done.changed) == ("v1.0.0", False)
    assert set(acted.tags()) == before
    assert told(acted)[0] == ("superseded", "v1.0.0", "prod")
    assert not pending(acted).exists()


def test_a_target_that_was_marked_failed_meanwhile_is_not_assigned(acted: World) -> None:
    acted.clone("other").mark("v1.0.0", "failed")
    with pytest.raises(RaceError, match="superseded"):
        acted.sync()
    assert acted.live_model() == "third"
    assert acted.stage_on_origin("prod") == "v3.0.0"


def test_a_target_whose_tag_was_moved_meanwhile_is_refused_and_it_waits_on(acted: World) -> None:
    git(acted.project.origin, "tag", "-f", "-a", "-m", "moved", "flights@v1.0.0", "flights@v2.0.0^{}")
    with pytest.raises(FindingsError, match=r"v1\.0\.0 stays live here"):
        acted.sync()
    assert len(acts(acted)) == 1
    assert acted.live_model() == "first"


def test_two_in_a_row_are_published_one_after_the_other(world: World) -> None:
    for version in ("v1.0.0", "v2.0.0", "v3.0.0"):
        world.project.version(version, model=version, mark="stable")
    world.project.assign("v3.0.0", "prod")
    world.sync()
    go_down(world)
    assert offline(world).plan.target.text == "v2.0.0"
    again = offline(world, leaving="v2.0.0")
    assert (again.plan.target.text, len(again.unpublished)) == ("v1.0.0", 2)
    assert offline(world, leaving="v3.0.0").plan.fulfilled
    assert world.live_model() == "v1.0.0"
    come_back(world)
    done = world.sync()
    assert [one.outcome for one in done.published] == [Outcome.RECORDED, Outcome.RECORDED]
    assert (done.version.text, done.changed) == ("v1.0.0", False)
    assert told(world)[0] == ("assigned", "v1.0.0", "prod")
    assert world.clone("other").verify().all_findings == ()


def test_of_two_in_a_row_the_second_may_hold_though_somebody_else_did_the_first(world: World) -> None:
    for version in ("v1.0.0", "v2.0.0", "v3.0.0"):
        world.project.version(version, model=version, mark="stable")
    world.project.assign("v3.0.0", "prod")
    world.sync()
    offline(world)
    offline(world, leaving="v2.0.0")
    world.clone("other").rollback(leaving="v3.0.0")
    done = world.sync()
    assert [one.outcome for one in done.published] == [Outcome.FULFILLED, Outcome.RECORDED]
    assert world.stage_on_origin("prod") == "v1.0.0"


def test_two_machines_that_acted_are_one_rollback(story: World) -> None:
    other = story.clone("other")
    story.sync()
    other.sync()
    offline(story)
    offline(other)
    before = set(story.tags())
    assert story.sync().published[0].outcome is Outcome.RECORDED
    assert other.sync().published[0].outcome is Outcome.FULFILLED
    assert sorted(set(story.tags()) - before) == ["flights#failed#6", "flights#prod#7"]
    assert (story.live_model(), other.live_model()) == ("first", "first")


@pytest.mark.parametrize("command", ["sync", "rollback"])
def test_while_origin_is_down_what_was_left_does_not_come_back(down: World, command: str) -> None:
    offline(down)
    with pytest.raises(UnreachableError, match=r"v1\.0\.0 stays live here"):
        down.sync() if command == "sync" else down.rollback(leaving="v3.0.0")
    assert down.live_model() == "first"
    assert len(acts(down)) == 1


@pytest.mark.parametrize("here", [None, False])
def test_what_waits_and_cannot_be_published_names_the_way_out_where_there_is_one(
    down: World, *, here: bool | None
) -> None:
    offline(down)
    with pytest.raises(UnreachableError) as caught:
        down.rollback(here=here)
    assert ("--offline" in caught.value.hint) is (here is None)


def test_a_push_that_is_refused_leaves_everything_and_says_so(acted: World) -> None:
    refuse_pushes(acted)
    for _ in range(2):
        with pytest.raises(PushRefusedError, match=r"(?s)no pushes on Fridays.*v1\.0\.0 stays live here") as caught:
            acted.sync()
        assert str(pending(acted)) in caught.value.hint
        assert acted.live_model() == "first"
        assert len(acts(acted)) == 1
    (acted.project.origin / "hooks/pre-receive").unlink()
    acted.sync()
    assert acted.stage_on_origin("prod") == "v1.0.0"


def test_other_commands_warn_of_it_and_do_not_publish(acted: World) -> None:
    done = acted.mark("v4.0.0", "failed")
    assert done.view is not None
    assert [one.kind for one in done.view.warnings] == ["pending"]
    assert len(acts(acted)) == 1
    assert acted.stage_on_origin("prod") == "v3.0.0"


@pytest.mark.parametrize("content", ["", "{}", '{"schema": 1, "acts": [{"id": "x"}]}', "[" * 100_000, "\0", None])
def test_a_file_that_cannot_be_read_is_named_and_kept(acted: World, content: str | None) -> None:
    text = pending(acted).read_text().replace('"prod"', '"staging"') if content is None else content
    pending(acted).write_text(text)
    stage = acted.status().stages[0]
    assert stage.waiting
    assert [one.kind for one in stage.problems] == ["pending"]
    for work in (acted.sync, acted.rollback, lambda: offline(acted)):
        with pytest.raises(LastgoodError, match=r"flights@prod\.json cannot be read") as caught:
            work()
        assert "mv " in caught.value.hint
    assert pending(acted).read_text() == text
    assert acted.live_model() == "first"
    acted.mark("v4.0.0", "failed")


def test_prune_keeps_what_it_waits_for(down: World) -> None:
    assert killed_at("switch", lambda on_step: offline(down, on_step=on_step))
    come_back(down)
    pruned = prune.prune(down.open(), keep=0, dry_run=True)
    kept = {one.release.version: one.why for one in pruned.releases if one.kept}
    assert "rollback --offline of prod" in kept["v1.0.0"]


@pytest.mark.parametrize("step", ["fetch objects", "build", "act", "switch"])
@pytest.mark.parametrize("finish", ["the same", "sync"])
def test_killed_while_acting_it_is_old_or_new_and_the_same_again_finishes(down: World, step: str, finish: str) -> None:
    assert killed_at(step, lambda on_step: offline(down, on_step=on_step))
    assert down.live_model() == "third"
    noted = step == "switch"
    assert len(acts(down)) == noted
    assert down.status().waits is noted
    if finish == "the same":
        assert len(offline(down).unpublished) == 1
        assert down.live_model() == "first"
        assert len(acts(down)) == 1
    come_back(down)
    down.sync()
    new = noted or finish == "the same"
    assert down.live_model() == ("first" if new else "third")
    assert down.stage_on_origin("prod") == ("v1.0.0" if new else "v3.0.0")
    assert not pending(down).exists()
    assert [one for one in down.tags() if one.startswith("flights#prod#")][2:] == (["flights#prod#7"] if new else [])


@pytest.mark.parametrize("step", ["fetch", "objects", "push", "refs", "forget"])
@pytest.mark.parametrize("command", ["sync", "rollback"])
def test_killed_while_publishing_it_is_recorded_once(acted: World, step: str, command: str) -> None:
    before = set(acted.tags())

    def publish(on_step: Callable[[str], None] | None = None) -> object:
        if command == "sync":
            return acted.sync(on_step=on_step)
        return acted.rollback(leaving="v3.0.0", on_step=on_step)

    assert killed_at(step, publish)
    assert acted.live_model() == "first"
    assert len(acts(acted)) == 1
    assert acted.status().waits
    publish()
    assert acted.live_model() == "first"
    assert sorted(set(acted.tags()) - before) == ["flights#failed#6", "flights#prod#7"]
    assert not acted.status().waits
    assert acted.clone("other").verify().all_findings == ()


@pytest.mark.parametrize("step", ["objects", "push", "refs", "forget", "build", "switch"])
def test_killed_while_publishing_what_was_superseded_it_is_history_once(acted: World, step: str) -> None:
    acted.clone("other").assign("v4.0.0")
    before = set(acted.tags())
    assert killed_at(step, lambda on_step: acted.sync(on_step=on_step))
    assert acted.live_model() == "first"
    assert acted.status().waits
    try:
        acted.sync()
    except RaceError:
        assert step not in {"build", "switch"}
    else:
        assert step in {"build", "switch"}
    assert acted.live_model() == "fourth"
    assert set(acted.tags()) == before
    assert [kind for kind, _, _ in told(acted)].count("superseded") == 1
    assert not acted.status().waits


def test_what_was_done_while_a_sync_asked_outranks_it(story: World) -> None:
    story.sync()

    def act_meanwhile(step: str) -> None:
        if step == "fetch" and story.live_model() == "third":
            offline(story)

    assert story.sync(on_step=act_meanwhile).version.text == "v1.0.0"
    assert story.live_model() == "first"


def test_what_was_done_while_a_sync_told_what_it_had_published_comes_first(story: World) -> None:
    story.assign("v4.0.0")
    story.rollback(offline=True, to="v3.0.0")

    def act_meanwhile(published: Published) -> None:
        if published.act.target == "v3.0.0":
            offline(story, leaving="v3.0.0")

    done = sync.sync(story.open(), "flights", "prod", on_published=act_meanwhile)
    assert [one.act.target for one in done.published] == ["v3.0.0", "v1.0.0"]
    assert (done.version.text, story.live_model()) == ("v1.0.0", "first")
    waiting.remove(Place(story.place), done.published[0].act)  # not there is fine


def test_what_was_done_while_a_rollback_was_shown_comes_first(story: World) -> None:
    story.sync()
    before = set(story.tags())

    def act_meanwhile(_view: View, plan: Plan) -> None:
        if not plan.fulfilled:
            offline(story)

    result = rollback.rollback(story.open(), Request("flights", "slow to read"), on_plan=act_meanwhile)
    assert [one.outcome for one in result.published] == [Outcome.RECORDED]
    assert result.plan.fulfilled
    assert sorted(set(story.tags()) - before) == ["flights#failed#6", "flights#prod#7"]


def test_what_was_done_while_a_rollback_asked_is_published_by_it(story: World) -> None:
    story.sync()

    def act_meanwhile(step: str) -> None:
        if step == "fetch" and story.live_model() == "third":
            offline(story)

    done = story.rollback(leaving="v3.0.0", on_step=act_meanwhile)
    assert [one.outcome for one in done.published] == [Outcome.RECORDED]
    assert (done.plan.fulfilled, acts(story), story.live_model()) == (True, [], "first")


@pytest.mark.parametrize("here", [None, False])
def test_an_origin_that_goes_down_amid_a_rollback_names_the_way_out_where_there_is_one(
    story: World, *, here: bool | None
) -> None:
    story.sync()
    with pytest.raises(UnreachableError) as caught:
        story.rollback(here=here, on_step=lambda step: go_down(story) if step == "push" else None)
    assert ("--offline" in caught.value.hint) is (here is None)
    assert story.live_model() == "third"


def test_at_once_with_syncs_it_is_not_undone(story: World) -> None:
    story.sync()
    before = set(story.tags())
    assert race(*[story.sync] * 2, *[lambda: offline(story, leaving="v3.0.0")] * 2) == [0, 0, 0, 0]
    assert story.live_model() == "first"
    story.sync()
    assert sorted(set(story.tags()) - before) == ["flights#failed#6", "flights#prod#7"]
    assert story.live_model() == "first"


def test_a_rollback_that_only_had_to_be_finished_here_leaves_nothing_more_when_the_registry_moves_on(
    story: World,
) -> None:
    story.sync()
    assert killed_at("switch", lambda on_step: story.rollback(on_step=on_step))
    durable.remove_tree(story.place / "releases/flights")
    moved: list[str] = []

    def move_on(step: str) -> None:
        if step == "build" and not moved:
            moved.append(step)
            story.mark("v4.0.0", "failed")

    result = story.rollback(on_step=move_on)
    assert moved
    assert result.plan.target.text == "v1.0.0"
    assert story.stage_on_origin("prod") == "v1.0.0"


def test_what_started_it_and_what_it_knew_is_kept_and_told_when_it_is_published(
    down: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI_JOB_URL", "https://ci.example.org/7")
    offline(down)
    monkeypatch.delenv("CI_JOB_URL")
    assert acts(down)[0]["seen"] == down.project.git("rev-parse", "refs/lastgood/flights")
    come_back(down)
    now = next(down.project.clock) + 60
    down.sync()
    message = git(down.project.origin, "cat-file", "tag", "flights#prod#7") + "\n"
    assert "Trigger: ci\n" in message
    assert "Run: https://ci.example.org/7\n" in message
    assert f" {now - 1} +0000\n" in message


def test_what_is_published_right_after_another_event_waits_for_the_clock_as_every_event(
    acted: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = git(acted.project.origin, "for-each-ref", "--format=%(taggerdate:unix)", "refs/tags/flights#prod#4")
    waited: list[float] = []
    monkeypatch.setattr(recording, "time", SimpleNamespace(sleep=waited.append))
    sync.sync(acted.open(at=int(newest)), "flights", "prod")
    assert waited == [2]


def test_it_is_superseded_by_nothing_when_the_stage_was_unassigned(acted: World) -> None:
    other = acted.clone("other").project
    for number, version in enumerate(("v1.0.0", "v3.0.0"), 8):
        other.tag(f"flights#prod!#{number}", commit=f"flights@{version}^{{}}")
    published: list[Published] = []
    with pytest.raises(RaceError, match=r"prod is assigned to nothing, .*; what is live here stays$"):
        sync.sync(acted.open(), "flights", "prod", on_published=published.append)
    with pytest.raises(UnknownError, match="nothing is assigned to stage prod"):
        acted.sync()
    assert [one.outcome for one in published] == [Outcome.SUPERSEDED]
    assert str(published[0]).endswith("prod is assigned to nothing, and v1.0.0 is not to take its place")
    assert show.history(acted.open(), "flights").events[0].message.trailers["Superseded"] == "nothing"
    assert (acts(acted), acted.live_model()) == ([], "first")


def test_a_date_ahead_keeps_it_from_nothing(acted: World) -> None:
    acted.clone("other").project.tag("flights#prod#8", commit="flights@v3.0.0^{}", when=4_000_000_000)
    assert [one.outcome for one in acted.sync().published] == [Outcome.RECORDED]
    assert (acts(acted), acted.stage_on_origin("prod"), acted.live_model()) == ([], "v1.0.0", "first")


def test_a_date_ahead_keeps_no_rollback_from_being_done_offline(story: World) -> None:
    story.project.tag("flights#prod#50", commit="flights@v3.0.0^{}", when=4_000_000_000)
    story.sync()
    assert offline(story).plan.target.text == "v1.0.0"
    assert story.live_model() == "first"
    assert [one.outcome for one in story.sync().published] == [Outcome.RECORDED]
    assert (story.stage_on_origin("prod"), story.live_model()) == ("v1.0.0", "first")


def test_what_lives_here_is_published_though_nobody_else_could_restore_it_any_more(acted: World) -> None:
    acted.lose("first")
    assert [one.outcome for one in acted.sync().published] == [Outcome.RECORDED]


def test_beside_another_artifact_it_is_published_for_its_own(acted: World) -> None:
    acted.clone("other").project.tag("delays@v1.0.0")
    assert [one.outcome for one in acted.sync().published] == [Outcome.RECORDED]


def test_what_waits_of_other_stages_and_artifacts_stays_where_it_is(story: World) -> None:
    for version in ("v1.0.0", "v3.0.0"):
        story.assign(version, "staging")
    for stage in ("prod", "staging"):
        story.sync(stage)
        act = story.rollback(offline=True, stage=stage).unpublished[0]
        waiting.append(Place(story.place), replace(act, artifact="delays", stage="staging"))
    assert [one.act.stage for one in story.sync("staging").published] == ["staging"]
    assert [one.act.stage for one in story.rollback(leaving="v3.0.0").published] == ["prod"]
    assert {one.artifact for one in waiting.acts(Place(story.place))} == {"delays"}


def test_a_link_that_cannot_be_made_is_told_as_noted_and_finished_later(story: World) -> None:
    story.live.parent.parent.mkdir(parents=True, exist_ok=True)
    story.live.parent.write_text("in the way")
    command = "lastgood rollback flights --stage prod --offline --reason TEXT"
    with pytest.raises(UnfinishedError, match=r"^noted, but prod could not be switched here: ") as caught:
        offline(story)
    assert caught.value.hint == command
    with pytest.raises(UnfinishedError, match=r"^recorded earlier, but not carried out here: ") as caught:
        offline(story)
    assert caught.value.hint == command
    story.live.parent.unlink()
    done = offline(story)
    assert (done.finished, done.live, len(done.unpublished)) == (True, str(story.live), 1)
    assert story.live_model() == "first"
