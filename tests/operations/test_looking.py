"""What status, verify and diff say, and what adopt, mark, assign and init write."""

import itertools
import socket
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from lastgood.adapters.git import refs
from lastgood.core.config import Config
from lastgood.errors import FindingsError, LastgoodError, RaceError, RefusedError, UnreachableError, UsageError
from lastgood.operations import diff, init
from lastgood.operations.status import Worktree
from lastgood.registry import races
from lastgood.releases import pending
from tests.builders import git
from tests.world import World


def tree(world: World) -> Worktree:
    found = world.status().worktree
    assert found is not None
    return found


def found_by_verify(world: World, *, deep: bool = False) -> list[tuple[str, str]]:
    return sorted((one.kind, one.subject) for one in world.verify(deep=deep).all_findings)


def test_status_names_the_version_that_code_data_and_model_belong_to(story: World) -> None:
    found = tree(story)
    assert (found.version, found.whole, found.branch) == ("flights@v4.0.0", True, "main")
    assert {one.path: one.state for one in found.outputs}["models/model.txt"] == "as recorded"


def test_status_names_the_version_whose_model_lies_beside_other_code(story: World) -> None:
    story.project.put("models/model.txt", "first")
    found = tree(story)
    assert (found.version, found.code) == (None, ("flights@v4.0.0",))
    model = next(one for one in found.outputs if one.path == "models/model.txt")
    assert (model.state, model.versions) == ("changed", ("flights@v1.0.0",))


def test_after_a_bare_git_checkout_status_tells_that_data_and_model_are_another_versions(story: World) -> None:
    story.project.git("checkout", "--quiet", "flights@v1.0.0")
    found = tree(story)
    assert (found.version, found.whole) == (None, False)
    assert [one.versions for one in found.outputs if one.path == "models/model.txt"] == [("flights@v4.0.0",)]


def test_status_sees_missing_outputs_and_dirty_code(story: World) -> None:
    (story.root / "models/model.txt").unlink()
    story.project.put("scripts/train.py", "# mine\n")
    found = tree(story)
    assert found.dirty == ("scripts/train.py",)
    assert [one.path for one in found.outputs if one.state == "missing"] == ["models/model.txt"]


def test_status_between_versions_compares_with_what_the_commit_records(story: World) -> None:
    story.project.commit_version(model="new")
    found = tree(story)
    assert (found.version, found.code) == (None, ())
    assert {one.state for one in found.outputs} == {"as recorded"}


def test_status_reads_what_is_known_here_and_fetches_on_demand(story: World) -> None:
    other = story.clone()
    other.assign("v4.0.0")
    assert story.status().stages[0].assigned == "v3.0.0"
    assert story.status(fetch=True).stages[0].assigned == "v4.0.0"
    story.project.origin.rename(story.project.base / "gone.git")
    assert story.status().stages[0].assigned == "v4.0.0"
    with pytest.raises(UnreachableError):
        story.status(fetch=True)


def come_between(monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str, work: Callable[[], object]) -> None:
    """Do something once, right after a function was called for the first time."""
    really, left = getattr(module, name), [work]

    def called(*arguments: object) -> object:
        answer = really(*arguments)
        if left:
            left.pop()()
        return answer

    monkeypatch.setattr(module, name, called)


def test_a_rollback_between_reading_the_registry_and_what_is_live_is_no_half_of_it(
    story: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.sync()
    come_between(monkeypatch, pending, "read", story.rollback)
    found = story.status()
    assert not found.waits
    assert [(one.assigned, one.live) for one in found.stages] == [("v1.0.0", "v1.0.0")]


@pytest.mark.parametrize("name", ["list_origin", "read_tags"])
def test_what_is_recorded_while_origin_was_asked_is_no_finding(
    story: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    story.sync()
    come_between(monkeypatch, refs, name, story.rollback)
    assert found_by_verify(story) == []


def test_what_is_recorded_here_all_the_time_is_told_as_such(story: World, monkeypatch: pytest.MonkeyPatch) -> None:
    really, marks = refs.list_origin, itertools.cycle(["failed", "stable"])

    def list_origin(*arguments: Any) -> refs.Origin:
        answer = really(*arguments)
        with monkeypatch.context() as patch:
            patch.setattr(refs, "list_origin", really)
            story.mark("v4.0.0", next(marks))
        return answer

    monkeypatch.setattr(refs, "list_origin", list_origin)
    monkeypatch.setattr(races, "ATTEMPTS", 2)
    with pytest.raises(RaceError, match="lost the race against other writers 2 times in a row"):
        story.verify()


def test_status_changes_nothing(story: World) -> None:
    before = story.snapshot()
    story.status()
    assert story.snapshot() == before


def test_tags_that_git_pull_brought_without_their_journal_are_no_finding(story: World) -> None:
    there = story.clone()
    assert there.status().findings == ()
    assert found_by_verify(there) == []


def test_verify_finds_nothing_in_a_sound_world_and_changes_nothing(story: World) -> None:
    before = story.snapshot()
    assert found_by_verify(story, deep=True) == []
    assert story.snapshot() == before


def test_verify_finds_a_moved_tag(story: World) -> None:
    for where in (story.root, story.project.origin):
        git(where, "tag", "-f", "-a", "-m", "moved", "flights@v1.0.0", "flights@v2.0.0^{commit}")
    assert ("moved", "flights@v1.0.0") in found_by_verify(story)


def test_verify_finds_a_deleted_tag(story: World) -> None:
    for where in (story.root, story.project.origin):
        git(where, "tag", "--delete", "flights@v1.0.0", "flights#prod#1")
    assert found_by_verify(story)[:2] == [("deleted", "flights#prod#1"), ("deleted", "flights@v1.0.0")]


def test_verify_finds_a_lost_object_and_a_lost_member_of_a_directory(story: World) -> None:
    story.object_of("first").unlink()
    story.object_of("2\n").unlink()
    found = found_by_verify(story)
    assert ("missing", "models/model.txt") in found
    assert ("missing", "data/raw/b/c.csv") in found
    versions = {one.version for one in story.verify().versions if one.findings}
    assert versions == {"v1.0.0", "v2.0.0"}  # both have that data


def test_verify_finds_a_tag_of_ours_that_no_journal_knows(story: World) -> None:
    body = git(story.root, "cat-file", "tag", "flights#prod#1").replace("flights#prod#1", "flights#prod#77")
    oid = story.project.git("mktag", stdin=body + "\n")
    story.project.git("push", "--quiet", "origin", f"{oid}:refs/tags/flights#prod#77")
    assert ("unjournaled", "flights#prod#77") in found_by_verify(story)


def test_verify_finds_an_order_that_gto_sees_otherwise(story: World) -> None:
    story.project.tag("flights#prod#50", commit="flights@v4.0.0^{commit}", when=1_600_000_000)
    story.project.tag("flights#prod#51", commit="flights@v2.0.0^{commit}", when=4_000_000_000)
    assert ("future", "flights#prod#51") in found_by_verify(story)


def test_deep_finds_a_corrupted_object_that_the_plain_look_cannot_see(story: World) -> None:
    story.corrupt("first")
    assert found_by_verify(story) == []
    assert found_by_verify(story, deep=True) == [("corrupted", "models/model.txt")]


def test_deep_finds_a_release_that_was_changed(story: World) -> None:
    story.sync()
    (story.live / "models").chmod(0o755)
    model = story.live / "models/model.txt"
    model.chmod(0o644)
    model.unlink()
    model.write_text("tampered")
    assert ("changed", "models/model.txt") in found_by_verify(story, deep=True)


def test_verify_cannot_tell_where_history_is_cut_off(story: World) -> None:
    there = story.clone("shallow", depth=1)
    there.project.git("fetch", "--quiet", "origin", "refs/lastgood/*:refs/lastgood/*", "--depth=1")
    there.project.git("remote", "remove", "origin")
    found = there.verify()
    assert found.all_findings == ()
    assert [(one.version, "history is cut off" in one.unknown[0]) for one in found.versions] == [("v4.0.0", True)]


def test_verify_waits_once_for_a_silent_dvc_remote_and_not_for_each_version(story: World) -> None:
    story.settings("[registry]\ndeadline = 4\n")
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/x"
        story.project.put(".dvc/config.local", f"['remote \"storage\"']\n    url = {address}\n")
        began = time.monotonic()
        done = story.verify()
    assert time.monotonic() - began < 2 * 4 + 4
    assert [one.version for one in done.versions if one.unknown] == ["v1.0.0", "v2.0.0", "v3.0.0", "v4.0.0"]


def test_verify_with_a_silent_dvc_remote_cannot_tell(story: World) -> None:
    story.project.put(".dvc/config.local", "['remote \"storage\"']\n    url = ssh://nowhere.invalid/x\n")
    found = story.verify()
    assert all(one.unknown and "nothing was" not in one.unknown[0] for one in found.versions)


def compare(world: World, old: str, new: str) -> diff.Difference:
    return diff.diff(world.open(), f"flights@{old}", f"flights@{new}")


def test_diff_tells_code_data_parameters_metrics_and_environment(story: World) -> None:
    code = {"scripts/more.py": "1\n2\n", "requirements.txt": "numpy==2.0\npandas==2.2\n"}
    story.project.put("requirements.txt", "numpy==1.26\n")
    story.release("v5.0.0", model="fifth", data={"a.csv": "1\n", "same.csv": "s\n", "gone.csv": "g\n"})
    story.release("v6.0.0", model="sixth", data={"a.csv": "2\n", "same.csv": "s\n", "new.csv": "n\n"}, code=code)
    found = compare(story, "v5.0.0", "v6.0.0")
    changes = {one.path: (one.status, one.added, one.removed) for one in found.code}
    assert changes["scripts/more.py"] == ("A", 2, 0)
    data = next(one for one in found.outputs if one.path == "data/raw")
    assert (data.files_added, data.files_removed, data.files_changed) == (("new.csv",), ("gone.csv",), ("a.csv",))
    assert [(one.key, one.old, one.new) for one in found.parameters] == [("params.yaml:model", "fifth", "sixth")]
    assert [(one.name, one.old, one.new) for one in found.environment] == [
        ("numpy", "1.26", "2.0"),
        ("pandas", None, "2.2"),
    ]


def test_diff_of_a_version_with_itself_is_empty(story: World) -> None:
    found = compare(story, "v1.0.0", "v1.0.0")
    assert (found.code, found.outputs, found.parameters, found.metrics, found.environment) == ((), (), (), (), ())


def test_diff_says_which_directory_it_cannot_look_into(story: World) -> None:
    for one in story.objects("../dvc-remote") + story.objects(".dvc/cache"):
        if one.name.endswith(".dir"):
            one.unlink()
    found = compare(story, "v2.0.0", "v3.0.0")
    assert any("data/raw" in word for word in found.warnings)
    assert next(one for one in found.outputs if one.path == "data/raw").files_added is None


def test_adopting_changes_nothing_but_the_journal(world: World) -> None:
    world.project.version("v1.0.0", model="1", mark="stable", stages=["prod"])
    world.project.version("v2.0.0", model="2", stages=["prod", "staging"])
    tags, stages = world.tags(), [(one.stage, one.assigned) for one in world.status().stages]
    done = world.adopt()
    assert sorted(done.tags) == sorted(tags)
    assert world.tags() == tags
    assert [(one.stage, one.assigned) for one in world.status().stages] == stages
    assert world.adopt().tags == ()
    assert found_by_verify(world) == []


def test_what_was_adopted_is_missed_when_it_is_deleted(world: World) -> None:
    world.project.version("v1.0.0", model="1")
    world.adopt()
    for where in (world.root, world.project.origin):
        git(where, "tag", "--delete", "flights@v1.0.0")
    assert ("deleted", "flights@v1.0.0") in found_by_verify(world)


def test_adopting_between_our_own_events_keeps_the_order_by_time(story: World) -> None:
    story.project.assign("v4.0.0", "prod")
    assert story.status().stages[0].assigned == "v4.0.0"
    story.assign("v3.0.0")
    story.adopt()
    assert story.status().stages[0].assigned == "v3.0.0"


def test_marking_the_only_stable_version_failed_warns_that_there_is_no_way_back(world: World) -> None:
    world.release("v1.0.0", model="1", mark="stable")
    done = world.mark("v1.0.0", "failed")
    assert [one.kind for one in done.warnings] == ["stable"]
    assert "a rollback has nowhere to go" in done.warnings[0].message


def test_marking_twice_writes_once(story: World) -> None:
    assert story.mark("v3.0.0", "stable").record.tags == ("flights#stable#6", "flights#stable#7")
    before = story.snapshot()
    assert story.mark("v3.0.0", "stable").fulfilled
    assert story.snapshot() == before


def test_stable_names_the_greatest_stable_version_after_every_mark(story: World) -> None:
    story.mark("v3.0.0", "stable")
    assert story.stage_on_origin("stable") == "v4.0.0"
    story.mark("v4.0.0", "failed")
    assert story.stage_on_origin("stable") == "v3.0.0"


def test_assigning_has_the_preflight_of_a_rollback_and_does_not_switch(story: World) -> None:
    story.sync()
    story.assign("v4.0.0")
    assert story.live_model() == "third"
    story.lose("first")
    before = story.snapshot()
    with pytest.raises(FindingsError, check=lambda error: error.unchanged):
        story.assign("v1.0.0")
    assert story.snapshot() == before


def test_assigning_a_failed_version_is_refused_with_the_way_to_allow_it(story: World) -> None:
    before = story.snapshot()
    with pytest.raises(RefusedError, match=r"v2\.0\.0 is marked failed") as caught:
        story.assign("v2.0.0")
    assert caught.value.hint == "lastgood mark flights@v2.0.0 stable --reason TEXT"
    assert story.snapshot() == before


@pytest.mark.parametrize("stage", ["stable", "failed", "pr od", "a@b", ""])
def test_a_stage_that_cannot_be_is_refused(story: World, stage: str) -> None:
    before = story.snapshot()
    with pytest.raises(UsageError, match="cannot be a stage"):
        story.assign("v4.0.0", stage)
    assert story.snapshot() == before


def test_assigning_twice_or_dry_writes_nothing(story: World) -> None:
    before = story.snapshot()
    assert story.assign("v3.0.0").fulfilled
    assert story.assign("v4.0.0", dry_run=True).former == "v3.0.0"
    assert story.snapshot() == before


def test_init_writes_the_defaults_once_and_says_what_is_there(world: World) -> None:
    done = init.init(world.open())
    assert done.created == ("lastgood.toml", ".git/lastgood/")
    assert done.artifacts == ("flights",)
    assert done.notes == ()
    assert world.open().config == Config()
    before = world.snapshot()
    assert init.init(world.open()).created == ()
    assert world.snapshot() == before


def test_outside_of_a_project_it_is_said_what_is_lacking(world: World) -> None:
    from lastgood.project import Project

    with pytest.raises(LastgoodError, match="is not inside a git working tree") as caught:
        Project.open(world.project.base)
    assert caught.value.exit_code == 10
    git(world.project.base, "init", "--quiet", "bare-git")
    with pytest.raises(LastgoodError, match="without a DVC project") as caught:
        Project.open(world.project.base / "bare-git")
    assert (caught.value.exit_code, caught.value.hint.startswith("dvc init")) == (10, True)
