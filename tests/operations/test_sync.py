"""Bringing a machine to what the registry says: with a clone, or with nothing but an address and a directory."""

import json
import shutil
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from lastgood.core.config import Config
from lastgood.core.rollback import Request
from lastgood.errors import (
    FindingsError,
    LastgoodError,
    NotCarriedOutError,
    RefusedError,
    UnfinishedError,
    UnhealthyError,
    UnknownError,
    UnreachableError,
    UsageError,
)
from lastgood.operations import diff, rollback, show, status, sync
from lastgood.project import Project
from lastgood.releases.census import census_path
from lastgood.releases.release import description_path
from lastgood.releases.use import using
from tests.builders import git
from tests.world import World, files


def serve(world: World, name: str = "host", *, url: bool = True) -> sync.Synced:
    root = world.project.base / name
    address = f"file://{world.project.origin}" if url else None
    return sync.sync(world.serve(root, address), "flights", "prod")


def test_it_brings_what_the_registry_says_and_follows_from_then_on(story: World) -> None:
    done = story.sync()
    assert (done.version.text, done.changed, done.former) == ("v3.0.0", True, None)
    assert done.link == story.live
    assert (done.stage, done.history.artifact, done.release.version, done.dry_run) == (
        "prod",
        "flights",
        "v3.0.0",
        False,
    )
    assert done.view.registry.artifacts["flights"] == done.history
    assert story.live_model() == "third"
    assert (story.live / "scripts/train.py").is_file()
    assert story.snapshot()["follow"] == ["flights@prod.json"]


def test_a_second_time_it_changes_nothing(story: World) -> None:
    story.sync()
    before, steps = story.snapshot(), len(story.steps)
    done = story.sync()
    assert (done.changed, done.release.version) == (False, "v3.0.0")
    assert story.steps[steps:] == ["fetch"]
    assert story.snapshot() == before


def test_it_follows_a_rollback_made_elsewhere(story: World) -> None:
    other = story.clone()
    story.sync()
    other.rollback()
    assert not story.status().waits
    assert story.status(fetch=True).waits
    done = story.sync()
    assert (done.version.text, done.former) == ("v1.0.0", "v3.0.0")
    assert story.live_model() == "first"


def test_a_version_rolled_back_while_it_is_built_never_gets_live(story: World) -> None:
    steps: list[str] = []

    def roll_back_meanwhile(step: str) -> None:
        steps.append(step)
        if step == "build" and steps.count("build") == 1:
            story.clone("other").rollback(leaving="v3.0.0")
            story.status(fetch=True)

    assert story.sync(on_step=roll_back_meanwhile).version.text == "v1.0.0"
    assert story.live_model() == "first"
    assert [step for step in steps if step in {"build", "switch"}] == ["build", "build", "switch"]


def test_a_rollback_that_came_while_it_waited_for_its_turn_is_not_undone(
    story: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.sync()
    came: list[object] = []
    really = Project.locked

    def come_before(project: Project, purpose: str) -> AbstractContextManager[None]:
        if purpose.startswith("sync") and not came:
            came.append(story.rollback())
        return really(project, purpose)

    monkeypatch.setattr(Project, "locked", come_before)
    assert story.sync().version.text == "v1.0.0"
    assert (len(came), story.live_model()) == (1, "first")


def test_a_dry_run_changes_nothing(story: World) -> None:
    before = story.snapshot()
    done = sync.sync(story.open(), "flights", "prod", dry_run=True)
    assert (done.changed, done.version.text, done.dry_run) == (True, "v3.0.0", True)
    assert story.snapshot() == before


def test_from_nothing_but_an_address_and_a_directory(story: World) -> None:
    done = serve(story)
    root = story.project.base / "host"
    assert done.link == root / "live/flights/prod"
    assert (done.link / "models/model.txt").read_text() == "third"
    assert (done.link / "data/raw/b/d.csv").read_text() == "3\n"
    assert not (root / ".git").exists()
    assert not serve(story, url=False).changed
    story.rollback()
    assert serve(story, url=False).changed
    assert (done.link / "models/model.txt").read_text() == "first"


@pytest.mark.parametrize("filters", ["true", "false"])
def test_a_serving_host_can_roll_back_and_tell(story: World, filters: str) -> None:
    git(story.project.origin, "config", "uploadpack.allowFilter", filters)
    serve(story)
    root = story.project.base / "host"
    result = rollback.rollback(story.serve(root, None), Request("flights", "bad"))
    assert result.live == str(root / "live/flights/prod")
    assert (root / "live/flights/prod/models/model.txt").read_text() == "first"
    found = status.status(story.serve(root, None))
    assert found.worktree is None
    assert (found.stages[0].assigned, found.stages[0].live, found.waits) == ("v1.0.0", "v1.0.0", False)


def test_a_directory_that_was_never_synced_needs_an_address(story: World) -> None:
    with pytest.raises(UsageError, match="was never synced"):
        serve(story, url=False)


def test_one_directory_serves_one_repository(story: World) -> None:
    serve(story)
    with pytest.raises(UsageError, match="mirrors"):
        sync.sync(story.serve(story.project.base / "host", "file:///elsewhere.git"), "flights", "prod")


def test_an_address_that_never_answered_can_be_mended(story: World) -> None:
    with pytest.raises(UnreachableError, check=lambda error: error.unchanged) as caught:
        sync.sync(story.serve(story.project.base / "host", "file:///mistyped.git"), "flights", "prod")
    assert "--repo" in caught.value.hint
    assert serve(story).version.text == "v3.0.0"


def test_a_stage_needs_only_the_outputs_it_names(story: World) -> None:
    story.settings('[release.prod]\noutputs = ["models/"]\n')
    done = serve(story)
    assert (done.link / "models/model.txt").read_text() == "third"
    assert not (done.link / "data/raw").exists()
    assert json.loads(description_path(done.link.resolve()).read_text())["partial"] is True
    cached = [one.read_bytes() for one in (story.project.base / "host/cache").rglob("*") if one.is_file()]
    assert b"third" in cached
    assert b"3\n" not in cached


def test_a_stage_that_needs_other_outputs_than_it_did_is_behind(story: World) -> None:
    story.project.put("lastgood.toml", '[release.prod]\noutputs = ["models/"]\n')
    story.sync()
    assert not (story.live / "data/raw").exists()
    assert not story.sync().changed
    (story.root / "lastgood.toml").unlink()
    assert story.sync().changed
    assert (story.live / "data/raw").is_dir()


def test_all_outputs_are_no_partial_release(story: World) -> None:
    assert json.loads(description_path(serve(story).link.resolve()).read_text())["partial"] is False


def test_a_missing_object_leaves_the_former_release_live(story: World) -> None:
    story.sync()
    story.assign("v4.0.0")
    story.lose("fourth")
    with pytest.raises(FindingsError, match=r"v4\.0\.0 cannot be restored"):
        story.sync()
    assert story.live_model() == "third"
    assert story.status().waits


def test_a_missing_object_leaves_a_serving_hosts_release_live(story: World) -> None:
    link = serve(story).link
    story.assign("v4.0.0")
    story.lose("fourth")
    with pytest.raises(FindingsError):
        serve(story)
    assert (link / "models/model.txt").read_text() == "third"


def test_remote_and_policy_come_from_the_default_branch_not_from_the_version(world: World) -> None:
    evil = "[core]\n    remote = storage\n['remote \"storage\"']\n    url = /proc/evil\n"
    world.project.put("lastgood.toml", '[rollback]\nhealth = "touch /proc/evil"\n')
    good = (world.root / ".dvc/config").read_text()
    world.project.put(".dvc/config", evil)
    world.project.commit("A version with a remote of its own")
    world.project.register("v1.0.0")
    world.project.assign("v1.0.0", "prod")
    world.project.put(".dvc/config", good)
    (world.root / "lastgood.toml").unlink()
    world.project.commit("Settings of today")
    done = serve(world)
    assert (done.link / "models/model.txt").read_text() == "blank"
    assert world.sync().version.text == "v1.0.0"
    assert world.live_model() == "blank"


def test_looking_at_a_host_knows_the_branchs_settings_as_of_the_last_sync(world: World) -> None:
    world.settings('[registry]\njournal = "refs/heads/lastgood/{artifact}"\n')
    world.release("v1.0.0", stages=["prod"])
    serve(world)
    history = status.status(world.serve(world.project.base / "host", None)).view.registry.artifacts["flights"]
    assert history.journal.tip is not None
    assert history.adopted == frozenset()


def test_a_hosts_own_lastgood_toml_comes_before_the_branchs(story: World) -> None:
    story.settings('[release.prod]\noutputs = ["models/"]\n')
    root = story.project.base / "host"
    root.mkdir()
    (root / "lastgood.toml").write_text("[rollback]\nsettle = 1\n")
    assert (serve(story).link / "data/raw").is_dir()


def test_nothing_assigned_names_the_stages_there_are(story: World) -> None:
    before = story.snapshot()
    with pytest.raises(UnknownError, match=r"nothing is assigned to stage canary of flights \(stages: prod\)"):
        story.sync("canary")
    assert story.snapshot() == before


def test_an_assigned_version_that_was_marked_failed_does_not_replace_what_is_live(story: World) -> None:
    story.rollback()
    story.sync()
    story.assign("v4.0.0")
    story.mark("v4.0.0", "failed", "wrong sign")
    before = story.snapshot()
    for dry_run in (False, True):
        with pytest.raises(RefusedError, match=r"prod of flights is assigned v4\.0\.0.*failed.*wrong sign") as caught:
            sync.sync(story.open(), "flights", "prod", dry_run=dry_run)
        assert caught.value.message.endswith("; v1.0.0 stays live here")
        assert caught.value.hint == "lastgood rollback flights --stage prod --from v4.0.0 --reason TEXT"
        assert story.live_model() == "first"
        assert {**story.snapshot(), "refs": 0} == {**before, "refs": 0}
    story.rollback(leaving="v4.0.0")
    assert story.sync().version.text == "v1.0.0"


def test_nothing_gets_live_where_nothing_is_and_the_assigned_version_is_marked_failed(story: World) -> None:
    story.mark("v3.0.0", "failed")
    with pytest.raises(RefusedError, match="nothing is live here"):
        story.sync()
    with pytest.raises(RefusedError, match="nothing is live here"):
        serve(story)
    assert not story.live.is_symlink()
    assert not list((story.place / "releases").glob("*/*"))
    assert story.snapshot()["follow"] == []


def test_a_failed_version_that_is_live_stays_and_is_told_each_time(story: World) -> None:
    story.sync()
    story.mark("v3.0.0", "failed")
    before = story.snapshot()
    for _ in range(2):
        with pytest.raises(RefusedError, match="it is live here"):
            story.sync()
    assert story.snapshot() == before


def test_a_failed_version_that_an_unassignment_by_gto_brings_back_does_not_get_live(story: World) -> None:
    story.rollback()
    story.assign("v4.0.0")
    story.sync()
    story.mark("v1.0.0", "failed")
    story.project.tag("flights#prod!#99", commit="flights@v4.0.0^{}")
    assert story.status(fetch=True).stages[0].assigned == "v1.0.0"
    with pytest.raises(RefusedError, match=r"assigned v1\.0\.0.*v4\.0\.0 stays live here"):
        story.sync()
    assert story.live_model() == "fourth"


def test_a_version_that_is_marked_failed_while_it_is_built_does_not_get_live(story: World) -> None:
    def mark_meanwhile(step: str) -> None:
        if step == "build":
            story.mark("v3.0.0", "failed")

    with pytest.raises(RefusedError, match="nothing is live here"):
        story.sync(on_step=mark_meanwhile)
    assert not story.live.is_symlink()


def test_an_unhealthy_version_does_not_become_live(story: World) -> None:
    story.assign("v1.0.0")
    story.sync()
    story.assign("v3.0.0")
    story.settings('[rollback]\nhealth = "echo cannot load the model; grep -q first models/model.txt"\n')
    with pytest.raises(NotCarriedOutError, match=r"(?s)v3\.0\.0 before it is live.*--skip-health.*cannot load"):
        story.sync()
    assert story.live_model() == "first"
    assert story.status().waits
    project = story.open()
    project.skip_health = True
    assert sync.sync(project, "flights", "prod").version.text == "v3.0.0"


def test_what_is_live_and_unhealthy_is_remembered_asked_again_by_sync_and_told_with_the_way_back(story: World) -> None:
    sick = story.project.base / "sick"
    story.settings(
        f"[rollback]\nhealth = 'test -L {story.live} || exit 0; test ! -e {sick} || (echo no model; exit 2)'\n"
    )
    sick.touch()
    with pytest.raises(UnhealthyError, match=r"(?s)switched to flights v3\.0\.0.*no model") as caught:
        story.sync()
    assert "lastgood rollback flights --stage prod --from v3.0.0" in caught.value.hint
    assert (story.live_model(), story.snapshot()["follow"]) == ("third", ["flights@prod.json"])
    assert "no model" in str(story.status().stages[0].unhealthy)
    with pytest.raises(UnhealthyError, match=r"live in prod is flights v3\.0\.0, but the health command fails"):
        story.sync()
    sick.unlink()
    assert not story.sync().changed
    assert story.status().stages[0].unhealthy is None


def test_the_health_of_one_release_says_nothing_of_the_next(story: World) -> None:
    story.settings(f"[rollback]\nhealth = 'test $LASTGOOD_VERSION = v1.0.0 || test ! -L {story.live}'\n")
    with pytest.raises(UnhealthyError):
        story.sync()
    story.rollback()
    assert (story.live_model(), story.status().stages[0].unhealthy) == ("first", None)


def test_an_unreachable_origin_leaves_everything(story: World) -> None:
    story.sync()
    story.project.origin.rename(story.project.base / "gone.git")
    with pytest.raises(UnreachableError):
        story.sync()
    with pytest.raises(LastgoodError):
        serve(story)
    assert story.live_model() == "third"


def test_external_versions_are_served_without_journal_or_manifest(world: World) -> None:
    world.project.version("v1.0.0", model="by gto", stages=["prod"])
    assert git(world.project.origin, "for-each-ref", "refs/lastgood") == ""
    assert world.sync().version.external
    assert world.live_model() == "by gto"
    assert (serve(world).link / "models/model.txt").read_text() == "by gto"


def test_the_default_configuration_is_used_where_there_is_none(story: World) -> None:
    assert story.open().config == Config()


def test_dvc_gc_cannot_break_what_is_live(story: World) -> None:
    story.sync()
    for one in story.objects(".dvc/cache"):
        one.unlink()
    assert story.live_model() == "third"
    assert not story.sync().changed


def test_a_host_gets_the_code_of_what_it_delivers_and_tells_of_it_when_origin_is_gone(story: World) -> None:
    git(story.project.origin, "config", "uploadpack.allowFilter", "true")
    story.release("v5.0.0", model="fifth", code={"scripts/huge.py": "# of v5.0.0 alone\n"})
    first = serve(story)
    root = story.project.base / "host"
    blobs = git(root / "mirror.git", "cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)")
    assert f"{story.project.git('rev-parse', 'HEAD:scripts/huge.py')} blob" not in blobs
    assert f"{story.project.git('rev-parse', 'flights@v3.0.0:scripts/train.py')} blob" in blobs
    story.project.origin.rename(story.project.base / "gone.git")
    found = status.status(story.serve(root, None))
    assert (found.stages[0].live, found.waits, found.findings) == ("v3.0.0", False, ())
    assert show.where(story.serve(root, None), "flights", "prod").release.path == first.release.path
    assert show.show(story.serve(root, None), "flights@v5.0.0").manifest is not None
    with pytest.raises(UnreachableError):
        diff.diff(story.serve(root, None), "flights@v3.0.0", "flights@v5.0.0")


def test_a_host_asks_for_the_code_of_a_version_once(story: World, home: Path) -> None:
    git(story.project.origin, "config", "uploadpack.allowFilter", "true")
    story.project.git("config", "--global", "trace2.eventTarget", str(home / "trace"))
    serve(story)
    story.assign("v4.0.0")
    (home / "trace").unlink()
    assert serve(story).version.text == "v4.0.0"
    argv = [json.loads(line)["argv"] for line in (home / "trace").read_text().splitlines() if '"argv"' in line]
    fetches = [one for one in argv if "fetch" in one[:30] and "--quiet" in one]
    assert len(fetches) == 3  # tags, journal, files


def test_another_artifact_and_objects_that_are_here_are_no_obstacle(story: World) -> None:
    story.project.tag("other@v1.0.0")
    story.project.put("lastgood.toml", '[release.prod]\noutputs = ["models/"]\n')
    story.object_of("third").unlink()  # the cache has it
    tried = sync.sync(story.open(), "flights", "prod", dry_run=True)
    assert (tried.release.artifact, tried.release.version, tried.release.partial) == ("flights", "v3.0.0", False)
    assert (tried.release.commit, tried.release.path) == (tried.version.commit, Path())
    assert [str(output.path) for output in tried.release.outputs] == [
        "data/raw",
        "models/metrics.json",
        "models/model.txt",
    ]
    story.sync()
    assert story.live_model() == "third"
    assert sync.sync(story.open(), "flights", "prod", dry_run=True).release.partial


def test_a_part_that_is_built_needs_no_object_any_more(story: World) -> None:
    story.project.put("lastgood.toml", '[release.prod]\noutputs = ["models/"]\n')
    story.sync()
    story.assign("v1.0.0")
    story.sync()
    story.assign("v3.0.0")
    story.lose("third")
    assert sync.sync(story.open(), "flights", "prod", dry_run=True).changed
    story.sync()
    assert story.live_model() == "third"


def test_a_whole_release_is_behind_where_a_part_is_wanted_now(story: World) -> None:
    story.sync()
    story.project.put("lastgood.toml", '[release.prod]\noutputs = ["models/"]\n')
    assert story.sync().changed
    assert not (story.live / "data/raw").exists()


def test_a_switch_that_fails_is_told_with_the_command_that_finishes_it(story: World) -> None:
    def block(step: str) -> None:
        if step == "switch":
            story.live.mkdir(parents=True)

    with pytest.raises(UnfinishedError) as caught:
        story.sync(on_step=block)
    assert str(caught.value.message).startswith("prod could not be switched to v3.0.0 here: ")
    assert caught.value.message.endswith("; the former release is live")
    assert caught.value.hint == "lastgood sync flights --stage prod"
    story.live.rmdir()
    assert story.sync().changed


@pytest.mark.parametrize("dry_run", [True, False])
def test_what_waits_unreadable_for_others_is_no_obstacle(story: World, dry_run: bool) -> None:
    (story.place / "pending").mkdir(parents=True)
    for name in ("other@prod", "flights@staging"):
        (story.place / "pending" / f"{name}.json").write_text("damaged")
    assert sync.sync(story.open(), "flights", "prod", dry_run=dry_run).changed
    (story.place / "pending/flights@prod.json").write_text("damaged")
    with pytest.raises(LastgoodError, match=r"flights@prod\.json cannot be read"):
        sync.sync(story.open(), "flights", "prod", dry_run=dry_run)


@pytest.mark.parametrize("damage", ["a file is gone", "a file is overwritten", "a file is exchanged", "a file came in"])
def test_a_damaged_live_release_is_seen_by_status_without_hashing_and_built_anew_by_sync(
    story: World, damage: str
) -> None:
    story.sync()
    good, model = files(story.live.resolve()), story.live.resolve() / "models/model.txt"
    model.parent.chmod(0o755)
    if damage == "a file is overwritten":
        model.chmod(0o644)
        model.write_text("THIRD")
    elif damage == "a file came in":
        (model.parent / "more.txt").write_text("x")
    else:
        model.unlink()
        if damage == "a file is exchanged":
            model.write_text("third")
    stage = story.status().stages[0]
    assert (stage.live, stage.damaged, stage.waiting) == ("v3.0.0", True, True)
    assert stage.finish == "lastgood sync flights --stage prod"
    assert story.verify().findings  # not only with --deep
    planned = sync.sync(story.open(), "flights", "prod", dry_run=True)
    assert (planned.changed, bool(planned.damage)) == (True, True)
    assert planned.warnings == planned.damage
    done = story.sync()
    assert (done.changed, done.version.text, done.former) == (True, "v3.0.0", "v3.0.0")
    assert files(story.live.resolve()) == good
    assert "exchange" in story.steps
    assert not story.status().waits
    assert not story.verify(deep=True).all_findings
    assert not story.sync().changed


def test_a_release_whose_builder_died_before_it_was_closed_is_closed_by_the_next_sync(story: World) -> None:
    story.sync()
    path = story.live.resolve()
    path.chmod(0o755)
    assert not story.sync().changed
    assert path.stat().st_mode & 0o777 == 0o555


def test_a_live_release_whose_description_is_gone_is_built_anew_by_sync(story: World) -> None:
    story.sync()
    description_path(story.live.resolve()).unlink()
    stage = story.status().stages[0]
    assert (stage.live, stage.damaged, stage.waiting) == (None, True, True)
    assert story.sync().release.version == "v3.0.0"
    assert story.live_model() == "third"
    assert not story.status().waits


def test_a_damaged_live_release_in_which_somebody_works_stays_until_nobody_does(story: World) -> None:
    story.sync()
    place, path = story.open().place, story.live.resolve()
    (path / "models").chmod(0o755)
    (path / "models/model.txt").unlink()
    with using(place, path), pytest.raises(UnfinishedError, match="in use"):
        story.sync()
    assert not (path / "models/model.txt").exists()
    assert story.sync().changed
    assert story.live_model() == "third"


def test_a_place_that_was_copied_with_its_times_is_not_damaged(story: World) -> None:
    serve(story)
    host = story.project.base / "host"
    shutil.copytree(host, story.project.base / "copied", symlinks=True)
    copied = status.status(story.serve(story.project.base / "copied", None))
    assert (copied.stages[0].damaged, copied.waits) == (False, False)


def test_damage_that_a_lost_census_hides_is_found_by_hashing(story: World) -> None:
    story.sync()
    path = story.live.resolve()
    census_path(path).unlink()
    (path / "models").chmod(0o755)
    (path / "models/model.txt").unlink()
    assert not story.status().stages[0].damaged
    assert story.verify(deep=True).findings


def test_an_event_that_was_deleted_on_origin_does_not_come_back_where_origin_is_not_asked(story: World) -> None:
    serve(story)
    host = story.project.base / "host"
    version = git(story.root, "rev-list", "-1", "flights@v1.0.0")
    git(story.root, "tag", "-a", "-m", "by hand", "flights#prod#99", version)
    git(story.root, "push", "--quiet", "origin", "flights#prod#99")
    done = serve(story, url=False)
    assert done.version.text == "v1.0.0"
    git(story.root, "push", "--quiet", "origin", ":refs/tags/flights#prod#99")
    assert serve(story, url=False).version.text == "v3.0.0"
    found = status.status(story.serve(host, None))
    assert (found.stages[0].assigned, found.stages[0].live, found.waits) == ("v3.0.0", "v3.0.0", False)
    assert any(one.kind == "unpublished" for one in found.findings)
    assert story.status().stages[0].assigned == "v1.0.0"  # this clone has not asked since
    assert story.status(fetch=True).stages[0].assigned == "v3.0.0"
    assert story.status().stages[0].assigned == "v3.0.0"
    git(story.root, "tag", "-f", "-a", "-m", "by hand, again", "flights#prod#99", version)
    assert story.status().stages[0].assigned == "v1.0.0"  # another tag, of which origin was never asked
