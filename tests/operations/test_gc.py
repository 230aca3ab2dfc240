"""`gc --remote` takes what nothing on origin needs and refuses where it cannot know; real DVC judges what is left."""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from lastgood.errors import FindingsError, LastgoodError, RefusedError, UnreachableError
from lastgood.operations import gc
from lastgood.project import Project
from tests.builders import git
from tests.world import World, killed_at

LATER = 3 * 86400
MODELS = {"v1.0.0": "first", "v2.0.0": "second", "v3.0.0": "third", "v4.0.0": "fourth"}


def later(world: World, on_step: Callable[[str], None] | None = None) -> Project:
    """The project in three days, when all that is on the remote has settled."""
    return world.open(at=int(time.time()) + LATER, on_step=on_step)


def collect(world: World, on_step: Callable[[str], None] | None = None) -> gc.Plan:
    project = later(world, on_step)
    return gc.execute(project, gc.prepare(project))


def abandon(world: World, model: str = "abandoned", data: str = "9\n") -> None:
    """Push the objects of a commit that then no ref leads to."""
    world.project.commit_version(model=model, data={"a.csv": data, "b/e.csv": "1\n"}, push=False)
    with world.project.dvc() as repo:
        repo.push()
    world.project.git("reset", "--quiet", "--hard", "HEAD~1")
    with world.project.dvc() as repo:
        repo.checkout(force=True)


def contents(world: World) -> set[bytes]:
    return {one.read_bytes() for one in world.objects("../dvc-remote")}


def restorable(world: World) -> Iterator[tuple[str, str]]:
    """Each version with its model as a fresh clone gets it by `git checkout` and `dvc pull`."""
    there = world.project.clone("judge")
    for tag in there.git("tag", "--list", "flights@*").split():
        shutil.rmtree(there.root / ".dvc/cache", ignore_errors=True)
        there.git("checkout", "--quiet", tag)
        with there.dvc() as repo:
            repo.pull(force=True)
        assert any((there.root / "data/raw").rglob("*.csv"))
        yield tag.partition("@")[2], (there.root / "models/model.txt").read_text()
    shutil.rmtree(there.root)


@pytest.fixture
def littered(story: World) -> World:
    """The story, and on the remote the objects of the commit before it and of one that was thrown away."""
    abandon(story)
    return story


def test_what_nothing_needs_goes_and_every_version_is_pulled_by_dvc(littered: World) -> None:
    before = contents(littered)
    done = collect(littered)
    gone = before - contents(littered)
    assert {b"abandoned", b"blank", b"9\n"} < gone
    assert len(gone) == len(done.objects) == 6
    assert b"1\n" not in gone  # a member of an old listing and of one that is needed
    assert all(one.why for one in done.objects)
    assert any("dvc.lock of commit" in one.why for one in done.objects)
    assert dict(restorable(littered)) == MODELS
    assert littered.verify(deep=True).all_findings == ()
    assert collect(littered).objects == ()


def test_dvc_pushes_again_what_went(littered: World) -> None:
    collect(littered)
    littered.project.commit_version(model="abandoned", data={"a.csv": "9\n", "b/e.csv": "1\n"})
    littered.register("v5.0.0")
    assert dict(restorable(littered)) == {**MODELS, "v5.0.0": "abandoned"}


def test_looking_changes_nothing(littered: World) -> None:
    littered.status(fetch=True)
    before = littered.snapshot()
    assert gc.prepare(later(littered)).objects
    assert littered.snapshot() == before


@pytest.mark.parametrize("ref", ["refs/heads/topic", "refs/tags/paper", "refs/exps/ab/cdef/main/try"])
def test_what_a_ref_on_origin_leads_to_stays_though_it_is_not_here(littered: World, ref: str) -> None:
    other = littered.clone("other", pull=True)
    other.project.commit_version(model="elsewhere")
    other.project.git("push", "--quiet", "origin", f"HEAD:{ref}")
    other.project.git("push", "--quiet", "--force", "origin", "HEAD~1:refs/heads/main")
    collect(littered)
    assert b"elsewhere" in contents(littered)
    assert b"abandoned" not in contents(littered)


def test_what_this_clone_alone_has_stays(littered: World) -> None:
    littered.project.git("branch", "own")
    littered.project.git("checkout", "--quiet", "own")
    littered.project.commit_version(model="committed", push=False)
    with littered.project.dvc() as repo:
        repo.push()
    littered.project.git("checkout", "--quiet", "main")
    littered.project.put("data/more.csv", "tracked only\n")
    with littered.project.dvc() as repo:
        repo.add("data/more.csv")
        repo.push()
    collect(littered)
    assert {b"committed", b"tracked only\n"} < contents(littered)
    assert b"abandoned" not in contents(littered)


def test_a_version_whose_tag_was_deleted_everywhere_keeps_its_objects(littered: World) -> None:
    littered.project.git("push", "--quiet", "--delete", "origin", "refs/tags/flights@v2.0.0")
    littered.project.git("tag", "--delete", "flights@v2.0.0")
    collect(littered)
    assert b"second" in contents(littered)


def test_adopted_versions_keep_their_objects(littered: World) -> None:
    littered.project.version("v5.0.0", model="by hand", data={"h.csv": "by hand\n"})
    littered.project.git("push", "--quiet", "--force", "origin", "HEAD~1:refs/heads/main")
    littered.project.git("reset", "--quiet", "--hard", "HEAD~1")
    collect(littered)
    assert dict(restorable(littered)) == {**MODELS, "v5.0.0": "by hand"}


def test_what_came_lately_stays_for_its_tag_may_be_on_its_way(littered: World) -> None:
    project = littered.open(at=int(time.time()) + 3600)
    plan = gc.prepare(project)
    assert (plan.objects, plan.young) == ((), 6)
    assert len(gc.prepare(project, grace=0).objects) == 6


def test_a_shallow_clone_is_refused(littered: World) -> None:
    refused(littered.clone("shallow", depth=1), RefusedError, "shallow clone")


def test_a_clone_without_tags_is_refused(littered: World) -> None:
    there = littered.clone("tagless")
    there.project.git("tag", "--delete", *there.project.git("tag").split())
    refused(there, RefusedError, "has no tags")


def test_a_clone_without_a_remote_is_refused(littered: World) -> None:
    littered.project.git("remote", "remove", "origin")
    refused(littered, RefusedError, "without a git remote")


def test_an_origin_without_versions_is_refused(world: World) -> None:
    world.project.tag("anything")
    refused(world, RefusedError, "origin has no version")


def test_an_origin_out_of_reach_is_refused(littered: World) -> None:
    littered.project.origin.rename(littered.project.base / "gone.git")
    before = contents(littered)
    with pytest.raises(UnreachableError):
        gc.prepare(later(littered))
    assert contents(littered) == before


def test_a_lost_listing_is_refused_for_nobody_can_tell_what_it_needs(littered: World) -> None:
    listing = littered.project.git("show", "flights@v1.0.0:data/raw.dvc").partition("md5: ")[2].split()[0]
    for where in (".dvc/cache", "../dvc-remote"):
        (littered.root / where / "files/md5" / listing[:2] / listing[2:]).unlink()
    error = refused(littered, FindingsError, "are unknown|is unknown")
    assert [one.kind for one in error.findings] == ["missing"]  # type: ignore[attr-defined]  # findings, as asked


def test_a_branch_that_dvc_cannot_read_is_refused_by_name(littered: World) -> None:
    littered.project.git("checkout", "--quiet", "-b", "broken")
    littered.project.put("dvc.yaml", "stages: [\n")
    littered.project.git("commit", "--quiet", "--all", "--message", "broken")
    littered.project.git("push", "--quiet", "origin", "broken")
    littered.project.git("checkout", "--quiet", "main")
    refused(littered, FindingsError, "branch broken")


def test_a_commit_that_is_gone_is_refused(littered: World) -> None:
    commit = littered.project.git("rev-parse", "flights@v2.0.0^{commit}")
    tree = littered.project.git("rev-parse", f"{commit}^{{tree}}")
    (littered.root / ".git/objects" / tree[:2] / tree[2:]).unlink()
    refused(littered, FindingsError, "is not available")


def test_a_journal_that_origin_does_not_share_is_refused(littered: World) -> None:
    other = littered.clone("other")
    commit = other.project.git("commit-tree", "-m", "rewritten", "HEAD^{tree}")
    other.project.git("push", "--quiet", "--force", "origin", f"{commit}:refs/lastgood/flights")
    refused(littered, RefusedError, "not a continuation")


def test_more_than_the_share_is_refused(littered: World) -> None:
    abandon(littered, "more", "8\n")
    before = contents(littered)
    with pytest.raises(RefusedError, match="more than 10 %"):
        gc.prepare(later(littered), share=10)
    assert contents(littered) == before


def refused(world: World, kind: type[LastgoodError], words: str) -> LastgoodError:
    before = world.snapshot()
    with pytest.raises(kind, match=words) as raised:
        gc.prepare(later(world))
    after = world.snapshot()
    assert {**after, "refs": None} == {**before, "refs": None}
    return raised.value


@pytest.mark.parametrize("step", ["fetch", "survey", "remove", "look again"])
def test_killed_at_any_step_all_versions_are_whole_and_the_next_one_finishes(littered: World, step: str) -> None:
    assert killed_at(step, lambda on_step: collect(littered, on_step))
    assert littered.verify(deep=True).all_findings == ()
    collect(littered)
    assert b"abandoned" not in contents(littered)
    assert dict(restorable(littered)) == MODELS


def test_killed_between_two_removals_no_listing_is_without_its_members(littered: World) -> None:
    """Killed in the worker, as the first object that is no listing goes."""
    plan = gc.prepare(later(littered))
    listings = [one for one in plan.objects if one.md5.endswith(".dir")]
    half = gc.execute(later(littered), replace(plan, objects=tuple(listings)))
    assert len(half.objects) == len(listings) == 2
    assert littered.verify(deep=True).all_findings == ()
    assert len(collect(littered).objects) == 4


def test_what_is_registered_between_showing_and_removing_stays(littered: World) -> None:
    project = later(littered)
    plan = gc.prepare(project)
    littered.project.commit_version(model="abandoned", push=False)
    littered.register("v5.0.0", push_branch=True)
    done = gc.execute(project, plan)
    assert 0 < len(done.objects) < len(plan.objects)
    assert dict(restorable(littered))["v5.0.0"] == "abandoned"


def test_what_is_recorded_while_it_is_removed_is_named(littered: World) -> None:
    other = littered.clone("other", pull=True)
    other.project.commit_version(model="abandoned", push=False)

    def on_step(step: str) -> None:
        if step == "look again":  # its objects were found on the remote right before they went
            git(other.root, "push", "--quiet", "origin", "HEAD:refs/heads/late")

    with pytest.raises(FindingsError, match="must be pushed again") as raised:
        collect(littered, on_step)
    assert "lastgood repair" in raised.value.hint


def test_a_plan_that_origin_outran_is_made_anew(littered: World) -> None:
    plan = gc.prepare(later(littered))
    littered.mark("v3.0.0", "stable")
    assert gc.execute(later(littered), plan).objects == plan.objects
