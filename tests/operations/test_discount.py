"""An event dated ahead is taken out of count: everywhere, for good, with who and why; and nothing else can be."""

from pathlib import Path

import pytest

from lastgood.core.dates import DAY
from lastgood.core.events import Mark
from lastgood.errors import PushRefusedError, RefusedError, UnknownError, UsageError
from lastgood.operations import show
from lastgood.operations.assign import assign
from lastgood.operations.discount import Discounted, discount
from lastgood.operations.mark import mark
from lastgood.operations.repair import repair
from tests.world import World, killed_at, refuse_pushes

YEAR = 365 * DAY
WRONG = "flights#prod#6"


@pytest.fixture
def ahead(story: World) -> World:
    """`story` with v4.0.0, which a host whose clock is a year ahead assigned to prod."""
    done = assign(story.open(at=next(story.project.clock) + YEAR), "flights@v4.0.0", "prod", "by a wrong clock")
    assert done.record.tags == (WRONG,)
    return story


def take_out(world: World, tag: str = WRONG, **more: bool) -> Discounted:
    return discount(world.open(), tag, "its clock was a year ahead", **more)


def assigned(world: World) -> str:
    return world.status(fetch=True).view.registry.history("flights").assigned_version("prod").text


def test_the_stage_is_assigned_what_it_was_and_the_tag_is_gone_here_on_origin_and_in_other_clones(ahead: World) -> None:
    other = ahead.clone("other", pull=True)
    assert assigned(other) == "v4.0.0"
    done = take_out(ahead)
    assert (done.before, done.after, done.later, done.record.tags) == ("v4.0.0", "v3.0.0", (), ())
    assert WRONG not in ahead.tags()
    assert WRONG not in ahead.project.git("tag").split()
    assert assigned(ahead) == assigned(other) == "v3.0.0"
    assert WRONG not in other.project.git("tag").split()
    for world in (ahead, other):
        assert not {one.kind for one in world.verify().all_findings} & {"future", "deleted", "order", "discounted"}
    assert take_out(ahead).fulfilled
    assert take_out(other).fulfilled


def test_repair_does_not_put_it_back_and_its_name_is_never_given_again(ahead: World) -> None:
    take_out(ahead)
    assert not [one for one in repair(ahead.open()).mended if one.kind == "tag"]
    assert WRONG not in ahead.tags()
    assert ahead.assign("v4.0.0").record.tags == ("flights#prod#7",)


def test_history_shows_who_took_it_out_of_count_when_and_why(ahead: World) -> None:
    take_out(ahead)
    told = show.history(ahead.open(), "flights").events[0]
    assert (told.kind, told.tag, told.version, told.stage) == ("discounted", WRONG, "v4.0.0", "prod")
    assert (told.actor, told.reason) == ("Ada <ada@example.org>", "its clock was a year ahead")
    assert told.when > 1_700_000_000


def test_after_a_rollback_what_was_dated_after_it_goes_along_and_what_it_said_is_said_again(ahead: World) -> None:
    assert ahead.rollback().plan.leaving.text == "v4.0.0"
    ahead.assign("v3.0.0")
    assert ahead.rollback(leaving="v3.0.0").plan.target.text == "v1.0.0"
    standing = assigned(ahead)
    done = take_out(ahead)
    assert (done.before, done.after, len(done.later)) == (standing, standing, 3)
    assert len(done.record.tags) == 1
    history = ahead.status(fetch=True).view.registry.history("flights")
    assert history.assigned_version("prod").text == standing
    assert {one.mark for one in history.versions if one.text in {"v3.0.0", "v4.0.0"}} == {Mark.FAILED}
    now = next(ahead.project.clock)
    assert all(event.when <= now for event in history.events)
    assert not {one.kind for one in ahead.verify().all_findings} & {"future", "deleted", "order"}
    assert ahead.stage_on_origin("prod") == standing


def test_a_tag_that_somebody_pushes_again_counts_for_nothing_is_told_and_deleted_again(ahead: World) -> None:
    other = ahead.clone("other", pull=True)
    take_out(ahead)
    other.project.git("push", "--quiet", "origin", f"refs/tags/{WRONG}")
    assert assigned(ahead) == "v3.0.0"
    found = [one for one in ahead.verify().findings if one.kind == "discounted"]
    assert [one.subject for one in found] == [WRONG]
    assert not take_out(ahead).fulfilled
    assert WRONG not in ahead.tags()
    assert assigned(other) == "v3.0.0"


def test_a_foreign_tag_and_a_mark_can_be_taken_out_of_count_too(ahead: World) -> None:
    when = next(ahead.project.clock) + YEAR
    ahead.project.tag("flights#staging#50", commit="flights@v4.0.0^{}", when=when)
    assert take_out(ahead, "flights#staging#50").after is None
    marked = mark(ahead.open(at=when), "flights@v1.0.0", Mark.FAILED, "by a wrong clock").record.tags[0]
    history = ahead.status(fetch=True).view.registry.history("flights")
    assert history.version("v1.0.0").mark is Mark.FAILED
    take_out(ahead, marked)
    history = ahead.status(fetch=True).view.registry.history("flights")
    assert history.version("v1.0.0").mark is Mark.STABLE
    assert "staging" not in history.assigned


@pytest.mark.parametrize(
    ("tag", "error", "words"),
    [
        ("flights@v4.0.0", UsageError, "not a tag of an assignment or mark"),
        ("nonsense", UsageError, "not a tag of an assignment or mark"),
        ("flights#prod#99", UnknownError, "no tag flights#prod#99 counts"),
        ("flights#prod#4", RefusedError, "not more than a day ahead"),
        ("delays#prod#4", UnknownError, "no artifact delays"),
    ],
)
def test_nothing_else_can_be_taken_out_of_count(ahead: World, tag: str, error: type[Exception], words: str) -> None:
    before = ahead.snapshot()
    with pytest.raises(error, match=words):
        take_out(ahead, tag)
    assert ahead.snapshot() == before


def test_a_dry_run_changes_nothing(ahead: World) -> None:
    before = ahead.snapshot()
    done = take_out(ahead, dry_run=True)
    assert (done.dry_run, done.before, done.after) == (True, "v4.0.0", "v3.0.0")
    assert ahead.snapshot() == before


def test_a_host_two_days_slow_takes_no_right_tag_out_of_count(story: World) -> None:
    right = story.assign("v1.0.0", "staging").record.tags[0]
    slow = story.open(at=next(story.project.clock) - 2 * DAY)
    before = story.snapshot()
    with pytest.raises(RefusedError, match="seems to be slow, and the tag right") as caught:
        discount(slow, right, "it is ahead")
    assert "date -u" in caught.value.hint
    assert story.snapshot() == before
    assert discount(slow, right, "sure", clock_is_right=True, dry_run=True).tag == right


def test_what_must_be_signed_is_not_taken_out_of_count_by_what_cannot_be_signed(ahead: World, tmp_path: Path) -> None:
    taken = ahead.copy(tmp_path / "copy")
    take_out(taken)
    taken.settings('[registry]\nrequire_signed = ["prod"]\nallowed_signers = "signers"\n')
    taken.project.put("signers", "")
    with pytest.raises(RefusedError, match="must be signed, and nothing could sign that it no longer counts"):
        take_out(taken)
    history = taken.open(), "flights"
    assert "discounted" not in {event.kind for event in show.history(*history).events}


def test_a_host_that_lets_no_tag_be_deleted_refuses_it_and_nothing_changes(ahead: World) -> None:
    refuse_pushes(ahead, 'while read old new ref; do case $new in 000*) echo "keep $ref" >&2; exit 1;; esac; done')
    before = ahead.snapshot()
    with pytest.raises(PushRefusedError, match="keep refs/tags/"):
        take_out(ahead)
    assert ahead.snapshot() == before


@pytest.mark.parametrize("step", ["objects", "push", "refs"])
def test_one_that_is_killed_is_finished_by_the_same_command(ahead: World, step: str) -> None:
    def work(on_step: object) -> None:
        discount(ahead.open(on_step=on_step), WRONG, "a wrong clock")  # type: ignore[arg-type]  # killed_at's own

    assert killed_at(step, work)
    take_out(ahead)
    assert assigned(ahead) == "v3.0.0"
    assert WRONG not in ahead.tags()
    assert WRONG not in ahead.project.git("tag").split()
    assert not [one for one in ahead.verify().findings if one.kind in {"deleted", "discounted"}]


def test_without_a_remote_it_is_taken_out_here_and_is_never_published_later(ahead: World) -> None:
    url = ahead.project.git("remote", "get-url", "origin")
    ahead.project.git("remote", "remove", "origin")
    when = next(ahead.project.clock) + YEAR
    wrong = assign(ahead.open(at=when), "flights@v4.0.0", "staging", "by a wrong clock").record.tags[0]
    take_out(ahead, wrong)
    assert wrong not in ahead.project.git("tag").split()
    ahead.project.git("remote", "add", "origin", url)
    ahead.assign("v1.0.0", "staging")
    assert wrong not in ahead.tags()
    assert "flights#staging#8" in ahead.tags()
