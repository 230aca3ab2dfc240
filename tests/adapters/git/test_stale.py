import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lastgood.adapters.git import stale
from lastgood.adapters.git.command import Git, GitError
from lastgood.adapters.git.holders import blindness, common, find_holder
from lastgood.adapters.git.stale import mend
from lastgood.adapters.git.transactions import land, publish
from lastgood.errors import LockedError, StaleError
from tests.adapters.git.test_transactions import prepare
from tests.builders import Project, git
from tests.reliability.gitkilling import holding, leave, require_sight

NEEDING = {
    "refs/tags/new.lock": ("update-ref", "refs/tags/new", "HEAD"),
    "packed-refs.lock": ("pack-refs", "--all"),
    "packed-refs.new": ("pack-refs", "--all"),
    "index.lock": ("checkout", "--detach", "HEAD"),
    "HEAD.lock": ("checkout", "--detach", "HEAD"),
    "config.lock": ("config", "user.name", "Grace"),
    "shallow.lock": ("fetch", "--depth=1", "origin", "main"),
}
"""Locks of git, and a command that needs each."""


@pytest.fixture(autouse=True)
def _in_sight(project: Project) -> None:
    require_sight(project.root)


@contextmanager
def at_work(*arguments: str, place: Path, **variables: str) -> Iterator[int]:
    """A living git process, which waits for its input; its number."""
    command = ["git", *arguments, "hash-object", "-w", "--stdin"]
    with subprocess.Popen(
        command, cwd=place, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, **variables}
    ) as process:
        try:
            while not Path(f"/proc/{process.pid}/comm").read_text().startswith("git"):
                time.sleep(0.001)
            yield process.pid
        finally:
            process.kill()


@pytest.mark.parametrize("name", NEEDING)
def test_a_lock_that_nobody_holds_is_removed_by_the_command_that_needs_it(project: Project, name: str) -> None:
    needed, other = leave(project.root / ".git" / name), leave(project.root / ".git/refs/heads/other.lock")
    assert Git(project.root).attempt(*NEEDING[name])[0] == 0
    assert not needed.exists()
    assert not other.exists()


def test_locks_of_an_origin_on_this_machine_are_removed_by_the_push_that_meets_them(project: Project) -> None:
    names = [leave(project.origin / name) for name in ("refs/tags/one.lock", "refs/tags/two.lock", "HEAD.lock")]
    project.commit(push=False)
    push = ("push", "--atomic", "origin", "HEAD:refs/heads/main", "HEAD:refs/tags/one", "HEAD:refs/tags/two")
    assert Git(project.root).attempt(*push, remote="origin")[0] == 0
    assert not [one for one in names if one.exists()]


def test_a_path_that_another_host_names_is_never_looked_at(project: Project) -> None:
    lock = leave(project.root / ".git/refs/tags/new.lock")
    words = f"remote: error: cannot lock ref 'refs/tags/new': Unable to create '{lock}': File exists."
    project.git("remote", "set-url", "origin", "ssh://localhost/origin.git")
    assert not mend(Git(project.root), words, "origin")
    assert not mend(Git(project.root), words)
    assert lock.exists()


def test_only_locks_of_this_repository_are_removed(project: Project) -> None:
    elsewhere = leave(project.base / "elsewhere/index.lock")
    (project.root / ".git/refs/away").symlink_to(elsewhere.parent)
    for path in (elsewhere, project.root / ".git/refs/away/index.lock"):
        assert not mend(Git(project.root), f"fatal: Unable to create '{path}': File exists.")
    assert elsewhere.exists()


def test_a_lock_on_another_host_is_named_with_what_its_host_has_to_do(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssh = project.put("../ssh", '#!/bin/sh\nwhile [ "$1" != elsewhere ]; do shift; done; shift; exec sh -c "$*"\n')
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH", str(ssh))
    project.git("remote", "set-url", "origin", f"ssh://elsewhere{project.origin}")
    lock = leave(project.origin / "refs/tags/flights#prod#1.lock")
    with pytest.raises(StaleError) as caught:
        publish(Git(project.root), prepare(project, "flights#prod#1"), "origin", 20)
    assert caught.value.hint.endswith(f": rm {project.origin}/./refs/tags/flights#prod#1.lock")
    assert lock.exists()


def test_a_fresh_lock_is_given_time(project: Project) -> None:
    lock = leave(project.root / ".git/refs/tags/new.lock", age=0)
    assert Git(project.root).attempt(*NEEDING["refs/tags/new.lock"])[0] == 0
    assert not lock.exists()


def test_a_lock_that_a_living_git_holds_stays_and_its_holder_is_named(project: Project) -> None:
    with holding(project.root, "refs/tags/new") as number:
        before = project.git("for-each-ref")
        with pytest.raises(LockedError, match=rf"refs/tags/new\.lock is there: process {number} \(git update-ref\)"):
            Git(project.root).run("update-ref", "refs/tags/new", "HEAD")
        assert (project.root / ".git/refs/tags/new.lock").exists()
        assert project.git("for-each-ref") == before
    assert Git(project.root).attempt("update-ref", "refs/tags/new", "HEAD")[0] == 0


def test_without_a_remote_nothing_is_recorded_past_a_lock(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stale, "PATIENCE", 0.1)
    monkeypatch.setattr(stale, "OLD_ENOUGH", 0.0)
    prepared = prepare(project, "flights@v1.0.0")
    with holding(project.root, prepared.journal_ref), pytest.raises(LockedError):
        land(Git(project.root), prepared, accepted=False)
    assert land(Git(project.root), prepared, accepted=False)


def test_our_own_readers_do_not_keep_a_lock(project: Project) -> None:
    lock = leave(project.root / ".git/index.lock")
    reading = Git(project.root)
    assert reading.objects.read("HEAD") is not None
    assert find_holder(lock, project.root / ".git") is None


def test_a_git_of_root_does_not_keep_an_ordinary_users_lock(project: Project) -> None:
    """Where root's git works cannot be seen; that it only reads, its command line says."""
    if os.geteuid() != 0:
        pytest.skip("only root can start a process as another user")
    with tempfile.TemporaryDirectory() as place:  # `tmp_path` is root's alone
        Path(place).chmod(0o755)
        lock = leave(Path(place) / "index.lock")
        os.chown(lock, 65534, 65534)
        reading = Git(project.root)
        assert reading.objects.read("HEAD") is not None
        ask = "from lastgood.adapters.git.holders import find_holder as f; from pathlib import Path as P; "
        ask += f"print(f(P({str(lock)!r}), P({place!r})))"
        as_nobody = ["setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-c", ask]
        answer = subprocess.run(as_nobody, capture_output=True, text=True, cwd="/", timeout=60)
    if answer.returncode != 0:
        pytest.skip(f"another user cannot start this Python: {answer.stderr[-200:]}")
    assert "cat-file" not in answer.stdout


def test_every_git_that_works_in_the_repository_may_hold_its_locks(project: Project) -> None:
    repository, tree = project.root / ".git", project.base / "tree"
    lock = leave(repository / "index.lock")
    project.git("worktree", "add", "--quiet", "--detach", str(tree))
    assert common(tree / ".git") == repository
    outside = project.base
    ways: tuple[tuple[tuple[str, ...], Path, dict[str, str]], ...] = (
        ((), project.root / "scripts", {}),
        ((), repository / "refs", {}),
        ((), tree, {}),
        (("-C", str(project.root)), outside, {}),
        ((f"--git-dir={repository}",), outside, {}),
        (("--git-dir", "work/.git"), outside, {}),
        ((), outside, {"GIT_DIR": "work/.git"}),
    )
    for arguments, place, variables in ways:
        with at_work(*arguments, place=place, **variables) as number:
            assert str(find_holder(lock, repository)) == f"process {number} (git hash-object)"
    for place in (project.origin, outside):
        with at_work("--git-dir", str(project.origin), place=place):
            assert find_holder(lock, repository) is None


def test_whoever_has_a_lock_open_holds_it(project: Project) -> None:
    lock = leave(project.root / ".git/index.lock")
    with lock.open() as opened, subprocess.Popen(["sleep", "60"], stdin=opened) as process:
        try:
            assert str(find_holder(lock, project.root / ".git")).startswith(f"process {process.pid} (sleep")
        finally:
            process.kill()
    assert find_holder(lock, project.root / ".git") is None


def test_nothing_is_removed_where_others_may_be_at_work_unseen(tmp_path: Path, project: Project) -> None:
    assert "where another machine may be at work" in str(blindness(Path("/proc")))
    assert "cannot be listed" in str(blindness(tmp_path / "nowhere"))
    point = tmp_path / "foreign"
    point.mkdir()
    done = subprocess.run(["mount", "-t", "ramfs", "ramfs", str(point)], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"needs a file system of its own: {done.stderr.strip()}")
    try:
        (point / "copy").mkdir()
        git(point / "copy", "clone", "--quiet", "--bare", str(project.origin), "bare.git")
        lock = leave(point / "copy/bare.git/packed-refs.lock")
        with pytest.raises(LockedError, match="it is unknown whether a git process holds it: it is on ramfs") as caught:
            Git(lock.parent, git_dir=lock.parent).run("pack-refs", "--all")
        assert caught.value.hint.endswith(f": rm {lock}")
        assert lock.exists()
    finally:
        subprocess.run(["umount", "--lazy", str(point)], check=True)


def test_a_git_that_was_killed_has_given_no_answer(project: Project) -> None:
    with pytest.raises(GitError, match="killed by signal 9"):
        Git(project.root).attempt("-c", "alias.die=!kill -9 $PPID", "die")
