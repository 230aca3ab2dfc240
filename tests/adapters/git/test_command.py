import os
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lastgood.adapters.git.command import Git, GitError, strip_environment
from lastgood.adapters.git.refs import fetch, list_origin
from lastgood.adapters.git.repository import remotes
from lastgood.errors import LastgoodError, UnreachableError
from tests.builders import Project


@pytest.fixture
def silence() -> Iterator[int]:
    """The port of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as server:
        yield int(server.getsockname()[1])


@pytest.mark.parametrize("scheme", ["git", "http"])
def test_a_silent_remote_is_given_up_at_the_deadline(project: Project, silence: int, scheme: str) -> None:
    repository = Git(project.root)
    url = f"{scheme}://127.0.0.1:{silence}/x.git"
    began = time.monotonic()
    with pytest.raises(UnreachableError, match="got no answer within 1 s"):
        list_origin(repository, url, ["refs/tags/*"], 1)
    with pytest.raises(UnreachableError, match="got no answer within 1 s"):
        fetch(repository, url, ["refs/tags/*:refs/tags/*"], 1)
    assert time.monotonic() - began < 10


def test_the_deadline_holds_where_there_is_neither_ps_nor_pgrep(
    project: Project, silence: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in slim images: the transport is a grandchild, and nobody but /proc knows it."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "git").symlink_to(str(shutil.which("git")))
    monkeypatch.setenv("PATH", str(programs))
    began = time.monotonic()
    with pytest.raises(UnreachableError, match="got no answer within 1 s"):
        list_origin(Git(project.root), f"http://127.0.0.1:{silence}/x.git", ["refs/tags/*"], 1)
    assert time.monotonic() - began < 10
    left = [one.read_bytes() for one in Path("/proc").glob("[0-9]*/cmdline") if one.exists()]
    assert not [one for one in left if str(silence).encode() in one]


def test_a_failure_says_gits_words_and_code(project: Project) -> None:
    with pytest.raises(GitError, match=r"git rev-parse failed \(128\): .*absent") as caught:
        Git(project.root).run("rev-parse", "absent")
    assert caught.value.code == 128


def test_bytes_pass_both_ways_unchanged(project: Project) -> None:
    repository = Git(project.root)
    data = bytes(range(256)) * 5000
    oid = repository.run("hash-object", "-w", "--stdin", stdin=data).decode().strip()
    assert repository.run("cat-file", "blob", oid) == data


def test_nothing_that_steers_git_elsewhere_is_inherited_but_credentials_are(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "GIT_DIR",
        "GIT_INDEX_FILE",
        "GIT_WORK_TREE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_SSH_COMMAND",
        "GIT_ASKPASS",
    ):
        monkeypatch.setenv(name, "/elsewhere")
    strip_environment()
    left = {name for name in os.environ if name.startswith("GIT_")}
    assert left == {"GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"}


def test_the_repositorys_own_programs_do_not_run(project: Project, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    project.git("config", "core.fsmonitor", f"touch {ran}; false")
    hooks = project.root / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("reference-transaction", "post-checkout", "pre-push", "post-index-change"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {ran}\n")
        (hooks / name).chmod(0o755)
    Git(project.root).run("status", "--porcelain")
    Git(project.root).run("update-ref", "refs/tags/x", "HEAD")
    assert not ran.exists()


def test_a_machine_without_git_is_told_so(project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LastgoodError, match="git is not installed here"):
        Git(project.root).line("rev-parse", "HEAD")


def test_settings_are_those_of_remotes_and_of_who_commits_as_they_count(project: Project) -> None:
    project.git("config", "--add", "remote.a.b.url", "one\ntwo")
    project.git("config", "remote.pushDefault", "origin")
    project.git("config", "--add", "user.name", "First")
    project.git("config", "--add", "user.name", "Second")
    settings = Git(project.root).settings
    assert settings["remote.a.b.url"] == "one\ntwo"
    assert settings["user.name"] == "Second"
    assert not [key for key in settings if key.startswith("core.")]
    assert remotes(Git(project.root)) == ("a.b", "origin")


def test_git_runs_when_the_user_has_no_room_for_wide_pipes(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux gives each user 64 MiB for all his pipes; root is asked for more than the system's limit instead."""
    monkeypatch.setattr("lastgood.adapters.git.command.PIPE_SIZE", 1 << 31)
    assert Git(project.root).line("rev-parse", "--is-inside-work-tree") == "true"
