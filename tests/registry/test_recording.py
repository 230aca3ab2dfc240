"""What every command that records has in common: halves are made whole, and two events never have one second."""

import time

import pytest

from lastgood.errors import PushRefusedError
from lastgood.registry.recording import PATIENCE, Record, outwait
from tests.builders import git
from tests.world import World

REFUSE_TAGS = '#!/bin/sh\ncase "$1" in refs/tags/*) echo "no tags today" >&2; exit 1;; esac\n'


@pytest.mark.parametrize(
    ("ahead", "waited"), [(-1, []), (0, []), (1, [1]), (2, [2]), (PATIENCE, [PATIENCE]), (PATIENCE + 1, [])]
)
def test_the_second_of_a_later_date_is_waited_for_but_no_clock_that_was_set_back(
    story: World, monkeypatch: pytest.MonkeyPatch, ahead: int, waited: list[int]
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    outwait(story.open(at=1_000), Record(latest=999 + ahead))
    assert slept == waited


def test_tags_of_half_a_transaction_that_origin_refuses_are_named_and_nothing_is_recorded(story: World) -> None:
    story.rollback(leaving="v3.0.0")
    for name in (name for name in story.tags() if name.endswith(("#6", "#7"))):
        git(story.project.origin, "update-ref", "-d", f"refs/tags/{name}")
    hook = story.project.origin / "hooks/update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(REFUSE_TAGS)
    hook.chmod(0o755)
    before = git(story.project.origin, "for-each-ref")
    with pytest.raises(PushRefusedError) as caught:
        story.mark("v4.0.0", "failed")
    refused = "[remote rejected] (hook declined)"
    assert caught.value.message == (
        "origin has the newest journal entry without all its tags, and does not accept them:"
        f" flights#failed#6: {refused}; flights#prod#7: {refused}"
    )
    assert caught.value.hint == "lastgood repair flights"
    assert git(story.project.origin, "for-each-ref") == before


def test_after_an_adoption_there_is_nothing_to_complete(story: World) -> None:
    story.project.tag("flights@v0.1.0")
    story.adopt()
    assert not story.mark("v4.0.0", "failed").fulfilled
    assert not story.verify().findings


def test_an_event_of_ours_that_the_journal_lost_long_ago_is_left_to_repair(story: World) -> None:
    """Only what is newer than all in the journal came by half just now."""
    raw = story.project.git("cat-file", "tag", "flights#prod#1")
    raw = raw.replace("flights#prod#1", "flights#canary#9").replace("Stage: prod", "Stage: canary")
    oid = story.project.git("mktag", stdin=f"{raw}\n")
    story.project.git("push", "--quiet", "origin", f"{oid}:refs/tags/flights#canary#9")
    story.project.git("fetch", "--quiet", "--tags", "origin")
    assert not story.mark("v4.0.0", "failed").fulfilled
    assert [one.kind for one in story.verify().findings] == ["unjournaled"]


def test_a_record_says_whether_it_is_published_and_how_late_it_is_dated(story: World) -> None:
    record = story.mark("v4.0.0", "failed").record
    assert record is not None
    assert record.published
    assert record.latest == int(
        story.project.git("for-each-ref", "--format=%(taggerdate:unix)", f"refs/tags/{record.tags[0]}")
    )
