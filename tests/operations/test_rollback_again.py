"""When a rollback is what somebody meant, and when it only looks so."""

import pytest

from lastgood.errors import NoGoodVersionError, RefusedError
from tests.world import World


def test_a_stage_rolled_back_just_now_is_left_alone_until_it_has_settled(story: World) -> None:
    story.settings("[rollback]\nsettle = 100\n")
    story.sync()
    when = story.rollback().record.latest
    with pytest.raises(RefusedError) as caught:
        story.rollback(at=when + 99)
    assert caught.value.message == "prod of flights was rolled back to v1.0.0 99 s ago"
    assert caught.value.hint == "to roll back once more, add --from v1.0.0 or --again"
    for more in ({}, {"leaving": "v1.0.0"}, {"again": True}):
        with pytest.raises(NoGoodVersionError):  # it would go on: there is none below
            story.rollback(at=when + (0 if more else 100), **more)


def test_what_is_recorded_and_not_yet_here_is_finished_whatever_settles(story: World) -> None:
    story.sync()
    there = story.clone("there")
    there.rollback()
    done = story.rollback()
    assert (done.plan.fulfilled, story.live_model()) == (True, "first")
    with pytest.raises(RefusedError, match=r"was rolled back to v1\.0\.0"):
        story.rollback()


def test_a_rollback_whose_target_was_marked_failed_since_is_no_longer_what_is_meant(story: World) -> None:
    story.release("v5.0.0", model="fifth", mark="stable", stages=["prod"])
    story.sync()
    there = story.clone("there")
    there.rollback()
    there.mark("v4.0.0", "failed", "worse")
    with pytest.raises(RefusedError, match=r"assigned v4\.0\.0.*worse.*v5\.0\.0 stays live here") as caught:
        story.rollback(leaving="v5.0.0")
    assert caught.value.hint == "lastgood rollback flights --stage prod --from v4.0.0 --reason TEXT"
    assert story.live_model() == "fifth"
    done = story.rollback(again=True)
    assert (done.plan.leaving.text, done.plan.target.text, story.live_model()) == ("v4.0.0", "v1.0.0", "first")


def test_a_purpose_met_by_a_version_that_is_failed_now_is_told_with_a_warning(story: World) -> None:
    story.rollback()
    story.mark("v1.0.0", "failed", "worse")
    done = story.rollback(leaving="v3.0.0")
    assert (done.plan.fulfilled, done.record.tags) == (True, ())
    assert [one.kind for one in done.plan.warnings] == ["failed"]


def test_an_assignment_upwards_that_is_not_here_yet_is_no_rollback_to_finish(story: World) -> None:
    story.sync()
    story.assign("v4.0.0")
    done = story.rollback()
    assert (done.plan.fulfilled, done.plan.leaving.text, done.plan.target.text) == (
        False,
        "v4.0.0",
        "v1.0.0",
    )  # v3.0.0 is no stable one
