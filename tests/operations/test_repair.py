"""`repair` puts back what `verify` misses, from wherever it still is, and names the rest; real git and DVC judge."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lastgood.core.subset import Subset
from lastgood.operations import repair
from lastgood.operations.repair.objects import Reach
from lastgood.releases.release import description_path
from tests.builders import git
from tests.world import World, files, forget, killed_at, refuse_pushes

REF = "refs/lastgood/flights"


def mend(
    world: World,
    *,
    deep: bool = False,
    subset: Subset | None = None,
    moved: bool = False,
    dry_run: bool = False,
    on_step: Callable[[str], None] | None = None,
) -> repair.Repaired:
    return repair.repair(world.open(on_step=on_step), reach=Reach(deep, subset, dry_run), moved=moved)


def kinds(done: repair.Repaired) -> list[str]:
    return [one.kind for one in done.mended]


def refs(where: Path, pattern: str = "") -> str:
    return git(where, "for-each-ref", *([pattern] if pattern else []))


def delete_on_origin(world: World, *names: str) -> None:
    git(world.root, "push", "--quiet", "--delete", "origin", *(f"refs/tags/{name}" for name in names))


def overwrite(path: Path, text: str) -> None:
    """As root would, through 0444; only this name of the file, whoever shares it."""
    mode = path.parent.stat().st_mode
    path.parent.chmod(0o755)
    path.unlink()
    path.write_text(text)
    path.chmod(0o444)
    path.parent.chmod(mode)


def empty(remote: Path) -> None:
    """A new disk in the place of one that is lost, as the hint says how."""
    shutil.rmtree(remote / "files")
    (remote / "files/md5").mkdir(parents=True)


def test_where_nothing_is_wrong_nothing_is_done(story: World) -> None:
    story.sync()
    before = story.snapshot()
    done = mend(story, deep=True)
    assert (done.mended, done.left) == ((), ())
    assert story.snapshot() == before


def test_deleted_tags_are_put_back_bit_for_bit_on_origin_and_here(story: World) -> None:
    before = (refs(story.root, "refs/tags"), refs(story.project.origin, "refs/tags"))
    delete_on_origin(story, "flights@v1.0.0", "flights#stable#2")
    story.project.git("tag", "--delete", "flights@v1.0.0", "flights@v2.0.0")
    story.project.git("reflog", "expire", "--expire=now", "--all")
    git(story.project.origin, "gc", "--quiet", "--prune=now")
    assert story.verify().all_findings
    tried = mend(story, dry_run=True)
    assert refs(story.project.origin, "refs/tags") != before[1]
    done = mend(story)
    assert [one.subject for one in done.mended] == [one.subject for one in tried.mended]
    assert kinds(done) == ["tag"] * 2  # those that origin has still came with the fetch
    assert done.left == ()
    assert (refs(story.root, "refs/tags"), refs(story.project.origin, "refs/tags")) == before
    assert mend(story).mended == ()


def test_a_tag_object_that_is_gone_is_made_again_from_the_journals_bytes(story: World) -> None:
    oid = story.project.git("rev-parse", "refs/tags/flights@v1.0.0")
    delete_on_origin(story, "flights@v1.0.0")
    there = story.clone("other")
    assert git(there.root, "cat-file", "-e", "HEAD") == ""
    with pytest.raises(AssertionError):
        there.project.git("cat-file", "-e", oid)
    assert mend(there).left == ()
    assert there.project.git("rev-parse", "refs/tags/flights@v1.0.0") == oid
    assert git(story.project.origin, "rev-parse", "refs/tags/flights@v1.0.0") == oid


def test_a_tag_moved_here_is_put_back_and_what_it_was_is_named(story: World) -> None:
    before = refs(story.root, "refs/tags")
    story.project.git("tag", "--force", "-a", "-m", "moved", "flights@v1.0.0", "HEAD")
    moved = story.project.git("rev-parse", "refs/tags/flights@v1.0.0")
    done = mend(story)
    assert done.left == ()
    assert moved[:12] in done.mended[0].done
    assert refs(story.root, "refs/tags") == before


def test_a_tag_moved_on_origin_is_forced_back_only_when_told_and_not_lost(story: World) -> None:
    before = refs(story.project.origin)
    other = story.clone("other")
    other.project.git("tag", "--force", "-a", "-m", "moved", "flights@v1.0.0", "HEAD")
    other.project.git("push", "--quiet", "--force", "origin", "refs/tags/flights@v1.0.0")
    moved = other.project.git("rev-parse", "refs/tags/flights@v1.0.0")
    left = mend(story).left
    assert [(one.kind, one.subject) for one in left] == [("moved", "flights@v1.0.0")]
    assert git(story.project.origin, "rev-parse", "refs/tags/flights@v1.0.0") == moved
    done = mend(story, moved=True)
    assert done.left == ()
    assert refs(story.project.origin) == before
    assert story.project.git("cat-file", "-t", moved) == "tag"
    assert mend(other, moved=True).left == ()
    assert other.project.git("rev-parse", "refs/tags/flights@v1.0.0") != moved


def test_a_host_that_refuses_is_named_and_what_can_be_put_back_is(story: World) -> None:
    delete_on_origin(story, "flights@v1.0.0")
    story.project.git("tag", "--force", "-a", "-m", "moved", "flights@v2.0.0", "HEAD")
    refuse_pushes(story)
    done = mend(story)
    assert [one.subject for one in done.mended] == ["flights@v2.0.0"]
    assert {one.kind for one in done.left} == {"deleted", "refused"}


@pytest.mark.parametrize("tags", [(), ("flights@v4.0.0", "flights#stable#8")])
def test_a_journal_that_origin_lost_is_put_back_from_here(story: World, tags: tuple[str, ...]) -> None:
    before = refs(story.project.origin)
    git(story.project.origin, "update-ref", "-d", REF)
    if tags:
        delete_on_origin(story, *[tag for tag in tags if tag in story.tags()])
    assert "behind" in {one.kind for one in story.verify().all_findings}
    done = mend(story)
    assert "journal" in kinds(done)
    assert done.left == ()
    assert refs(story.project.origin) == before
    assert story.clone("fresh").verify().all_findings == ()


def test_a_journal_that_was_set_back_on_origin_is_brought_forward(story: World) -> None:
    before = refs(story.project.origin)
    git(story.project.origin, "update-ref", REF, f"{REF}~2")
    assert "behind" in {one.kind for one in story.verify().all_findings}
    assert mend(story).left == ()
    assert refs(story.project.origin) == before


def test_a_rewritten_journal_is_named_and_left(story: World) -> None:
    commit = story.project.git("commit-tree", "-m", "rewritten", "HEAD^{tree}")
    story.project.git("push", "--quiet", "--force", "origin", f"{commit}:{REF}")
    done = mend(story)
    assert "journal" in {one.kind for one in done.left}
    assert git(story.project.origin, "rev-parse", REF) == commit


def test_tags_of_ours_get_their_entries_back_when_no_journal_has_them(story: World) -> None:
    pinned = story.verify(deep=True)
    events = [one.tag for one in story.status().view.registry.artifacts["flights"].events]
    git(story.project.origin, "update-ref", "-d", REF)
    there = story.clone("other")
    assert {one.kind for one in there.verify().all_findings} == {"unjournaled"}
    done = mend(there)
    assert set(kinds(done)) == {"journal"}
    assert len(done.mended) == len(story.tags())
    assert done.left == ()
    assert [one.tag for one in there.status().view.registry.artifacts["flights"].events] == events
    assert story.clone("fresh").verify(deep=True).versions == pinned.versions
    entry = git(there.root, "log", "--first-parent", "--format=%H", "--grep=flights@v1.0.0", REF).split()[0]
    manifest = json.loads(git(there.root, "show", f"{entry}:manifest.json"))
    assert all(output["sha256"] for output in manifest["outputs"] if "storage" not in output)
    assert mend(there).mended == ()


def test_a_machine_that_has_seen_a_longer_journal_enters_nothing_into_a_new_one(story: World) -> None:
    for where in (story.root, story.project.origin):
        git(where, "update-ref", "-d", REF)
    done = mend(story)
    assert {"gone-back", "refused"} <= {one.kind for one in done.left}
    assert refs(story.project.origin, REF) == ""


def test_what_the_remote_lost_is_pushed_again_from_the_cache_though_dvc_push_sees_nothing(story: World) -> None:
    story.object_of("2\n").unlink()
    story.object_of("second").unlink()
    story.project.git("checkout", "--quiet", "flights@v1.0.0")
    with story.project.dvc() as repo:
        assert repo.push() == 0
    story.project.git("checkout", "--quiet", "main")
    done = mend(story)
    assert {(one.kind, one.source) for one in done.mended} == {("object", "the cache")}
    assert sorted(one.subject for one in done.mended) == ["data/raw/b/c.csv", "models/model.txt"]
    assert done.left == ()
    assert story.object_of("2\n").stat().st_mode & 0o777 == 0o444


def test_what_remote_and_cache_lost_comes_from_a_release_listings_too(story: World) -> None:
    story.sync()
    before = files(story.project.remote)
    empty(story.project.remote)
    forget(story)
    done = mend(story)
    assert {one.kind for one in done.left} == {"missing"}  # of versions that have no release here
    assert {one.source for one in done.mended} == {"release v3.0.0"}
    restored = files(story.project.remote)
    assert restored.items() <= before.items()
    assert {"data/raw", "data/raw/a.csv", "data/raw/b/d.csv", "models/model.txt"} == {
        one.subject for one in done.mended
    }
    assert any(name.endswith(".dir") for name in restored)
    assert not [one for one in story.verify().versions if one.version == "v3.0.0" and one.findings]


def test_what_is_nowhere_is_named_and_no_listing_is_pushed_without_its_members(story: World) -> None:
    empty(story.project.remote)
    lost = story.object_of("2\n", ".dvc/cache")
    lost.unlink()
    done = mend(story)
    assert {one.kind for one in done.left} == {"missing"}
    assert any(one.subject == "data/raw/b/c.csv" for one in done.left)
    listing = story.project.git("show", "flights@v1.0.0:data/raw.dvc").partition("md5: ")[2].split()[0]
    assert not (story.project.remote / "files/md5" / listing[:2] / listing[2:]).exists()
    assert story.object_of("second").is_file()


def test_a_corrupted_object_in_the_cache_is_dropped_and_fetched_again(story: World) -> None:
    there = story.corrupt("second")
    assert [one.kind for one in story.verify(deep=True).all_findings] == ["corrupted"]
    done = mend(story, deep=True)
    assert [(one.subject, one.source) for one in done.mended] == [("models/model.txt", "the remote")]
    assert done.left == ()
    assert there.read_text() == "second"


def test_an_object_corrupted_on_the_remote_is_replaced(story: World) -> None:
    story.sync()
    there = story.object_of("third")
    there.chmod(0o644)
    there.write_text("thirD")
    forget(story)
    assert "corrupted" in {one.kind for one in story.verify(deep=True).all_findings}
    done = mend(story, deep=True)
    assert done.left == ()
    assert there.read_text() == "third"
    assert ("models/model.txt", "release v3.0.0") in {(one.subject, one.source) for one in done.mended}


def test_a_damaged_release_that_nothing_uses_is_removed(story: World) -> None:
    story.sync()
    story.assign("v4.0.0")
    story.sync()
    release = next((story.place / "releases").glob("*/v3*[0-9a-f]"))
    overwrite(description_path(release), "{")
    assert [one.kind for one in story.verify().all_findings] == ["broken-release"]
    done = mend(story)
    assert kinds(done) == ["release"]
    assert done.left == ()
    assert not release.exists()


def test_a_changed_release_that_is_live_is_exchanged_for_a_whole_one(story: World) -> None:
    story.sync()
    overwrite(story.live.resolve() / "models/model.txt", "tampered")
    assert story.live_model() == "tampered"
    assert story.verify(deep=True).all_findings
    done = mend(story, deep=True)
    assert kinds(done) == ["release"]
    assert done.left == ()
    assert story.live_model() == "third"
    assert not list((story.place / "staging").glob("[!.]*"))
    assert story.live.resolve().stat().st_mode & 0o222 == 0


def test_a_dry_run_changes_nothing(story: World) -> None:
    story.sync()
    delete_on_origin(story, "flights@v1.0.0")
    story.object_of("second").unlink()
    overwrite(story.live.resolve() / "models/model.txt", "tampered")
    story.status(fetch=True)
    before = (story.snapshot(), story.live_model())
    tried = mend(story, deep=True, dry_run=True)
    assert sorted(kinds(tried)) == ["object", "release", "tag"]
    assert (story.snapshot(), story.live_model()) == before
    done = mend(story, deep=True)
    assert [(one.kind, one.subject, one.source) for one in done.mended] == [
        (one.kind, one.subject, one.source) for one in tried.mended
    ]


@pytest.mark.parametrize(
    "step", ["fetch", "look", "push journal", "push tags", "put tags", "fetch objects", "mend", "build", "exchange"]
)
def test_killed_at_any_step_the_same_command_finishes(story: World, step: str) -> None:
    story.sync()
    before = (refs(story.root, "refs/tags"), refs(story.project.origin), files(story.project.remote))
    delete_on_origin(story, "flights@v2.0.0")
    git(story.project.origin, "update-ref", REF, f"{REF}~2")
    story.project.git("tag", "--force", "-a", "-m", "moved", "flights@v1.0.0", "HEAD")
    story.object_of("second").unlink()
    overwrite(story.live.resolve() / "models/model.txt", "tampered")
    assert killed_at(step, lambda on_step: mend(story, deep=True, on_step=on_step))
    done = mend(story, deep=True)
    assert done.left == ()
    assert (refs(story.root, "refs/tags"), refs(story.project.origin), files(story.project.remote)) == before
    assert story.live_model() == "third"
    assert not list((story.place / "staging").glob("[!.]*"))
