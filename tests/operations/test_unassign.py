"""A stage can be left without a version where that brings no other one back."""

import pytest

from lastgood.errors import LastgoodError, RefusedError, UnknownError, UsageError
from lastgood.operations.unassign import Unassigned, unassign
from tests.world import World


def take(world: World, stage: str = "staging", *, dry_run: bool = False) -> Unassigned:
    return unassign(world.open(), "flights", stage, "nobody looks at it", dry_run=dry_run)


def test_a_stage_with_one_version_has_none_afterwards_and_what_is_live_stays(story: World) -> None:
    story.assign("v4.0.0", "staging")
    story.sync("staging")
    before = story.snapshot()
    assert not take(story, dry_run=True).fulfilled
    assert story.snapshot() == before
    done = take(story)
    assert (done.version, done.record.tags) == ("v4.0.0", ("flights#staging!#7",))
    assert done.dvc.message.endswith("still answers flights v4.0.0")
    with pytest.raises(UnknownError, match=r"nothing is assigned to stage staging of flights \(stages: prod\)"):
        story.sync("staging")
    assert story.snapshot()["live"] == before["live"]
    assert {(one.stage, one.assigned, one.live, one.waiting) for one in story.status().stages} == {
        ("prod", "v3.0.0", None, False),
        ("staging", None, "v4.0.0", False),
    }
    assert not story.verify().findings
    assert story.assign("v1.0.0", "staging").former is None


def test_said_twice_the_second_time_writes_nothing(story: World) -> None:
    story.assign("v4.0.0", "staging")
    take(story)
    before = story.snapshot()
    done = take(story)
    assert (done.fulfilled, done.version, done.record.tags) == (True, "v4.0.0", ())
    assert story.snapshot() == before


def test_a_stage_that_would_go_back_to_another_version_is_refused(story: World) -> None:
    before = story.snapshot()
    with pytest.raises(RefusedError, match=r"without v3\.0\.0, prod of flights would go back to v1\.0\.0") as caught:
        take(story, "prod")
    assert caught.value.hint == "lastgood assign flights@VERSION --stage prod --reason TEXT"
    assert story.snapshot() == before


@pytest.mark.parametrize(
    ("stage", "reason", "error"),
    [("canary", "x", UnknownError), ("stable", "x", UsageError), ("a b", "x", UsageError), ("prod", " ", UsageError)],
)
def test_what_is_no_stage_with_a_version_or_has_no_reason_is_refused(
    story: World, stage: str, reason: str, error: type[LastgoodError]
) -> None:
    before = story.snapshot()
    with pytest.raises(error, check=lambda error: error.unchanged):
        unassign(story.open(), "flights", stage, reason)
    assert story.snapshot() == before


def test_its_tag_is_put_back_when_somebody_deletes_it(story: World) -> None:
    story.assign("v4.0.0", "staging")
    tag = take(story).record.tags[0]
    story.project.git("push", "--quiet", "--delete", "origin", f"refs/tags/{tag}")
    assert {one.kind for one in story.verify().findings} == {"deleted"}
    from lastgood.operations.repair import repair

    repair(story.open())
    assert tag in story.tags()
    assert "staging" not in story.status(fetch=True).view.registry.history("flights").assigned


def test_a_date_ahead_keeps_no_stage_from_being_left(story: World) -> None:
    story.project.tag("flights#staging#50", commit="flights@v4.0.0^{}", when=4_000_000_000)
    assert take(story).record.tags
    assert "staging" not in story.status(fetch=True).view.registry.history("flights").assigned
