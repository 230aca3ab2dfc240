"""The working tree for an engineer: equal to the manifest in the end, nobody's work lost, never silent in between."""

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lastgood.cli.app import main
from lastgood.errors import FindingsError, LastgoodError, LockedError, RefusedError, UnfinishedError, UnknownError
from tests.builders import git
from tests.reliability.gitkilling import holding
from tests.reliability.tracing import require_strace, traced
from tests.world import World, forget, killed_at


def assert_holds(world: World, version: str, model: str) -> None:
    """The working tree is that version, seen without lastgood."""
    commit = git(world.project.origin, "rev-parse", f"flights@{version}^{{commit}}")
    assert world.project.git("rev-parse", "HEAD") == commit
    assert world.project.git("status", "--porcelain") == ""
    assert (world.root / "models/model.txt").read_text() == model
    with world.project.dvc() as repo:
        assert repo.status() == {}
    assert not (world.place / "checkout.json").exists()


def refused(world: World, version: str, words: str, error: type[LastgoodError] = RefusedError) -> None:
    before = world.snapshot()
    with pytest.raises(error, match=words):
        world.checkout(version)
    assert world.snapshot() == before


def test_code_data_and_model_are_the_versions(story: World) -> None:
    done = story.checkout("v1.0.0")
    assert (done.changed, done.resumed) == (True, False)
    assert_holds(story, "v1.0.0", "first")
    assert sorted(one.relative_to(story.root).as_posix() for one in (story.root / "data/raw").rglob("*.csv")) == [
        "data/raw/a.csv",
        "data/raw/b/c.csv",
    ]
    for output in done.manifest.outputs:
        if not output.is_directory:
            assert hashlib.sha256((story.root / output.path).read_bytes()).hexdigest() == output.sha256


def test_there_and_back_again(story: World) -> None:
    before = story.snapshot()["tree"]
    story.checkout("v1.0.0")
    story.checkout("v4.0.0")
    assert_holds(story, "v4.0.0", "fourth")
    assert story.snapshot()["tree"] == before


def test_said_twice_the_second_time_changes_nothing(story: World) -> None:
    story.checkout("v1.0.0")
    before = story.snapshot()
    assert not story.checkout("v1.0.0").changed
    assert story.snapshot() == before


def test_outputs_that_are_gone_are_put_back(story: World) -> None:
    story.checkout("v1.0.0")
    (story.root / "models/model.txt").unlink()
    assert story.checkout("v1.0.0").changed
    assert_holds(story, "v1.0.0", "first")


def test_what_dvc_remembers_of_half_a_version_is_made_anew(story: World) -> None:
    """As an error leaves it that meets DVC while it writes its data index."""
    story.checkout("v1.0.0")
    story.checkout("v4.0.0")
    with story.project.dvc() as repo:
        for _, tree in list(repo.data_index.ls(("tree",), detail=False)):
            repo.data_index.delete_node(("tree", tree, "repo", "data", "raw"))
        repo.data_index.commit()
    story.checkout("v1.0.0")
    assert_holds(story, "v1.0.0", "first")


def test_a_git_that_fails_when_files_have_changed_already_is_no_refusal(story: World) -> None:
    with holding(story.root, "HEAD"), pytest.raises(UnfinishedError, match=r"between .* and flights v1\.0\.0"):
        story.checkout("v1.0.0")
    assert (story.place / "checkout.json").exists()
    assert story.checkout("v1.0.0").resumed
    assert_holds(story, "v1.0.0", "first")


def test_a_dry_run_changes_nothing(story: World) -> None:
    before = story.snapshot()
    assert story.checkout("v1.0.0", dry_run=True).dry_run
    assert story.snapshot() == before


def test_what_the_cache_lacks_is_fetched(story: World) -> None:
    forget(story)
    story.checkout("v1.0.0")
    assert_holds(story, "v1.0.0", "first")


def test_an_edited_file_is_not_lost(story: World) -> None:
    story.project.put("scripts/train.py", "# mine\n")
    refused(story, "v1.0.0", r"changes that would be lost: scripts/train\.py")


def test_a_staged_file_is_not_lost(story: World) -> None:
    story.project.put("scripts/new.py", "# mine\n")
    story.project.git("add", "scripts/new.py")
    refused(story, "v1.0.0", r"changes that would be lost: scripts/new\.py")


def test_an_untracked_file_in_the_way_is_not_lost(story: World) -> None:
    story.release("v5.0.0", model="fifth", code={"scripts/more.py": "# theirs\n"})
    story.checkout("v1.0.0")
    story.project.put("scripts/more.py", "# mine\n")
    refused(story, "v5.0.0", r"untracked files are in the way: scripts/more\.py")


def test_an_untracked_file_that_is_not_in_the_way_stays(story: World) -> None:
    story.project.put("notes.txt", "mine")
    story.checkout("v1.0.0")
    assert (story.root / "notes.txt").read_text() == "mine"


def test_an_ignored_file_in_the_way_is_not_lost(story: World) -> None:
    story.release("v5.0.0", model="fifth", code={"scripts/more.py": "# theirs\n"})
    story.checkout("v1.0.0")
    story.project.put(".git/info/exclude", "/scripts/more.py\n")
    story.project.put("scripts/more.py", "# mine\n")
    with pytest.raises(RefusedError, check=lambda error: error.unchanged):
        story.checkout("v5.0.0")
    assert (story.root / "scripts/more.py").read_text() == "# mine\n"
    assert story.status().worktree.interrupted is None  # type: ignore[union-attr]  # there is a working tree


def test_an_edited_model_is_not_lost(story: World) -> None:
    story.project.put("models/model.txt", "mine")
    refused(story, "v1.0.0", r"outputs were edited and not recorded: models/model\.txt")


@pytest.mark.parametrize("wanted", ["v1.0.0", "v3.0.0", "v4.0.0"])
def test_git_checkout_without_dvc_checkout_is_mended_and_nothing_called_an_edit(story: World, wanted: str) -> None:
    story.project.git("checkout", "--quiet", "flights@v1.0.0")
    assert (story.root / "models/model.txt").read_text() == "fourth"
    content = {"v1.0.0": "first", "v3.0.0": "third", "v4.0.0": "fourth"}[wanted]
    story.checkout(wanted)
    assert_holds(story, wanted, content)


def test_another_versions_data_with_a_file_of_ones_own_is_not_lost(story: World) -> None:
    story.project.git("checkout", "--quiet", "flights@v1.0.0")
    story.project.put("data/raw/new.csv", "mine")
    refused(story, "v3.0.0", "outputs were edited and not recorded: data/raw")


def test_a_file_added_to_a_data_directory_is_not_lost(story: World) -> None:
    story.project.put("data/raw/new.csv", "mine")
    refused(story, "v1.0.0", "outputs were edited and not recorded: data/raw")


def test_a_missing_object_is_refused_before_anything_changes(story: World) -> None:
    story.lose("first")
    story.lose("2\n")
    refused(story, "v1.0.0", r"cannot be restored: 2 findings", FindingsError)


def test_a_corrupted_object_is_fetched_again(story: World) -> None:
    story.corrupt("first")
    story.checkout("v1.0.0")
    assert_holds(story, "v1.0.0", "first")


def test_a_corrupted_object_that_the_remote_lost_is_refused_before_anything_changes(story: World) -> None:
    story.corrupt("first")
    story.object_of("first").unlink()
    refused(story, "v1.0.0", "corrupted|missing|neither", FindingsError)


def test_an_unknown_version_is_refused_by_name(story: World) -> None:
    refused(story, "v9.9.9", r"flights has no version v9\.9\.9", UnknownError)


@pytest.mark.parametrize("step", ["code", "outputs", "prove"])
def test_killed_between_its_steps_status_names_the_state_and_the_same_command_finishes(story: World, step: str) -> None:
    assert killed_at(step, lambda on_step: story.checkout("v1.0.0", on_step=on_step))
    found = story.status().worktree
    assert found is not None
    assert found.interrupted == "flights@v1.0.0"
    assert not found.whole
    assert story.checkout("v1.0.0").resumed
    assert_holds(story, "v1.0.0", "first")
    found = story.status().worktree
    assert found is not None
    assert (found.version, found.interrupted) == ("flights@v1.0.0", None)


def test_after_an_interruption_another_version_can_be_checked_out_too(story: World) -> None:
    assert killed_at("outputs", lambda on_step: story.checkout("v1.0.0", on_step=on_step))
    story.checkout("v4.0.0")
    assert_holds(story, "v4.0.0", "fourth")


def test_after_an_interruption_and_a_checkout_by_hand_what_lies_there_is_nobodys_work(story: World) -> None:
    assert killed_at("outputs", lambda on_step: story.checkout("v1.0.0", on_step=on_step))
    story.project.git("checkout", "--quiet", "--force", "flights@v3.0.0")
    with story.project.dvc() as repo:
        repo.checkout(force=True)
    for one in story.objects(".dvc/cache"):
        if one.read_bytes() == b"third":
            one.unlink()
    story.checkout("v1.0.0")
    assert_holds(story, "v1.0.0", "first")


def die_at_output(number: int) -> Callable[[str, tuple[object, ...]], None]:
    """An audit hook that kills this process before its `number`-th change to an output."""
    left = number

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        paths = [str(one) for one in arguments if isinstance(one, str | os.PathLike)]
        if event in {"os.rename", "os.link", "os.remove", "os.symlink", "shutil.copyfile"} and any(
            "/data/raw" in one or "/models/" in one for one in paths
        ):
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return hook


@pytest.mark.parametrize("number", [2, 5, 8])
def test_killed_while_outputs_are_replaced_the_same_command_finishes(story: World, number: int) -> None:
    child = os.fork()
    if child == 0:
        signal.alarm(120)  # a child that hangs fails its test instead of stopping the suite
        try:
            sys.addaudithook(die_at_output(number))
            story.checkout("v1.0.0")
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    assert story.status().worktree.interrupted == "flights@v1.0.0"  # type: ignore[union-attr]  # there is a working tree
    story.checkout("v1.0.0")
    assert_holds(story, "v1.0.0", "first")


def test_files_that_dvc_had_begun_are_neither_somebodys_work_nor_left_behind(story: World) -> None:
    assert killed_at("outputs", lambda on_step: story.checkout("v1.0.0", on_step=on_step))
    story.project.put("models/model.txt", "fi")
    story.project.put("models/.kxjKJGKWMtq1rvzofk-yCg.tmp", "fir")
    story.project.put("data/raw/b/.IyUe0BricMS4cx1qRbzg6g.tmp", "")
    story.checkout("v1.0.0")
    assert_holds(story, "v1.0.0", "first")
    assert list(story.root.rglob("*.tmp")) == []


def test_work_done_after_an_interruption_is_refused_and_not_lost(story: World) -> None:
    assert killed_at("outputs", lambda on_step: story.checkout("v1.0.0", on_step=on_step))
    story.project.put("scripts/train.py", "# mine, made since\n")
    with pytest.raises(RefusedError, match=r"scripts/train\.py"):
        story.checkout("v1.0.0")
    assert (story.root / "scripts/train.py").read_text() == "# mine, made since\n"
    assert story.status().worktree.interrupted == "flights@v1.0.0"  # type: ignore[union-attr]  # there is a working tree


def test_outputs_edited_after_an_interruption_are_refused_and_not_lost(story: World) -> None:
    assert killed_at("outputs", lambda on_step: story.checkout("v1.0.0", on_step=on_step))
    story.project.put("models/model.txt", "mine, made since")
    story.project.put("data/raw/mine.csv", "mine")
    with pytest.raises(RefusedError, match=r"data/raw, models/model\.txt|models/model\.txt, data/raw"):
        story.checkout("v1.0.0")
    assert (story.root / "models/model.txt").read_text() == "mine, made since"
    assert (story.root / "data/raw/mine.csv").read_text() == "mine"


def test_an_index_lock_that_a_dead_git_left_is_no_obstacle_to_finishing(story: World) -> None:
    assert killed_at("code", lambda on_step: story.checkout("v1.0.0", on_step=on_step))
    (story.root / ".git/index.lock").touch()
    story.checkout("v1.0.0")
    assert_holds(story, "v1.0.0", "first")


def test_somebody_elses_index_lock_is_respected(story: World) -> None:
    lock, before = story.root / ".git/index.lock", story.snapshot()
    command = ["git", "-c", "core.editor=cat #", "commit", "--all", "--allow-empty"]
    with subprocess.Popen(command, cwd=story.root, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        while not lock.exists():
            assert process.poll() is None
        with pytest.raises(LockedError, match=r"index\.lock is there: process .* \(git commit\)"):
            story.checkout("v1.0.0")
        assert lock.exists()
        assert story.snapshot() == before
        process.kill()
    story.checkout("v1.0.0")
    assert_holds(story, "v1.0.0", "first")


def test_a_checkout_that_fails_half_way_says_so_and_is_finished_by_the_same_command(story: World) -> None:
    def lose(step: str) -> None:
        if step == "outputs":
            story.object_of("first", ".dvc/cache").unlink()

    with pytest.raises(UnfinishedError, match=r"the working tree is between .* and flights v1\.0\.0") as caught:
        story.checkout("v1.0.0", on_step=lose)
    assert caught.value.hint == "lastgood checkout flights@v1.0.0"
    assert story.status().worktree.interrupted == "flights@v1.0.0"  # type: ignore[union-attr]  # there is a working tree
    story.checkout("v1.0.0")
    assert_holds(story, "v1.0.0", "first")


def test_in_a_shallow_clone_the_one_commit_is_brought(story: World) -> None:
    there = story.clone("shallow", depth=1)
    config = (there.root / ".git/config").read_text()
    there.checkout("v1.0.0")
    assert_holds(there, "v1.0.0", "first")
    assert (there.root / ".git/config").read_text() == config
    assert there.project.git("rev-parse", "--is-shallow-repository") == "true"
    assert there.status().worktree.version == "flights@v1.0.0"  # type: ignore[union-attr]  # there is a working tree


def test_git_checkout_and_dvc_pull_give_the_same_bytes(story: World) -> None:
    plain = story.clone("plain")
    plain.project.git("checkout", "--quiet", "flights@v1.0.0")
    with plain.project.dvc() as repo:
        repo.pull()
    story.checkout("v1.0.0")
    assert plain.snapshot()["tree"] == story.snapshot()["tree"]


def test_an_adopted_version_without_a_manifest_is_checked_out_by_what_dvc_recorded(world: World) -> None:
    world.project.version("v1.0.0", model="one")
    world.project.version("v2.0.0", model="two")
    world.checkout("v1.0.0")
    assert_holds(world, "v1.0.0", "one")


def test_a_commit_whose_files_name_a_place_outside_does_not_make_dvc_write_there(story: World) -> None:
    model = story.object_of("first", ".dvc/cache")
    victim = story.project.base / "victim" / "profile"
    victim.parent.mkdir()
    victim.write_text("mine")
    md5 = model.parent.name + model.name
    story.project.put("x.dvc", f"wdir: {victim.parent}\nouts:\n- md5: {md5}\n  size: 5\n  hash: md5\n  path: profile\n")
    story.project.commit("Mean")
    story.project.register("v9.0.0")
    story.project.git("rm", "--quiet", "x.dvc")
    story.project.commit("Clean")
    with pytest.raises(LastgoodError, match="outside of the project"):
        story.checkout("v9.0.0")
    assert victim.read_text() == "mine"


def test_a_version_does_not_choose_the_cache(story: World) -> None:
    config = story.root / ".dvc/config"
    trusted = config.read_text()
    config.write_text(trusted + f"[cache]\n    dir = {story.project.base}/elsewhere\n")
    story.project.commit("Elsewhere")
    story.project.register("v9.0.0")
    story.project.git("checkout", "--quiet", "HEAD~1")
    story.checkout("v9.0.0")
    assert (story.root / "models/model.txt").read_text() == "fourth"
    assert not (story.project.base / "elsewhere").exists()


def test_an_ignored_file_made_after_an_interruption_is_not_lost(story: World) -> None:
    """git, made to finish by force, asks nobody about it."""
    story.release("v5.0.0", model="fifth", code={"scripts/more.py": "# theirs\n"})
    story.checkout("v1.0.0")
    assert killed_at("code", lambda on_step: story.checkout("v5.0.0", on_step=on_step))
    story.project.put(".git/info/exclude", "/scripts/more.py\n")
    story.project.put("scripts/more.py", "# mine\n")
    with pytest.raises(RefusedError, match=r"untracked files are in the way: scripts/more\.py"):
        story.checkout("v5.0.0")
    assert (story.root / "scripts/more.py").read_text() == "# mine\n"


@pytest.mark.parametrize("everybody", [False, True])
def test_a_file_that_git_can_neither_replace_nor_remove_is_no_success(
    story: World, tmp_path: Path, *, everybody: bool
) -> None:
    require_strace(tmp_path)
    story.release("v5.0.0", model="fifth", code={"scripts/only.py": "pass\n", "scripts/mine.py": "pass\n"})
    only, mine = story.root / "scripts/only.py", story.root / "scripts/mine.py"
    paths = ["params.yaml", "scripts/only.py", *([str(only)] if everybody else [])]

    def check_out() -> int:
        return main(["-C", str(story.root), "checkout", "flights@v1.0.0"])

    broken = [f"-P{path}" for path in paths]
    assert traced(check_out, "-e", "trace=unlink", *broken, "-e", "inject=unlink:error=EIO") == 7
    assert story.project.git("rev-parse", "HEAD") == story.project.git("rev-parse", "flights@v1.0.0^{}")
    assert only.exists() is everybody
    assert not mine.exists()
    tree = story.status().worktree
    assert tree is not None
    assert tree.interrupted == "flights@v1.0.0"
    done = story.checkout("v1.0.0")
    assert done.resumed
    assert not only.exists()
    assert story.project.git("status", "--porcelain") == ""
