"""Pruning in a clone and on a serving host: what goes, what never goes, and why."""

import json
import time
from pathlib import Path

import pytest

from lastgood.errors import LockedError, UnknownError, UnreachableError
from lastgood.operations import sync
from lastgood.operations.init import template
from lastgood.operations.prune import Pruned, prune
from lastgood.project import Project
from lastgood.releases import log
from lastgood.releases.builder import list_releases
from lastgood.releases.environments import DESCRIPTION
from lastgood.releases.lock import exclusive
from lastgood.releases.place import Place
from lastgood.releases.release import description_path
from lastgood.releases.use import using
from tests.conftest import isolate
from tests.world import World, files, killed_at

LATER = 3 * 86400


def later(project: Project) -> Project:
    """The same place three days after whatever was switched in it."""
    now = int(time.time()) + LATER
    project.now = lambda: now
    return project


def pruned(world: World, *, keep: int | None = None, dry_run: bool = False, artifact: str | None = None) -> Pruned:
    return prune(later(world.open()), artifact, keep=keep, dry_run=dry_run)


def said(done: Pruned) -> dict[str, str]:
    return {one.release.version: f"{'kept' if one.kept else 'removed'}: {one.why}" for one in done.releases}


def here(world: World) -> list[str]:
    return [release.version for release in list_releases(Place(world.place))]


@pytest.fixture(scope="session")
def _served(_story: World, session_home: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, session_home)
        world = _story.copy(tmp_path_factory.mktemp("served"))
        world.mark("v2.0.0", "stable")
        for version in ("v1.0.0", "v2.0.0", "v3.0.0", "v4.0.0"):
            world.assign(version)
            world.sync()
        world.mark("v2.0.0", "failed")
        return world


@pytest.fixture
def served(_served: World, tmp_path: Path) -> World:
    """v1.0.0 (stable), v2.0.0 (failed) and v3.0.0 were live here one after the other; v4.0.0 (stable) is."""
    return _served.copy(tmp_path)


def test_what_policy_lets_go_goes_and_each_release_has_its_reason(served: World) -> None:
    cache = files(served.root / ".dvc/cache")
    done = pruned(served, keep=1)
    assert said(done) == {
        "v1.0.0": "kept: stable",
        "v2.0.0": "removed: nothing needs it here, not stable, not the last version",
        "v3.0.0": "removed: nothing needs it here, not stable, not the last version",
        "v4.0.0": "kept: live in prod; assigned to prod; stable; the last version",
    }
    assert here(served) == ["v1.0.0", "v4.0.0"]
    assert done.freed > 0
    assert done.cache is None
    assert files(served.root / ".dvc/cache") == cache
    assert served.live_model() == "fourth"
    assert not served.status().waits


def test_a_dry_run_says_the_same_and_changes_nothing(served: World) -> None:
    before, there = served.snapshot(), files(served.place, without=("mirror.git",))
    tried = pruned(served, keep=1, dry_run=True)
    assert served.snapshot() == before
    assert {path: digest for path, digest in files(served.place).items() if path in there} == there
    done = pruned(served, keep=1)
    assert (said(done), done.freed) == (said(tried), tried.freed)


def test_a_second_time_nothing_is_left_to_do(served: World) -> None:
    pruned(served, keep=1)
    again = pruned(served, keep=1)
    assert all(one.kept for one in again.releases)
    assert again.freed == 0


def test_what_was_live_within_the_last_day_stays(served: World) -> None:
    done = prune(served.open(at=int(time.time())), keep=0)
    assert said(done)["v3.0.0"] == "kept: live in prod within the last day"
    assert len(here(served)) == 4


def test_a_switch_whose_time_does_not_read_counts_as_recent(served: World) -> None:
    path = served.place / "history.jsonl"
    events = [{**event, "at": "yesterday"} for event in log.read(path)]
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    assert all(one.kept for one in pruned(served, keep=0).releases)


def test_what_runs_stays_until_it_ends(served: World) -> None:
    (release,) = [one for one in list_releases(Place(served.place)) if one.version == "v2.0.0"]
    with using(Place(served.place), release.path):
        assert said(pruned(served, keep=0))["v2.0.0"] == "kept: in use"
    assert "removed" in said(pruned(served, keep=0))["v2.0.0"]


def test_what_a_followed_stage_is_assigned_and_waits_for_stays(served: World) -> None:
    other = served.clone()
    other.assign("v3.0.0")
    done = pruned(served, keep=0)
    assert said(done)["v3.0.0"] == "kept: assigned to prod"
    assert served.status().waits
    served.sync()
    assert served.live_model() == "third"


def test_a_recorded_rollback_that_died_keeps_its_target(served: World) -> None:
    served.mark("v4.0.0", "failed")
    served.mark("v3.0.0", "stable")
    assert killed_at("switch", lambda on_step: served.rollback(on_step=on_step))
    served.mark("v3.0.0", "failed")
    assert said(pruned(served, keep=0))["v3.0.0"] == "kept: assigned to prod"


def test_an_unfinished_checkout_keeps_what_it_names(served: World) -> None:
    assert killed_at("outputs", lambda on_step: served.checkout("v2.0.0", on_step=on_step))
    why = said(pruned(served, keep=0))
    assert why["v2.0.0"] == "kept: named by checkout flights@v2.0.0, which is not finished"


def test_policy_comes_from_the_configuration_and_the_option_goes_before_it(served: World) -> None:
    served.settings("[prune]\nkeep = 0\nstable = false\n")
    assert "removed" not in said(pruned(served, keep=4, dry_run=True)).values()
    pruned(served)
    assert here(served) == ["v4.0.0"]


def test_a_pruned_version_is_rolled_back_to_all_the_same(served: World) -> None:
    served.settings("[prune]\nkeep = 0\nstable = false\n")
    pruned(served)
    served.rollback()
    assert served.live_model() == "first"


def test_while_another_command_is_at_work_nothing_is_pruned(served: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lastgood.project.WAIT", 0.0)
    with exclusive(Place(served.place), "sync"), pytest.raises(LockedError):
        pruned(served, keep=0)
    assert len(here(served)) == 4


def test_an_unknown_artifact_or_an_origin_that_is_gone_changes_nothing(served: World) -> None:
    with pytest.raises(UnknownError):
        pruned(served, keep=0, artifact="delays")
    served.project.origin.rename(served.project.base / "gone.git")
    with pytest.raises(UnreachableError):
        pruned(served, keep=0)
    assert len(here(served)) == 4


def test_the_settings_that_init_writes_are_the_defaults() -> None:
    text = "".join(
        line.removeprefix("# ") for line in template().splitlines(keepends=True) if "=" in line or "[" in line
    )
    assert "keep = 3\nstable = true\n" in text


def test_it_is_entered_into_history(served: World) -> None:
    pruned(served, keep=1)
    events = [event for event in log.read(served.place / "history.jsonl") if event["event"] == "pruned"]
    assert [event["version"] for event in events] == ["v2.0.0", "v3.0.0"]


def serve(world: World, url: str | None = None) -> Path:
    root = world.project.base / "host"
    sync.sync(world.serve(root, url), "flights", "prod")
    return root


def test_on_a_serving_host_objects_that_nothing_refers_to_go_too(story: World) -> None:
    root = serve(story, f"file://{story.project.origin}")
    story.mark("v2.0.0", "stable")
    for version in ("v2.0.0", "v4.0.0"):
        story.assign(version)
        serve(story)
    story.mark("v2.0.0", "failed")
    before = len(files(root / "cache"))
    tried = prune(later(story.serve(root, None)), keep=0, dry_run=True)
    assert len(files(root / "cache")) == before
    done = prune(later(story.serve(root, None)), keep=0)
    assert [one.release.version for one in done.releases if not one.kept] == ["v2.0.0", "v3.0.0"]
    assert done.cache is not None
    assert done.cache == tried.cache
    assert len(done.cache.paths) == before - len(files(root / "cache")) > 0
    contents = {path.read_bytes() for path in (root / "cache").rglob("*") if path.is_file()}
    assert b"fourth" in contents
    assert not contents & {b"second", b"third"}
    assert (root / "live/flights/prod/models/model.txt").read_text() == "fourth"
    story.assign("v3.0.0")
    serve(story)
    assert (root / "live/flights/prod/models/model.txt").read_text() == "third"


def test_without_a_listing_no_object_goes(story: World) -> None:
    root = serve(story, f"file://{story.project.origin}")
    for listing in (root / "cache").rglob("*.dir"):
        listing.unlink()
    before = files(root / "cache")
    done = prune(later(story.serve(root, None)), keep=0)
    assert done.cache is not None
    assert "all stay" in done.cache.why
    assert files(root / "cache") == before


def environment(root: Path, digest: str) -> Path:
    """A finished environment, as far as pruning looks at it."""
    path = Place(root).environments / digest
    (path / "bin").mkdir(parents=True)
    (path / "bin/python").write_text("#!")
    (path / DESCRIPTION).write_text("{}")
    path.chmod(0o555)
    return path


def test_on_a_serving_host_environments_go_that_no_release_needs_and_nobody_uses(story: World) -> None:
    root = serve(story, f"file://{story.project.origin}")
    (release,) = list_releases(Place(root))
    document = json.loads(description_path(release.path).read_text())
    del document["sum"]  # as before there was one
    description_path(release.path).chmod(0o644)
    description_path(release.path).write_text(json.dumps({**document, "environment": "a" * 64}))
    needed, used, old = (environment(root, letter * 64) for letter in "abc")
    with using(Place(root), used):
        done = prune(later(story.serve(root, None)), keep=0)
    assert [(one.path, one.why) for one in done.environments] == [
        (needed, "that of flights@v3.0.0"),
        (used, "in use"),
        (old, "no release here needs it"),
    ]
    assert [path.exists() for path in (needed, used, old)] == [True, True, False]
    assert done.environments[2].freed == len("#!{}")


def test_environments_stay_where_it_cannot_be_told_whose_they_are(story: World) -> None:
    root = serve(story, f"file://{story.project.origin}")
    (release,) = list_releases(Place(root))
    document = json.loads(description_path(release.path).read_text())
    del document["sum"]  # as before there was one
    description_path(release.path).chmod(0o644)
    description_path(release.path).write_text(json.dumps({**document, "version": "v9.9.9", "environment": ""}))
    path = environment(root, "a" * 64)
    done = prune(later(story.serve(root, None)))
    assert done.environments[0].why == "the environment is unknown for flights@v9.9.9"
    assert path.exists()
