"""Going back to the last good version: which one, recorded how, and refused when."""

import os
import select
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from lastgood import project
from lastgood.adapters.git import stale
from lastgood.core.rollback import Request
from lastgood.errors import (
    FindingsError,
    LastgoodError,
    LockedError,
    NoGoodVersionError,
    NotCarriedOutError,
    PushRefusedError,
    RaceError,
    RefusedError,
    UnfinishedError,
    UnhealthyError,
    UnknownError,
    UnreachableError,
    UsageError,
)
from lastgood.operations import rollback
from lastgood.registry import races
from lastgood.releases.lock import exclusive
from lastgood.releases.place import Place
from tests.builders import git
from tests.reliability.gitkilling import holding
from tests.world import REASON, World, forget, refuse_pushes


def test_it_goes_to_the_last_version_marked_stable_below_the_one_it_leaves(story: World) -> None:
    before = set(story.tags())
    result = story.rollback()
    assert (result.plan.leaving.text, result.plan.target.text) == ("v3.0.0", "v1.0.0")
    assert [(one.version, one.why) for one in result.plan.skipped] == [("v2.0.0", "marked failed")]
    # v4.0.0 keeps #stable: it is still the greatest stable one
    assert sorted(set(story.tags()) - before) == ["flights#failed#6", "flights#prod#7"]
    assert story.stage_on_origin("prod") == "v1.0.0"
    assert story.stage_on_origin("failed") == "v3.0.0"
    assert story.stage_on_origin("stable") == "v4.0.0"


def test_v1_10_0_is_after_v1_9_0(world: World) -> None:
    for version in ("v1.8.0", "v1.9.0", "v1.10.0", "v1.11.0"):
        world.project.version(version, model=version, mark="stable")
    world.project.assign("v1.11.0", "prod")
    assert world.rollback().plan.target.text == "v1.10.0"
    assert world.rollback(leaving="v1.10.0").plan.target.text == "v1.9.0"


def test_stable_moves_back_when_the_version_left_was_it_and_all_goes_out_in_one_push_of_three_tags(
    story: World,
) -> None:
    story.assign("v4.0.0")
    before = set(story.tags())
    refuse_pushes(story, 'wc -l >> "$GIT_DIR/pushes"')
    story.rollback()
    assert sorted(set(story.tags()) - before) == ["flights#failed#7", "flights#prod#9", "flights#stable#8"]
    assert (story.project.origin / "pushes").read_text().split() == ["4"]  # three tags and the journal
    assert story.stage_on_origin("stable") == story.stage_on_origin("prod") == "v1.0.0"
    assert story.stage_on_origin("failed") == "v4.0.0"


def test_the_tags_say_who_when_why_from_and_to(story: World) -> None:
    story.rollback(at=1_800_000_000)
    body = git(
        story.project.origin, "for-each-ref", "--format=%(contents)%(taggerdate:unix)", "refs/tags/flights#prod#7"
    )
    for line in (REASON, "From: v3.0.0", "To: v1.0.0", "Actor: Ada <ada@example.org>", "Trigger: manual", "1799999999"):
        assert line in body.splitlines()


def test_no_mark_leaves_the_judgement_alone(story: World) -> None:
    before = set(story.tags())
    story.rollback(mark=False)
    assert sorted(set(story.tags()) - before) == ["flights#prod#6"]


def test_said_twice_with_from_the_second_time_writes_nothing(story: World) -> None:
    story.rollback(leaving="v3.0.0")
    before = story.snapshot()
    again = story.rollback(leaving="v3.0.0")
    assert again.plan.fulfilled
    assert again.record.tags == ()
    assert again.plan.target.text == "v1.0.0"
    assert story.snapshot() == before


def test_said_twice_in_two_clones_it_leaves_the_state_of_one_run(story: World) -> None:
    other = story.clone()
    story.rollback(leaving="v3.0.0")
    tags = story.tags()
    assert other.rollback(leaving="v3.0.0").plan.fulfilled
    assert story.tags() == tags


def test_to_and_from_that_hold_no_longer_lose_the_race(story: World) -> None:
    story.assign("v4.0.0")
    before = story.snapshot()
    with pytest.raises(RaceError, match=r"^prod of flights is on v4\.0\.0, neither on v3\.0\.0 nor on v1\.0\.0"):
        story.rollback(leaving="v3.0.0", to="v1.0.0")
    assert story.snapshot() == before


def test_to_the_version_that_is_assigned_is_fulfilled(story: World) -> None:
    assert 0 < story.rollback(to="v1.0.0").seconds < 60
    before = story.snapshot()
    plan = story.rollback(to="v1.0.0").plan
    assert (plan.fulfilled, plan.leaving.text, plan.target.text) == (True, "v1.0.0", "v1.0.0")
    assert story.snapshot() == before


def test_a_second_rollback_soon_after_the_first_needs_again_or_from(world: World) -> None:
    for version in ("v1.0.0", "v2.0.0", "v3.0.0"):
        world.project.version(version, model=version, mark="stable")
    world.project.assign("v3.0.0", "prod")
    world.rollback()
    before = world.snapshot()
    with pytest.raises(RefusedError, match=r"rolled back to v2\.0\.0 61 s ago") as caught:
        world.rollback()
    assert "--from v2.0.0" in caught.value.hint
    assert "--again" in caught.value.hint
    assert world.snapshot() == before
    assert world.rollback(again=True).plan.target.text == "v1.0.0"


def test_after_the_settling_time_a_second_rollback_goes_further(world: World) -> None:
    for version in ("v1.0.0", "v2.0.0", "v3.0.0"):
        world.project.version(version, model=version, mark="stable")
    world.project.assign("v3.0.0", "prod")
    world.rollback(at=1_800_000_000)
    assert world.rollback(at=1_800_000_600).plan.target.text == "v1.0.0"


def test_an_assignment_forward_needs_no_settling(story: World) -> None:
    assert story.rollback().plan.leaving.text == "v3.0.0"


def test_without_a_reason_nothing_begins(story: World) -> None:
    before = story.snapshot()
    with pytest.raises(UsageError, match=r"^a rollback needs a reason$") as caught:
        rollback.rollback(story.open(), Request("flights", " "))
    assert caught.value.hint == "--reason TEXT"
    assert story.snapshot() == before


@pytest.mark.parametrize(
    ("request_", "error", "words"),
    [
        ({"to": "v2.0.0"}, RefusedError, r"v2\.0\.0 is marked failed"),
        ({"to": "v4.0.0"}, UsageError, r"cannot roll back from v3\.0\.0 to v4\.0\.0"),
        ({"to": "v9.0.0"}, UnknownError, r"no version v9\.0\.0"),
        ({"leaving": "v9.0.0"}, UnknownError, r"no version v9\.0\.0"),
        ({"stage": "canary"}, UnknownError, r"nothing is assigned to stage canary of flights \(stages: prod\)"),
        ({"artifact": "trains"}, UnknownError, r"no artifact trains has a version here \(artifacts: flights\)"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    story: World, request_: dict[str, Any], error: type[LastgoodError], words: str
) -> None:
    before = story.snapshot()
    with pytest.raises(error, match=words):
        story.rollback(**request_)
    assert story.snapshot() == before


def test_without_a_good_version_the_candidates_are_listed_and_the_command_that_takes_one(world: World) -> None:
    world.project.version("v1.0.0", model="1")
    world.project.version("v2.0.0", model="2", mark="failed")
    world.project.version("v3.0.0", model="3", stages=["prod"])
    before = world.snapshot()
    with pytest.raises(NoGoodVersionError) as caught:
        world.rollback()
    assert [(one.version, one.why) for one in caught.value.candidates] == [
        ("v2.0.0", "marked failed"),
        ("v1.0.0", "not marked stable"),
    ]
    assert caught.value.hint == "lastgood rollback flights --stage prod --to v1.0.0 --reason TEXT"
    assert world.snapshot() == before
    assert world.rollback(to="v1.0.0").plan.target.text == "v1.0.0"


def test_a_pre_release_is_taken_only_if_it_ran_in_the_stage_or_on_demand(world: World) -> None:
    world.project.version("v1.0.0", model="1", mark="stable")
    world.project.version("v2.0.0-rc.1", model="2", mark="stable")
    world.project.version("v2.0.0", model="3", stages=["prod"])
    plain = world.rollback(dry_run=True)
    assert plain.plan.target.text == "v1.0.0"
    assert plain.plan.skipped[0].why == "a pre-release that never ran in prod"
    assert world.rollback(dry_run=True, pre_releases=True).plan.target.text == "v2.0.0-rc.1"
    world.project.assign("v2.0.0-rc.1", "prod")
    world.project.assign("v2.0.0", "prod")
    assert world.rollback(dry_run=True).plan.target.text == "v2.0.0-rc.1"


@pytest.mark.parametrize(("accept", "target"), [("stable", "v1.0.0"), ("served", "v2.0.0"), ("unmarked", "v3.0.0")])
def test_policy_decides_which_versions_are_good(world: World, accept: str, target: str) -> None:
    world.project.version("v1.0.0", model="1", mark="stable")
    world.project.version("v2.0.0", model="2", stages=["prod"])
    world.project.version("v3.0.0", model="3")
    world.project.version("v4.0.0", model="4", stages=["prod"])
    world.settings(f'[rollback]\naccept = "{accept}"\n')
    assert world.rollback().plan.target.text == target


def test_a_candidate_with_the_same_content_would_not_help_and_is_skipped(world: World) -> None:
    world.project.version("v1.0.0", model="1", mark="stable")
    world.project.version("v2.0.0", model="2", mark="stable")
    world.project.commit("Nothing new")
    world.project.register("v2.0.1")
    world.project.assign("v2.0.1", "prod")
    result = world.rollback()
    assert result.plan.target.text == "v1.0.0"
    assert [(one.version, one.why) for one in result.plan.skipped] == [("v2.0.0", "same content")]


def test_where_the_stage_is_not_followed_it_records_only(story: World) -> None:
    result = story.rollback()
    assert not result.plan.here
    assert result.live is None
    assert story.snapshot()["live"] == {}


def test_where_the_stage_is_followed_it_builds_and_switches(story: World) -> None:
    story.sync()
    assert story.live_model() == "third"
    result = story.rollback()
    assert result.live == str(story.live)
    assert story.live_model() == "first"
    assert (story.live / "data/raw/b/c.csv").read_text() == "2\n"
    assert story.snapshot()["follow"] == ["flights@prod.json"]


def test_here_switches_without_following_and_record_only_does_not_switch(story: World) -> None:
    story.rollback(here=True)
    assert story.live_model() == "first"
    assert story.snapshot()["follow"] == []


def test_record_only_leaves_a_following_machine_waiting(story: World) -> None:
    story.sync()
    story.rollback(here=False)
    assert story.live_model() == "third"
    assert story.status().waits


@pytest.mark.parametrize("here", [True, False])
def test_an_object_that_is_nowhere_is_refused_with_all_findings_before_anything_changes(
    story: World, *, here: bool
) -> None:
    story.sync()
    story.lose("first")
    story.lose("2\n")
    before = story.snapshot()
    with pytest.raises(FindingsError, match=r"cannot be restored: 2 findings") as caught:
        story.rollback(here=here)
    assert {one.subject for one in caught.value.findings} == {"models/model.txt", "data/raw/b/c.csv"}
    assert story.snapshot() == before
    assert story.live_model() == "third"


def test_what_only_this_cache_has_is_no_proof_for_the_machines_that_will_switch(story: World) -> None:
    story.object_of("first").unlink()
    with pytest.raises(FindingsError, check=lambda error: error.unchanged) as caught:
        story.rollback()
    assert "not on the remote" in str(caught.value.findings[0])


def test_a_corrupted_object_in_the_cache_is_fetched_again_and_never_served(story: World) -> None:
    story.corrupt("first")
    story.rollback(here=True)
    assert story.live_model() == "first"
    assert story.object_of("first", ".dvc/cache").is_file()


def test_a_corrupted_object_that_the_remote_lost_is_refused_and_the_former_release_stays(story: World) -> None:
    story.sync()
    story.corrupt("first")
    story.object_of("first").unlink()
    before = story.snapshot()
    with pytest.raises(FindingsError) as caught:
        story.rollback()
    assert "models/model.txt" in {one.subject for one in caught.value.findings}
    assert story.snapshot() == before
    assert story.live_model() == "third"


def test_everything_that_the_cache_lacks_is_fetched(story: World) -> None:
    forget(story)
    story.rollback(here=True)
    assert story.live_model() == "first"


def move(where: Path) -> None:
    git(where, "tag", "--force", "--annotate", "--message=moved", "flights@v1.0.0", "flights@v2.0.0^{commit}")


def test_a_tag_moved_on_origin_is_refused(story: World) -> None:
    move(story.project.origin)
    before = story.snapshot()
    with pytest.raises(FindingsError, match=r"flights v1\.0\.0 is not what was registered.*moved on origin"):
        story.rollback()
    assert story.snapshot() == before


def test_a_tag_moved_here_is_refused(story: World) -> None:
    move(story.root)
    before = story.snapshot()
    with pytest.raises(FindingsError, match=r"was moved") as caught:
        story.rollback()
    assert caught.value.hint == "lastgood verify"
    assert story.snapshot() == before


@pytest.mark.parametrize("here", [True, False])
def test_a_deleted_tag_is_noticed(story: World, *, here: bool) -> None:
    git(story.project.origin, "tag", "--delete", "flights@v1.0.0")
    if here:
        story.project.git("tag", "--delete", "flights@v1.0.0")
    before = story.snapshot()
    with pytest.raises(FindingsError, match="deleted"):
        story.rollback()
    assert story.snapshot() == before


@pytest.mark.parametrize("where", ["lightweight on origin", "only here", "of no version"])
def test_a_name_that_is_taken_by_a_tag_that_counts_for_nothing_stops_nothing(story: World, where: str) -> None:
    greatest = max(int(name.rpartition("#")[2]) for name in story.tags() if "#" in name)
    for stage in ("failed", "prod", "stable"):
        for counter in range(greatest + 1, greatest + 4):
            name = f"flights#{stage}#{counter}"
            if where == "lightweight on origin":
                git(story.project.origin, "tag", name, "main")
            else:
                commit = "main" if where == "only here" else "main~4"
                story.project.tag(name, commit=commit, push=where != "only here")
    before = story.tags()
    done = story.rollback(leaving="v3.0.0")
    assert done.plan.target.text == "v1.0.0"
    assert set(done.record.tags) == set(story.tags()) - set(before)
    assert {one.kind for one in story.verify().all_findings} <= {"unpublished", "stray"}


def test_a_tag_deleted_only_here_is_brought_back_from_origin(story: World) -> None:
    story.project.git("tag", "--delete", "flights@v1.0.0")
    assert story.rollback().plan.target.text == "v1.0.0"
    assert story.project.git("tag", "--list", "flights@v1.0.0") == "flights@v1.0.0"


@pytest.mark.parametrize("here", [True, False])
def test_an_unreachable_origin_changes_nothing(story: World, *, here: bool) -> None:
    story.sync()
    before = story.snapshot()
    story.project.origin.rename(story.project.base / "gone.git")
    with pytest.raises(UnreachableError, match="git remote origin cannot be reached"):
        story.rollback(here=here)
    (story.project.base / "gone.git").rename(story.project.origin)
    assert story.snapshot() == before


def test_an_unreachable_dvc_remote_changes_nothing(story: World) -> None:
    with story.project.dvc() as repo:
        assert repo.root_dir
    story.project.put(".dvc/config.local", "['remote \"storage\"']\n    url = ssh://nowhere.invalid/x\n")
    before = story.snapshot()
    with pytest.raises(LastgoodError, match="storage"):
        story.rollback()
    assert story.snapshot() == before


def test_a_push_that_origin_refuses_leaves_nothing_behind_and_its_words_are_told(story: World) -> None:
    story.sync()
    refuse_pushes(story)
    before = story.snapshot()
    with pytest.raises(PushRefusedError, match=r"no pushes on Fridays"):
        story.rollback()
    assert story.snapshot() == before
    assert story.live_model() == "third"


def test_a_health_command_that_fails_before_the_switch_leaves_the_former_release_live_and_nothing_recorded(
    story: World,
) -> None:
    story.settings('[rollback]\nhealth = "grep -q third models/model.txt"\n')
    story.sync()
    before = story.snapshot()
    with pytest.raises(NotCarriedOutError, match=r"health command fails on v1\.0\.0 before it is live"):
        story.rollback()
    assert story.snapshot() == before
    assert story.live_model() == "third"


def test_a_health_command_that_fails_after_the_switch_is_told(story: World) -> None:
    once = story.project.base / "seen"
    story.settings(f'[rollback]\nhealth = "test ! -e {once} && touch {once}"\n')
    with pytest.raises(UnhealthyError, match=r"switched to flights@v1\.0\.0, but the health command fails") as caught:
        story.rollback(here=True)
    assert caught.value.hint == "lastgood history flights"
    assert story.live_model() == "first"
    assert story.stage_on_origin("prod") == "v1.0.0"


def test_a_health_command_without_end_is_ended_with_all_it_started(
    story: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = story.project.base / "pipe"
    os.mkfifo(pipe)
    monkeypatch.setenv("PIPE", str(pipe))
    story.settings('[rollback]\ntimeout = 1\nhealth = "(echo begun; sleep 60) > $PIPE & wait"\n')
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(NotCarriedOutError, match="no end within 1 s"):
        story.rollback(here=True)
    assert os.read(reader, 100) == b"begun\n"
    assert select.select([reader], [], [], 10)[0]  # its last writer is gone
    os.close(reader)


def test_a_health_command_that_fails_when_it_is_carried_out_later_leaves_what_is_live(story: World) -> None:
    story.sync()
    story.rollback(leaving="v3.0.0", here=False)
    story.settings('[rollback]\nhealth = "false"\n')
    with pytest.raises(UnfinishedError, match=r"fails on v1\.0\.0 before it is live \(--skip-health goes on") as caught:
        story.rollback(leaving="v3.0.0")
    assert (caught.value.hint, story.live_model()) == ("lastgood sync flights --stage prod", "third")


@pytest.mark.parametrize("command", ["no-such-program", "sleep 60", "exit 3"])
def test_a_health_command_that_cannot_pass_does_not_block_a_rollback_for_ever(story: World, command: str) -> None:
    story.settings(f'[rollback]\ntimeout = 1\nhealth = "{command}"\n')
    with pytest.raises(NotCarriedOutError, match="--skip-health"):
        story.rollback(here=True)
    opened = story.open()
    opened.skip_health = True
    assert rollback.rollback(opened, Request("flights", REASON, here=True)).plan.target.text == "v1.0.0"
    assert story.live_model() == "first"
    assert story.status().stages[0].unhealthy is None  # not asked: nothing is known


def test_the_health_command_sees_the_release_and_what_it_is(story: World) -> None:
    seen = story.project.base / "seen"
    story.settings(f'[rollback]\nhealth = "env | grep ^LASTGOOD | sort > {seen}; pwd >> {seen}"\n')
    story.rollback(here=True)
    lines = seen.read_text().splitlines()
    assert [line.partition("=")[0] for line in lines[:4]] == [
        f"LASTGOOD_{name}" for name in ("ARTIFACT", "RELEASE", "STAGE", "VERSION")
    ]
    assert lines[-1] == str(story.live.resolve()) == lines[1].partition("=")[2]


def test_a_date_ahead_refuses_no_rollback_which_is_dated_after_it_and_says_so(story: World) -> None:
    story.project.tag("flights#prod#99", commit="flights@v3.0.0^{commit}", when=4_000_000_000)
    result = story.rollback()
    assert (result.plan.leaving.text, result.plan.target.text) == ("v3.0.0", "v1.0.0")
    told = "what is recorded of prod is dated a second after flights#prod#99, 2096-10-02, so that gto and dvc agree"
    assert told in [one.message for one in result.plan.warnings]
    dates = git(
        story.project.origin, "for-each-ref", "--format=%(taggerdate:unix)", f"refs/tags/{result.record.tags[-1]}"
    )
    assert int(dates) == 4_000_000_001
    assert story.stage_on_origin("prod") == "v1.0.0"
    assert story.rollback(leaving="v3.0.0").plan.fulfilled


def test_a_date_ahead_is_no_waiting_time_after_a_rollback(story: World) -> None:
    story.mark("v3.0.0", "stable")
    story.assign("v4.0.0")
    ahead = next(story.project.clock) + 400 * 86400
    assert story.rollback(at=ahead).plan.target.text == "v3.0.0"
    again = story.rollback()
    assert (again.plan.leaving.text, again.plan.target.text) == ("v3.0.0", "v1.0.0")
    with pytest.raises(RefusedError, match=r"was rolled back to v1\.0\.0 \d+ s ago"):
        story.rollback()


def test_without_an_identity_nothing_begins(story: World, home: Path) -> None:
    story.sync()
    (home / ".gitconfig").write_text('[protocol "file"]\n    allow = always\n')
    before, steps = story.snapshot(), len(story.steps)
    with pytest.raises(LastgoodError, match="git does not know who you are") as caught:
        story.rollback()
    assert "git config user.name" in caught.value.hint
    assert story.snapshot() == before
    assert not {"fetch objects", "build", "objects", "push"}.intersection(story.steps[steps:])


def test_without_a_git_remote_it_records_here(story: World) -> None:
    story.project.git("remote", "remove", "origin")
    result = story.rollback()
    assert not result.record.published
    assert result.record.tags == ("flights#failed#6", "flights#prod#7")
    assert "flights#prod#7" in story.project.git("tag").split()
    assert story.rollback(leaving="v3.0.0").plan.fulfilled


def test_a_remote_of_another_name_is_no_reason_to_record_here_alone(story: World) -> None:
    story.project.git("remote", "rename", "origin", "upstream")
    before = story.snapshot()
    with pytest.raises(UsageError, match=r"no git remote is called origin \(there are upstream\)") as caught:
        story.rollback()
    assert story.snapshot() == before
    assert 'remote = "upstream"' in caught.value.hint
    assert story.status().view.registry.artifacts  # what only reads does without
    story.project.put("lastgood.toml", '[registry]\nremote = "upstream"\n')
    assert story.rollback().record.published


def test_what_was_recorded_without_a_remote_is_published_in_order_once_there_is_one(story: World) -> None:
    url = story.project.git("remote", "get-url", "origin")
    story.project.git("remote", "remove", "origin")
    story.rollback()
    story.assign("v4.0.0")
    before = story.tags()
    story.project.git("remote", "add", "origin", url)
    story.rollback(leaving="v4.0.0")
    written = sorted(set(story.tags()) - set(before))
    assert written == sorted(set(story.project.git("tag").split()) - set(before))
    assert story.stage_on_origin("prod") == "v1.0.0"
    assert git(story.project.origin, "rev-parse", "refs/lastgood/flights") == story.project.git(
        "rev-parse", "refs/lastgood/flights"
    )
    assert story.clone().verify().all_findings == ()


def test_everything_recorded_before_there_was_a_remote_can_be_rolled_back_to(world: World) -> None:
    url = world.project.git("remote", "get-url", "origin")
    world.project.git("remote", "remove", "origin")
    for version, model in (("v1.0.0", "1"), ("v2.0.0", "2")):
        world.project.commit_version(model=model, push=False)
        world.register(version)
        world.assign(version)
        world.mark(version, "stable")
    world.project.git("remote", "add", "origin", url)
    world.rollback()
    assert world.stage_on_origin("prod") == "v1.0.0"
    assert world.clone().verify().all_findings == ()


def test_a_dry_run_shows_the_target_and_writes_nothing(story: World) -> None:
    story.sync()
    before = story.snapshot()
    result = story.rollback(dry_run=True)
    assert result.dry_run
    assert result.plan.target.text == "v1.0.0"
    assert 0 < result.seconds < 60
    assert story.snapshot() == before


def test_a_shallow_clone_rolls_back_syncs_and_tells_without_being_changed(story: World) -> None:
    there = story.clone("shallow", depth=1)
    before = there.snapshot()
    assert there.status().stages[0].assigned == "v3.0.0"
    there.sync()
    assert there.live_model() == "third"
    assert there.rollback().plan.target.text == "v1.0.0"
    assert there.live_model() == "first"
    after = there.snapshot()
    for part in ("refs", "HEAD", "status", "config", "shallow", "tree"):
        assert after[part] == before[part], part
    assert story.stage_on_origin("prod") == "v1.0.0"


def test_the_branch_layout_of_the_journal_serves_hosts_that_refuse_other_namespaces(world: World) -> None:
    refuse_pushes(
        world,
        "while read old new ref; do case $ref in refs/lastgood/*) echo 'heads and tags only' >&2; exit 1;; esac; done",
    )
    world.project.commit_version(model="1")
    with pytest.raises(PushRefusedError, match="heads and tags only") as caught:
        world.register("v1.0.0")
    assert "refs/heads/lastgood/{artifact}" in caught.value.hint
    world.settings('[registry]\njournal = "refs/heads/lastgood/{artifact}"\n')
    world.register("v1.0.0")
    world.mark("v1.0.0", "stable")
    world.release("v2.0.0", model="2", stages=["prod"])
    assert world.rollback().plan.target.text == "v1.0.0"
    assert world.clone().verify().all_findings == ()


def test_a_machine_that_builds_for_long_does_not_hold_back_what_is_only_recorded(story: World) -> None:
    with exclusive(Place(story.place), "sync flights prod"):
        assert story.rollback(leaving="v3.0.0", here=False).record.tags


def test_two_do_not_switch_one_machine_at_once(story: World, monkeypatch: pytest.MonkeyPatch) -> None:
    story.sync()
    before = story.snapshot()
    monkeypatch.setattr(project, "WAIT", 0)
    with exclusive(Place(story.place), "sync flights prod"), pytest.raises(LockedError, match="sync flights prod"):
        story.rollback()
    assert story.snapshot() == before


def test_a_link_that_cannot_be_made_is_told_as_recorded_and_finished_later(story: World) -> None:
    story.live.parent.parent.mkdir(parents=True, exist_ok=True)
    story.live.parent.write_text("in the way")
    with pytest.raises(UnfinishedError, match=r"^recorded, but prod could not be switched here: ") as caught:
        story.rollback(here=True)
    assert caught.value.hint == "lastgood sync flights --stage prod"
    with pytest.raises(UnfinishedError, match=r"^recorded earlier, but not carried out here: ") as caught:
        story.rollback(leaving="v3.0.0", here=True)
    assert caught.value.hint == "lastgood sync flights --stage prod"
    with pytest.raises(UnfinishedError, match=r"prod could not be switched to v1\.0\.0 here: .*former release is live"):
        story.sync()
    story.live.parent.unlink()
    done = story.rollback(leaving="v3.0.0", here=True)
    assert (done.finished, done.live, done.unpublished) == (True, str(story.live), ())
    assert story.live_model() == "first"


def test_a_version_whose_manifest_is_gone_can_be_left(story: World) -> None:
    ref = "refs/lastgood/flights"
    message = story.project.git("cat-file", "tag", "flights@v3.0.0").partition("\n\n")[2]
    name = "flights@v6.0.0"
    oid = story.project.tag(name, message=message.replace("v3.0.0", "v6.0.0"))
    tree = story.project.git("mktree", stdin="")
    entry = f"Register\n\nTag: {oid} {name}\n"
    commit = story.project.git("commit-tree", tree, "-p", ref, "-F", "-", stdin=entry)
    story.project.git("update-ref", ref, commit)
    story.project.git("push", "--quiet", "origin", f"{ref}:{ref}")
    story.project.assign("v6.0.0", "prod")
    found = story.rollback(to="v1.0.0").plan.environment
    assert found is not None
    assert "v6.0.0" in str(found.unknown)
    assert found.python[0] is None


def test_what_somebody_else_did_first_is_what_was_asked_for(story: World) -> None:
    other = story.clone("other")
    story.sync()

    def be_faster(step: str) -> None:
        if step == "push" and not other.steps:
            other.rollback()

    done = story.rollback(on_step=be_faster)
    assert (done.plan.fulfilled, done.plan.leaving.text, done.plan.target.text) == (True, "v3.0.0", "v1.0.0")
    assert story.live_model() == "first"


def test_others_who_are_always_faster_win(story: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(races, "ATTEMPTS", 2)
    ref = "refs/lastgood/flights"

    def be_faster(step: str) -> None:
        if step == "push":
            origin = story.project.origin
            git(origin, "update-ref", ref, git(origin, "commit-tree", f"{ref}^{{tree}}", "-p", ref, "-m", "x"))

    before = set(story.tags())
    with pytest.raises(RaceError, match=r"lost the race against other writers 2 times in a row \(.*\)") as caught:
        story.rollback(on_step=be_faster)
    assert caught.value.hint == "try again"
    assert set(story.tags()) == before


def test_what_is_recorded_while_a_ref_is_locked_here_is_done_and_the_next_command_brings_it(
    story: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stale, "PATIENCE", 0.1)
    monkeypatch.setattr(stale, "OLD_ENOUGH", 0.0)
    with ExitStack() as held:
        story.rollback(on_step=lambda step: lock_it(held, story) if step == "refs" else None)
        assert story.stage_on_origin("prod") == "v1.0.0"
        assert "flights#prod#7" not in story.project.git("tag").split()
        assert (story.place / "pushing").exists()
    assert story.status().stages[0].assigned == "v1.0.0"
    assert "flights#prod#7" in story.project.git("tag").split()
    assert not (story.place / "pushing").exists()


def lock_it(held: ExitStack, story: World) -> None:
    held.enter_context(holding(story.root, "refs/tags/flights#prod#7"))


AGAIN: dict[str, Callable[[World], bool]] = {
    "rollback": lambda story: story.rollback(leaving="v3.0.0").plan.fulfilled,
    "same mark": lambda story: story.mark("v3.0.0", "failed").fulfilled,
    "same assignment": lambda story: story.assign("v1.0.0").fulfilled,
    "mark": lambda story: not story.mark("v4.0.0", "failed").fulfilled,
}
"""After a rollback from v3.0.0: what was done by it already, and a mark that is new; whether it is taken for that."""


@pytest.mark.parametrize("again", AGAIN)
def test_a_transaction_that_origin_has_by_half_is_completed_by_whoever_records_next(story: World, again: str) -> None:
    """As a disk that fails in the midst of git's ref transaction leaves it."""
    story.rollback(leaving="v3.0.0")
    tags = {name for name in story.tags() if name.endswith(("#6", "#7"))}
    assert len(tags) == 2
    whole = git(story.project.origin, "for-each-ref", "refs/tags")
    for name in tags:
        git(story.project.origin, "update-ref", "-d", f"refs/tags/{name}")
        story.project.git("update-ref", "-d", f"refs/tags/{name}")
    assert AGAIN[again](story)
    if again == "rollback":
        assert git(story.project.origin, "for-each-ref", "refs/tags") == whole
    assert tags <= set(story.tags())
    assert tags <= set(story.project.git("tag").split())
    assert not [one for one in story.verify().findings if one.kind in {"deleted", "moved"}]


@pytest.mark.parametrize("again", AGAIN)
def test_tags_that_origin_took_without_their_entry_get_one_from_whoever_records_next(story: World, again: str) -> None:
    """As git's receive-pack leaves it when it cannot tell whether it has all that the journal needs."""
    story.rollback(leaving="v3.0.0")
    for repository in (story.project.origin, story.root):
        git(repository, "update-ref", "refs/lastgood/flights", "refs/lastgood/flights~1")
    (story.place / "seen.json").unlink()
    assert {one.kind for one in story.verify().findings} == {"unjournaled"}
    assert AGAIN[again](story)
    assert not story.verify().findings
    assert "Adopt 2 tags of flights" in story.project.git("log", "--format=%s", "refs/lastgood/flights")


def test_registered_again_a_version_that_origin_has_by_half_is_whole_and_the_refusal_says_so(story: World) -> None:
    story.project.commit_version(model="fifth")
    story.register("v5.0.0")
    whole = git(story.project.origin, "for-each-ref", "refs/tags")
    git(story.project.origin, "update-ref", "-d", "refs/tags/flights@v5.0.0")
    story.project.git("update-ref", "-d", "refs/tags/flights@v5.0.0")
    with pytest.raises(RefusedError, match=""):
        story.register("v5.0.0", dry_run=True)
    with pytest.raises(RefusedError, match="exists and versions are immutable; origin had an incomplete last event"):
        story.register("v5.0.0")
    assert git(story.project.origin, "for-each-ref", "refs/tags") == whole
    assert "flights@v5.0.0" in story.project.git("tag").split()


def test_a_version_that_origin_took_without_its_entry_gets_one_with_its_manifest(story: World) -> None:
    story.project.commit_version(model="fifth")
    manifest = story.register("v5.0.0").manifest
    for repository in (story.project.origin, story.root):
        git(repository, "update-ref", "refs/lastgood/flights", "refs/lastgood/flights~1")
    (story.place / "seen.json").unlink()
    with pytest.raises(RefusedError, match="origin had an incomplete last event"):
        story.register("v5.0.0")
    assert git(story.project.origin, "show", "refs/lastgood/flights:manifest.json") == str(manifest)
    assert not story.verify().findings


def test_a_half_transaction_that_origin_does_not_let_complete_is_no_success(story: World) -> None:
    story.rollback(leaving="v3.0.0")
    git(story.project.origin, "update-ref", "-d", "refs/tags/flights#prod#7")
    refuse_pushes(story)
    with pytest.raises(PushRefusedError, match="without all its tags"):
        story.rollback(leaving="v3.0.0")
