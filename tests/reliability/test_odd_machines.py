"""Machines that are not as they should be: each says in its own words what is wrong, or nothing is different there."""

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from lastgood.errors import RefusedError
from lastgood.releases import durable
from tests.builders import Project, git
from tests.conftest import isolate
from tests.reliability.hostile_repository import run
from tests.reliability.tracing import require_strace
from tests.world import World

PROGRAM = "import sys; from lastgood.cli.app import main; sys.exit(main())"


@pytest.fixture(scope="module")
def _good(_blank: Project, session_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, session_home)
        world = World(_blank.copy(tmp_path_factory.mktemp("good")))
        world.release("v1.0.0", model="first", mark="stable", stages=["prod"])
        world.release("v2.0.0", model="second", stages=["prod"])
        world.sync()
        return world.project


@pytest.fixture
def world(_good: Project, tmp_path: Path) -> World:
    return World(_good.copy(tmp_path))


def start(
    *arguments: str, at: Path, before: Sequence[str] = (), environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """The program in a process of its own, started by `before`."""
    command = [*before, sys.executable, "-c", PROGRAM, *arguments]
    return subprocess.run(command, cwd=at, capture_output=True, text=True, env={**os.environ, **(environ or {})})


@pytest.mark.parametrize(("answer", "why"), [("error=ENOLCK", "No locks available"), ("retval=0", "a second lock")])
def test_where_locks_do_not_lock_no_command_changes_anything(world: World, answer: str, why: str) -> None:
    require_strace(world.project.base)
    refs, live = world.project.git("for-each-ref"), world.live.readlink()
    host = world.project.base / "host"
    told = ["strace", "-f", "-qq", "-o", os.devnull, "-e", "trace=flock", "-e", f"inject=flock:{answer}"]
    for arguments in (
        ("rollback", "flights", "--from", "v2.0.0", "--reason", "x"),
        ("checkout", "flights@v1.0.0"),
        ("sync", "flights", "--stage", "prod", "--root", str(host), "--repo", f"file://{world.project.origin}"),
    ):
        done = start(*arguments, at=world.root, before=told)
        assert done.returncode == 1, done.stderr
        assert "locks do not work in" in done.stderr
        assert why in done.stderr
        assert "nothing was changed" in done.stderr
    assert (world.project.git("for-each-ref"), world.live.readlink()) == (refs, live)
    assert not (host / "live/flights").exists()


def test_a_broken_git_configuration_is_named_with_its_line(world: World, home: Path) -> None:
    (home / ".gitconfig").write_text("[user]\n\tname = Ada\n[broken\n")
    done = run(world.root, "status")
    assert done.code == 2
    assert "git's configuration cannot be read: bad config line 3 in file" in done.err
    assert "working tree" not in done.err


def test_a_git_that_is_too_old_is_named_with_its_version(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """git 2.30 repeats an option that it does not know, as every git does."""
    real = shutil.which("git")
    old = tmp_path / "old/git"
    old.parent.mkdir()
    old.write_text(
        f'#!/bin/sh\ncase "$*" in\n*--path-format=absolute*) {real} "$@"; echo --path-format=absolute;;\n'
        f'*version*) echo git version 2.30.2;;\n*) exec {real} "$@";;\nesac\n'
    )
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{old.parent}:{os.environ['PATH']}")
    done = run(world.root, "status")
    assert done.code == 1
    assert "git version 2.30.2 is too old: lastgood needs git 2.36 or newer" in done.err


def test_a_repository_of_sha256_objects_is_refused_by_name(tmp_path: Path) -> None:
    """DVC reads git by libgit2 and dulwich, GTO by GitPython: none of them reads such a repository."""
    done = subprocess.run(["git", "init", "-q", "--object-format=sha256", str(tmp_path / "new")], capture_output=True)
    assert done.returncode == 0, done.stderr
    answer = run(tmp_path / "new", "status")
    assert answer.code == 10
    assert "names its objects by sha256, which DVC and GTO cannot read" in answer.err
    assert "--object-format=sha1" in answer.err


def test_without_git_that_is_said(world: World) -> None:
    done = start("status", at=world.root, environ={"PATH": "/nowhere"})
    assert done.returncode == 1
    assert "git is not installed here, or not on PATH" in done.stderr


@pytest.mark.parametrize("most", [4, 5, 6, 7, 8, 10, 12])
def test_too_few_open_files_are_said_and_nothing_else(world: World, most: int) -> None:
    done = start("status", at=world.root, before=["sh", "-c", f'ulimit -n {most}; exec "$@"', "sh"])
    assert "not inside a git working tree" not in done.stderr
    if done.returncode and "lastgood" in done.stderr and "error: " in done.stderr:
        assert "open files" in done.stderr or "Error 24" in done.stderr, done.stderr


def test_a_deleted_current_directory_is_said_and_another_one_can_be_named(world: World) -> None:
    gone = world.project.base / "gone"
    script = f'mkdir {gone} && cd {gone} && rmdir {gone} && exec "$@"'
    done = start("status", at=world.root, before=["sh", "-c", script, "sh"])
    assert done.returncode == 10
    assert "error: the current directory was deleted" in done.stderr
    done = start("-C", str(world.root), "list", at=world.root, before=["sh", "-c", script, "sh"])
    assert done.returncode == 0, done.stderr


def rebasing(world: World) -> None:
    world.project.git("-c", "sequence.editor=sed -i s/^pick/edit/", "rebase", "--quiet", "-i", "HEAD~1")


def bisecting(world: World) -> None:
    world.project.git("bisect", "start")


def merging(world: World) -> None:
    world.project.git("switch", "--quiet", "--create", "side", "HEAD~1")
    world.project.git("commit", "--quiet", "--allow-empty", "--message", "side")
    world.project.git("merge", "--quiet", "--no-commit", "--no-ff", "main")


def picking(world: World) -> None:
    (world.root / ".git/CHERRY_PICK_HEAD").write_text(world.project.git("rev-parse", "HEAD") + "\n")


def applying(world: World) -> None:
    change = "diff --git a/no b/no\n--- a/no\n+++ b/no\n@@ -1 +1 @@\n-x\n+y\n"
    (world.root / "bad.patch").write_text(f"From: A <a@b>\nSubject: x\n\n{change}")
    with pytest.raises(AssertionError):
        git(world.root, "am", "bad.patch")
    (world.root / "bad.patch").unlink()


@pytest.mark.parametrize(
    ("begin", "ending"),
    [
        (rebasing, "git rebase --abort"),
        (bisecting, "git bisect reset"),
        (merging, "git merge --abort"),
        (picking, "git cherry-pick --abort"),
        (applying, "git am --abort"),
    ],
)
def test_a_checkout_amid_what_git_has_begun_is_refused_with_the_command_that_ends_it(
    world: World, begin: object, ending: str
) -> None:
    assert callable(begin)
    begin(world)
    before = world.project.git("status", "--porcelain=v2", "--branch"), world.project.git("rev-parse", "HEAD")
    for save in (False, True):
        with pytest.raises(RefusedError, match="is under way") as caught:
            world.checkout("v1.0.0", save=save)
        assert ending in caught.value.hint
    assert (world.project.git("status", "--porcelain=v2", "--branch"), world.project.git("rev-parse", "HEAD")) == before
    if begin is not picking:
        for command in ending.split(", or "):
            world.project.git(*command.removeprefix("git ").split())
        world.checkout("v1.0.0")


def test_what_another_working_tree_has_begun_is_its_own(world: World) -> None:
    world.project.git("worktree", "add", "--quiet", "--detach", str(world.project.base / "other"), "HEAD")
    git(world.project.base / "other", "bisect", "start")
    world.checkout("v1.0.0")


def writable(place: Path) -> list[str]:
    """Everything below a directory that any other user could write."""
    found = (path for path in [place, *place.rglob("*")] if not path.is_symlink())
    return [f"{stat.filemode(path.stat().st_mode)} {path}" for path in found if path.stat().st_mode & 0o022]


@pytest.mark.parametrize("mask", ["000", "022", "027", "077"])
def test_whatever_the_umask_nobody_else_may_write_what_lastgood_writes(world: World, mask: str) -> None:
    durable.remove_tree(world.place)
    host = world.project.base / "host"
    before = ["sh", "-c", f'umask {mask}; exec "$@"', "sh"]
    for arguments in (
        ("sync", "flights", "--stage", "prod"),
        ("rollback", "flights", "--from", "v2.0.0", "--reason", "x"),
        ("checkout", "flights@v1.0.0"),
        ("sync", "flights", "--stage", "prod", "--root", str(host), "--repo", f"file://{world.project.origin}"),
    ):
        done = start(*arguments, at=world.root, before=before)
        assert done.returncode in {0, 7}, done.stderr
    assert writable(world.place) == []
    assert writable(host) == []
    release = (world.live).resolve()
    assert all(path.stat().st_mode & 0o400 for path in release.rglob("*"))
