"""Killed at any step of a rollback or a sync, the old version is live or the new one, and it is never silent."""

import os
import signal
from collections.abc import Callable

import pytest

from lastgood.errors import LastgoodError
from tests.world import World, killed_at

STEPS = ["fetch", "fetch objects", "build", "objects", "push", "refs", "switch"]
RECORDED = {"refs", "switch"}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("finish", ["rollback", "sync"])
def test_a_killed_rollback_leaves_old_or_new_and_is_told_and_finished(story: World, step: str, finish: str) -> None:
    story.sync()
    assert killed_at(step, lambda on_step: story.rollback(on_step=on_step))
    assert story.live_model() == "third"
    recorded = step in RECORDED
    assert story.stage_on_origin("prod") == ("v1.0.0" if recorded else "v3.0.0")
    stage = story.status().stages[0]
    assert stage.waiting is recorded
    assert stage.finish == ("lastgood sync flights --stage prod" if recorded else None)
    if finish == "rollback":
        assert story.rollback().plan.target.text == "v1.0.0"
    elif story.sync().changed is not recorded:
        pytest.fail("sync does what was recorded, and nothing else")
    if finish == "rollback" or recorded:
        assert story.live_model() == "first"
        assert story.tags().count("flights#prod#7") == 1
        assert "flights#prod#8" not in story.tags()
    assert not story.status().waits
    assert story.project.git("status", "--porcelain") == ""


@pytest.mark.parametrize("step", ["refs", "switch"])
def test_a_rollback_killed_after_recording_is_finished_with_from_as_well(story: World, step: str) -> None:
    story.sync()
    assert killed_at(step, lambda on_step: story.rollback(on_step=on_step, leaving="v3.0.0"))
    result = story.rollback(leaving="v3.0.0")
    assert result.plan.fulfilled
    assert story.live_model() == "first"
    assert "flights#prod#8" not in story.tags()


def test_a_recorded_rollback_that_died_without_a_remote_is_told_and_finished(story: World) -> None:
    story.project.git("remote", "remove", "origin")
    story.sync()
    assert killed_at("switch", lambda on_step: story.rollback(on_step=on_step))
    assert story.status().waits
    story.rollback()
    assert story.live_model() == "first"


def test_after_a_push_of_unknown_outcome_status_says_what_it_cannot_know(story: World) -> None:
    story.sync()
    assert killed_at("refs", lambda on_step: story.rollback(on_step=on_step))
    story.project.origin.rename(story.project.base / "gone.git")
    found = story.status()
    assert [one.kind for one in found.findings] == ["unreachable"]
    (story.project.base / "gone.git").rename(story.project.origin)
    assert story.status().waits


@pytest.mark.parametrize("step", ["fetch objects", "build", "switch"])
def test_a_killed_sync_leaves_the_former_release_and_the_next_one_finishes(story: World, step: str) -> None:
    story.sync()
    story.assign("v4.0.0")
    assert killed_at(step, lambda on_step: story.sync(on_step=on_step))
    assert story.live_model() == "third"
    assert story.status().waits
    assert story.sync().changed
    assert story.live_model() == "fourth"


@pytest.mark.parametrize("step", ["check", "prove", "upload", "objects", "push", "refs"])
def test_a_killed_registration_is_there_or_not_and_can_be_repeated(world: World, step: str) -> None:
    world.project.commit_version(model="1", push=False)
    before = world.project.git("for-each-ref", "refs/tags", "refs/lastgood")
    assert killed_at(step, lambda on_step: register(world, on_step))
    assert world.project.git("for-each-ref", "refs/tags", "refs/lastgood") == before
    if step == "refs":
        assert world.tags() == ["flights@v1.0.0"]
        with pytest.raises(LastgoodError, match="exists and versions are immutable"):
            world.register("v1.0.0")
    else:
        assert world.tags() == []
        world.register("v1.0.0")
    assert world.project.git("tag") == "flights@v1.0.0"
    assert world.verify().all_findings == ()


def register(world: World, on_step: Callable[[str], None]) -> None:
    from lastgood.operations import register as operation

    operation.register(world.open(on_step=on_step), operation.Request("flights", "v1.0.0"))


def race(*works: Callable[[], object]) -> list[int]:
    """Do all at once, each in a child: the exit code of each, 0 when it came through."""
    ready, go = os.pipe()
    children = []
    for work in works:
        child = os.fork()
        if child == 0:
            signal.alarm(120)  # a child that hangs fails its test instead of stopping the suite
            os.close(go)
            os.read(ready, 1)  # until all are there
            code = 70
            try:
                work()
                code = 0
            except LastgoodError as error:
                code = error.exit_code
            finally:
                os._exit(code)
        children.append(child)
    os.close(ready)
    os.close(go)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def test_one_job_run_in_several_places_at_once_leaves_the_state_of_one_run(story: World) -> None:
    clones = [story, story.clone("b"), story.clone("c")]
    before = set(story.tags())
    codes = race(*(lambda there=there: there.rollback(leaving="v3.0.0") for there in clones))
    assert codes == [0, 0, 0]
    assert sorted(set(story.tags()) - before) == ["flights#failed#6", "flights#prod#7"]


def test_one_job_run_twice_at_once_in_one_clone_leaves_the_state_of_one_run(story: World) -> None:
    story.sync()
    before = set(story.tags())
    assert race(*(lambda: story.rollback(leaving="v3.0.0") for _ in range(3))) == [0, 0, 0]
    assert sorted(set(story.tags()) - before) == ["flights#failed#6", "flights#prod#7"]
    assert story.live_model() == "first"


def test_two_without_from_at_once_are_one_rollback_not_two(story: World) -> None:
    clones = [story, story.clone("b")]
    before = set(story.tags())
    codes = race(*(there.rollback for there in clones))
    assert set(codes) <= {
        0,
        14,
    }  # the later one finds it fulfilled, or is told it was just done
    assert sorted(set(story.tags()) - before) == ["flights#failed#6", "flights#prod#7"]


def test_of_two_with_different_targets_one_wins_and_the_other_is_told_and_leaves_nothing(world: World) -> None:
    for version in ("v1.0.0", "v2.0.0", "v3.0.0"):
        world.project.version(version, model=version, mark="stable")
    world.project.assign("v3.0.0", "prod")
    other = world.clone()
    before = set(world.tags())
    codes = race(
        lambda: world.rollback(leaving="v3.0.0", to="v1.0.0"), lambda: other.rollback(leaving="v3.0.0", to="v2.0.0")
    )
    assert sorted(codes) == [0, 4]
    winner = ("v1.0.0", "v2.0.0")[codes.index(0)]
    assert world.stage_on_origin("prod") == winner
    assert len(set(world.tags()) - before) == 3
    for there in (world, other):
        there.status(fetch=True)
        assert there.project.git("tag").split() == world.tags()


def test_of_two_registrations_of_one_version_one_wins(world: World) -> None:
    world.project.commit_version(model="1")
    other = world.clone(pull=True)
    assert sorted(
        race(lambda: world.register("v1.0.0", message="one"), lambda: other.register("v1.0.0", message="other"))
    ) == [0, 14]
    assert world.tags() == ["flights@v1.0.0"]
    assert world.clone("third").verify().all_findings == ()
