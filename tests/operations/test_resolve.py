"""A cause is recorded without a tag, once, and closes the breaker for every machine."""

import pytest

from lastgood.core.breaker import Cause, Rule, Stopped
from lastgood.errors import LastgoodError, RefusedError, UnknownError, UsageError
from lastgood.operations.resolve import Resolved, resolve
from lastgood.registry.view import read
from tests.builders import git
from tests.world import World

RULE = Rule(1, 3600)


def record(world: World, version: str = "v3.0.0", cause: Cause = Cause.DATA, **more: object) -> Resolved:
    return resolve(world.open(), f"flights@{version}", cause, "the feed was late", **more)  # type: ignore[arg-type]  # its own


def is_open(world: World) -> bool:
    view = read(world.open(), fetch=True)
    return Stopped.find(view.registry.history("flights"), "prod", RULE) is not None


def tags(world: World) -> str:
    return git(world.root, "ls-remote", "--tags", "origin")


def test_a_cause_closes_the_breaker_everywhere_and_writes_no_tag(story: World) -> None:
    story.rollback(leaving="v3.0.0", trigger="guard", run="errors")
    assert is_open(story)
    before = tags(story)
    done = record(story, stage="prod")
    assert (done.fulfilled, done.record.published, done.record.tags) == (False, True, ())
    assert tags(story) == before
    assert not is_open(story)
    assert not is_open(World(story.project.clone("other")))
    assert not story.verify().findings


def test_said_twice_the_second_time_writes_nothing(story: World) -> None:
    story.rollback(leaving="v3.0.0", trigger="guard")
    record(story, stage="prod")
    before = story.snapshot()
    assert record(story, stage="prod").fulfilled
    assert story.snapshot() == before
    assert not record(story, cause=Cause.CODE, stage="prod").fulfilled


def test_a_dry_run_changes_nothing(story: World) -> None:
    story.rollback(leaving="v3.0.0", trigger="guard")
    before = story.snapshot()
    assert record(story, dry_run=True).dry_run
    assert story.snapshot() == before


def test_two_at_once_lose_nothing(story: World) -> None:
    story.rollback(leaving="v3.0.0", trigger="guard")
    other = World(story.project.clone("other"))
    record(other, cause=Cause.MODEL)
    record(story, cause=Cause.DATA)
    events = read(story.open(), fetch=True).registry.history("flights").journal.entries
    assert [entry.resolved["Cause"] for entry in events if entry.resolved] == ["model", "data"]


@pytest.mark.parametrize(
    ("version", "stage", "reason", "error"),
    [
        ("v4.0.0", None, "x", RefusedError),
        ("v9.0.0", None, "x", UnknownError),
        ("v2.0.0", "a b", "x", UsageError),
        ("v2.0.0", None, " ", UsageError),
    ],
)
def test_what_did_not_fail_or_has_no_reason_is_refused(
    story: World, version: str, stage: str | None, reason: str, error: type[LastgoodError]
) -> None:
    before = story.snapshot()
    with pytest.raises(error, check=lambda error: error.unchanged):
        resolve(story.open(), f"flights@{version}", Cause.DATA, reason, stage=stage)
    assert story.snapshot() == before
