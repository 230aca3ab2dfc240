import os
from pathlib import Path

import pytest

from lastgood.adapters.git.clone import find_clone
from lastgood.adapters.git.command import Git
from lastgood.adapters.git.repository import (
    Change,
    branch,
    changes,
    dirty_paths,
    dropped,
    has_commit,
    head,
    others,
    projects_at,
    remote_branches_with,
    remotes,
    resolve,
    tree_of,
    unlike,
)
from lastgood.errors import NotAProjectError
from tests.builders import Project, git


def test_a_clone_is_found_from_below_and_says_what_it_is(project: Project) -> None:
    clone = find_clone(project.root / "data")
    assert (clone.root, clone.git_dir, clone.shallow) == (project.root, project.root / ".git", False)
    assert find_clone(project.clone("cut", depth=1).root).shallow
    project.git("worktree", "add", "--quiet", "--detach", str(project.base / "linked"))
    linked = find_clone(project.base / "linked")
    assert linked.root == project.base / "linked"
    assert linked.common_dir == project.root / ".git" != linked.git_dir


def test_outside_of_a_repository_is_no_project(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "bare.git")
    for path in (tmp_path, tmp_path / "absent", tmp_path / "bare.git"):
        with pytest.raises(NotAProjectError, check=lambda error: error.unchanged):
            find_clone(path)


def test_a_directory_that_is_not_there_is_told_from_one_that_is_no_clone(tmp_path: Path) -> None:
    for path, words in ((tmp_path, "not inside a git working tree"), (tmp_path / "absent", "not a directory")):
        with pytest.raises(NotAProjectError, match=words):
            find_clone(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can give a directory away")
def test_another_users_clone_is_told_with_what_git_wants(project: Project) -> None:
    os.chown(project.root, 65534, 65534)
    with pytest.raises(NotAProjectError, match="working tree of another user, which git does not trust") as caught:
        find_clone(project.root)
    assert caught.value.hint == f"git config --global --add safe.directory {project.root}"


def test_revisions_are_resolved_or_are_none(project: Project) -> None:
    repository = Git(project.root)
    commit = project.commit()
    project.tag("flights@v1.0.0")
    assert head(repository) == commit == resolve(repository, "refs/tags/flights@v1.0.0") == resolve(repository, "main")
    assert resolve(repository, "absent") is None
    assert resolve(repository, "--all") is None
    assert tree_of(repository, commit) == project.git("rev-parse", "HEAD^{tree}")
    assert has_commit(repository, commit)
    assert not has_commit(repository, "1" * 40)
    assert remotes(repository) == ("origin",)
    assert remote_branches_with(repository, commit, "origin") == ("origin/main",)
    assert branch(repository) == "main"
    project.git("checkout", "--quiet", "--detach")
    assert branch(repository) is None


def test_a_repository_without_commits_has_no_head(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", ".")
    assert head(Git(tmp_path)) is None


def test_dirty_paths_are_named_as_they_are(project: Project) -> None:
    repository = Git(project.root)
    assert dirty_paths(repository) == ()
    project.put("dvc.yaml", "changed")
    project.put("new dir/ünï\nx", "new")
    project.put("staged", "s")
    project.git("add", "staged")
    project.git("mv", "requirements.txt", "moved.txt")
    assert set(dirty_paths(repository)) == {"dvc.yaml", "new dir/ünï\nx", "staged", "requirements.txt", "moved.txt"}
    assert "new dir/ünï\nx" not in dirty_paths(repository, untracked=False)


def test_what_is_not_as_git_checks_it_out_is_named_and_line_ends_alone_are_nothing_else(project: Project) -> None:
    project.put("scripts/dos.py", "pass\r\n")
    (project.root / "link").symlink_to("params.yaml")
    project.commit("Lines that end as on DOS")
    project.put(".gitattributes", "* text\n")
    project.git("add", ".gitattributes")
    project.git("commit", "--quiet", "--message", "which git would write otherwise")
    here, commit = Git(project.root), project.git("rev-parse", "HEAD")
    project.put("scripts/dos.py", "pass\r\n")
    assert dirty_paths(here) == ("scripts/dos.py",)
    assert unlike(here, commit) == ()
    (project.root / "dvc.yaml").chmod(0o755)
    assert unlike(here, commit) == ("dvc.yaml",)
    project.git("config", "core.filemode", "false")
    (project.root / "scripts/dos.py").chmod(0o755)
    assert unlike(Git(project.root), commit) == ()
    project.put("scripts/dos.py", "edited\r\n")
    project.put("params.yaml", "edited\n")
    (project.root / "scripts/train.py").unlink()
    (project.root / "link").unlink()
    (project.root / "link").symlink_to("dvc.yaml")
    assert sorted(unlike(here, commit)) == ["link", "params.yaml", "scripts/dos.py", "scripts/train.py"]


def test_what_a_commit_has_no_more_and_what_of_it_git_does_not_track(project: Project) -> None:
    project.put("scripts/*.py", "pass\n")
    project.put("models/old.txt", "old\n")
    old = project.commit("Two more")
    project.put("models/.gitignore", "/model.txt\n/old.txt\n")
    project.git("rm", "--quiet", "--cached", "models/old.txt", "scripts/*.py")
    (project.root / "scripts/*.py").unlink()
    new = project.commit("One is ignored")
    here = Git(project.root)
    assert dropped(here, old, new) == ("models/old.txt", "scripts/*.py")
    assert others(here, ["models/old.txt", "scripts/*.py", "params.yaml"]) == ("models/old.txt",)
    assert others(here, []) == ()
    project.put("Params.yaml", "of a file system that knows no case\n")
    assert others(here, ["Params.yaml"]) == ("Params.yaml",)
    project.git("config", "core.ignorecase", "true")
    assert others(Git(project.root), ["Params.yaml"]) == ()


def test_what_two_commits_differ_in(project: Project) -> None:
    old = project.commit()
    project.put("dvc.yaml", "one\n")
    project.put("binary", b"\0\1")
    project.put("tab\tnew\nline", "x\n")
    project.git("rm", "--quiet", "requirements.txt")
    new = project.commit()
    found = {change.path: change for change in changes(Git(project.root), old, new)}
    assert found["binary"] == Change("binary", "A")
    assert found["tab\tnew\nline"] == Change("tab\tnew\nline", "A", 1, 0)
    assert found["requirements.txt"] == Change("requirements.txt", "D", 0, 1)
    assert (found["dvc.yaml"].status, found["dvc.yaml"].added) == ("M", 1)
    assert changes(Git(project.root), old, old) == ()


def test_the_dvc_projects_of_a_commit(project: Project) -> None:
    project.put("teams/air/.dvc/config", "")
    project.put("odd.dvc/config", "")
    assert projects_at(Git(project.root), project.commit()) == (".", "teams/air")
