"""When a rollback is what somebody meant, and when it only looks so."""

import pytest

from lastgood.errors import NoGoodVersionError, RefusedError
from tests.operations.world import World


def test_a_stage_rolled_back_just_now_is_left_alone_until_it_has_settled(story: World) -> None:
    story.settings("[rollback]\nsettle = 100\n")
    story.sync()
    when = story.rollback().record.latest
    with pytest.raises(RefusedError) as caught:
        story.rollback(at=when + 99)
    assert caught.value.message == "prod of flights was rolled back to v1.0.0 99 s ago; nothing was changed"
    assert caught.value.hint == "that is done; to leave v1.0.0, too, say --from v1.0.0 or --again"
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


def test_an_assignment_upwards_that_is_not_here_yet_is_no_rollback_to_finish(story: World) -> None:
    story.sync()
    story.assign("v4.0.0")
    done = story.rollback()
    assert (done.plan.fulfilled, done.plan.leaving.text, done.plan.target.text) == (
        False,
        "v4.0.0",
        "v1.0.0",
    )  # v3.0.0 is no stable one
