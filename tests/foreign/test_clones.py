"""Clones as people and CI have them: cut off, one branch, worktrees, odd paths, hooks, a user's own git settings."""

from pathlib import Path

import pytest

from lastgood.core.events import Mark
from lastgood.core.rollback import Request
from lastgood.errors import FindingsError
from lastgood.operations.assign import assign
from lastgood.operations.checkout import checkout
from lastgood.operations.diff import diff
from lastgood.operations.mark import mark
from lastgood.operations.register import Request as Registration
from lastgood.operations.register import register
from lastgood.operations.rollback import Result, rollback
from lastgood.operations.show import list_versions, show
from lastgood.operations.status import status
from lastgood.operations.sync import sync
from lastgood.operations.verify import verify
from lastgood.project import Project as Opened
from tests.builders import Project, git
from tests.foreign.world import dvc
from tests.peers.peer_tools import gto_show, run

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12\n"


def story(project: Project) -> None:
    """v1.0.0 stable, v1.1.0 in prod; tags made by hand."""
    project.version("v1.0.0", model="good", data={"a.csv": "1\n"}, mark="stable")
    project.version("v1.1.0", model="bad", stages=["prod"])


def model(result: Result) -> str:
    return (Path(str(result.live)) / "models/model.txt").read_text()


@pytest.mark.parametrize("options", [("--depth=1",), ("--single-branch", "--branch=other", "--no-tags")])
def test_a_clone_that_lacks_tags_and_commits_gets_what_it_needs_and_keeps_its_settings(
    project: Project, options: tuple[str, ...]
) -> None:
    project.git("push", "--quiet", "origin", "HEAD:refs/heads/other")
    story(project)
    git(project.base, "clone", "--quiet", *options, f"file://{project.origin}", "cut")
    cut = Project(project.base, "cut", project.clock)
    before = (cut.root / ".git/config").read_text()
    there = Opened.open(cut.root)
    assert model(rollback(there, Request(None, "bad", here=True))) == "good"
    checkout(there, "v1.0.0")
    assert (cut.root / "data/raw/a.csv").read_text() == "1\n"
    assert verify(there).all_findings == ()
    worktree = status(there).worktree
    assert worktree is not None
    assert worktree.version == "flights@v1.0.0"
    assert (cut.root / ".git/config").read_text() == before
    assert (cut.git("rev-parse", "--is-shallow-repository") == "true") == (options == ("--depth=1",))


def test_beside_a_shallow_clone_history_stays_away_and_questions_about_it_have_answers(project: Project) -> None:
    git(project.origin, "config", "uploadpack.allowFilter", "true")
    whole = Opened.open(project.root)
    first = project.commit_version(model="good")
    register(whole, Registration(None, "v1.0.0"))
    between = project.commit("Not a version")
    last = project.version("v1.1.0", model="bad", stages=["prod"])  # nobody journaled it
    git(project.base, "clone", "--quiet", "--depth=1", f"file://{project.origin}", "cut")
    there = Opened.open(project.base / "cut")
    listed = list_versions(there)
    assert (listed.view.warnings, listed.histories[0].findings) == ((), ())
    kinds = there.git.line("cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)")
    assert f"{between} commit" not in kinds
    assert {f"{first} commit", f"{last} commit"} <= {*kinds.splitlines()}
    assert [change.path for change in diff(there, "v1.0.0", "v1.1.0").code] == ["dvc.lock", "params.yaml"]
    assert verify(there).all_findings == ()
    mark(there, "v1.0.0", Mark.STABLE, "a good week")
    assert model(rollback(there, Request(None, "bad", here=True))) == "good"
    assert verify(whole).all_findings == ()
    assert f"{between} commit" not in there.git.line(
        "cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)"
    )
    project.origin.rename(project.base / "gone.git")
    assert show(there, "v1.1.0").manifest is not None
    assert status(there).findings == ()


def test_beside_a_shallow_clone_what_is_not_here_is_said_when_origin_is_gone(project: Project) -> None:
    git(project.origin, "config", "uploadpack.allowFilter", "true")
    story(project)
    git(project.base, "clone", "--quiet", "--depth=1", f"file://{project.origin}", "cut")
    there = Opened.open(project.base / "cut")
    list_versions(there, fetch=True)
    project.origin.rename(project.base / "gone.git")
    shown = show(there, "v1.0.0")
    assert shown.manifest is None
    assert [finding.kind for finding in shown.findings] == ["code"]
    assert "cannot be reached" in shown.findings[0].message
    assert status(there).findings == ()


def test_a_linked_worktree_is_a_working_tree_like_any_other(project: Project) -> None:
    story(project)
    project.git("worktree", "add", "--quiet", "--detach", "../linked", "flights@v1.1.0")
    linked = Project(project.base, "linked", project.clock)
    there = Opened.open(linked.root)
    assert model(rollback(there, Request(None, "bad", here=True))) == "good"
    checkout(there, "v1.0.0")
    assert (linked.root / "models/model.txt").read_text() == "good"
    assert project.git("symbolic-ref", "--short", "HEAD") == "main"
    assert project.git("status", "--porcelain") == ""
    linked.commit_version(model="better", push=False)
    linked.git("push", "--quiet", "origin", "HEAD:refs/heads/next")
    register(there, Registration(None, "v1.2.0"))
    assert gto_show(project).latest == "v1.2.0"


def test_submodules_and_lfs_pointers_are_refused_by_name(project: Project) -> None:
    story(project)
    library = project.base / "library"
    git(project.base, "init", "--quiet", "library")
    git(library, "commit", "--quiet", "--allow-empty", "-m", "begin")
    project.git("submodule", "--quiet", "add", f"file://{library}", "vendor/library")
    project.put(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n")
    project.put("weights.bin", POINTER.format("0" * 64))
    project.commit_version(model="next")
    there = Opened.open(project.root)
    with pytest.raises(FindingsError) as refused:
        register(there, Registration(None, "v1.2.0"))
    assert [finding.subject for finding in refused.value.findings] == ["vendor/library", "weights.bin"]
    project.register("v1.2.0")
    with pytest.raises(FindingsError) as refused:
        assign(there, "flights@v1.2.0", "prod", "go")
    assert [finding.subject for finding in refused.value.findings] == ["vendor/library", "weights.bin"]


def test_a_repository_at_an_odd_path_run_from_a_subdirectory_below_a_hook(
    project: Project, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = project.copy(tmp_path_factory.mktemp("odd") / "my models, ünïcode & 'quotes'")
    odd.version("v1.0.0", model="good", data={"a b/ç\nd.csv": "1\n"}, mark="stable")
    odd.version("v1.1.0", model="bad", stages=["prod"])
    monkeypatch.setenv("GIT_DIR", str(project.root / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(project.root))
    monkeypatch.setenv("GIT_INDEX_FILE", str(project.root / ".git/index.hook"))
    monkeypatch.setenv("GIT_PREFIX", "models/")
    monkeypatch.chdir(odd.root / "models")
    there = Opened.open(Path())
    assert model(rollback(there, Request(None, "bad", here=True))) == "good"
    checkout(there, "v1.0.0")
    assert (odd.root / "data/raw/a b/ç\nd.csv").read_text() == "1\n"
    odd.commit_version(model="better", push=False)
    odd.git("push", "--quiet", "origin", "HEAD:refs/heads/next")
    register(Opened.open(Path("../scripts")), Registration(None, "v1.2.0"))
    machine = Opened.serve(odd.base / "served here", f"file://{odd.origin}")
    assert sync(machine, None, "prod").version.text == "v1.0.0"
    assert verify(there).all_findings == ()
    assert not (project.root / ".git/index.hook").exists()


def test_hooks_that_dvc_installed_do_not_run_for_us(project: Project) -> None:
    story(project)
    with dvc(project) as repo:
        repo.install()
    assert (project.root / ".git/hooks/post-checkout").exists()
    there = Opened.open(project.root)
    rollback(there, Request(None, "bad", here=True))
    checkout(there, "v1.0.0")
    assert (project.root / "models/model.txt").read_text() == "good"
    assert project.git("status", "--porcelain") == ""


SETTINGS = """\
[push]
    followTags = true
    default = nothing
    gpgSign = if-asked
[tag]
    sort = -version:refname
[commit]
    gpgSign = true
[gpg]
    program = /nonexistent/gpg
[core]
    hooksPath = {hooks}
    autocrlf = true
    quotePath = true
    pager = false
[fetch]
    prune = true
    pruneTags = true
[log]
    showSignature = true
    decorate = full
[color]
    ui = always
[status]
    showUntrackedFiles = no
    relativePaths = true
[diff]
    noprefix = true
    external = /nonexistent/diff
[transfer]
    fsckObjects = true
[pull]
    rebase = true
[i18n]
    logOutputEncoding = latin1
"""


def test_a_users_own_git_settings_change_nothing_that_is_written(project: Project, home: Path) -> None:
    with_report(project, b"a\nb\n")
    project.commit_version(model="good")
    there = Opened.open(project.root)
    register(there, Registration(None, "v1.0.0", message="für gut befunden"))
    mark(there, "v1.0.0", Mark.STABLE, "#1 der Liste: größer als vorher")
    project.commit_version(model="bad")
    register(there, Registration(None, "v1.1.0"))

    hooks = home / "hooks"
    hooks.mkdir()
    for name in ("pre-push", "post-checkout", "reference-transaction", "pre-commit"):
        (hooks / name).write_text("#!/bin/sh\necho a hook ran >&2\nexit 1\n")
        (hooks / name).chmod(0o755)
    settings = home / ".gitconfig"
    settings.write_text(settings.read_text() + SETTINGS.format(hooks=hooks))
    git(project.origin, "config", "core.hooksPath", "hooks")  # origin is on another machine
    git(project.base, "-c", f"core.hooksPath={home / 'none'}", "clone", "--quiet", f"file://{project.origin}", "mine")
    mine = Project(project.base, "mine", project.clock)
    assert (mine.root / "scripts/train.py").read_bytes().count(b"\r\n") > 3
    mine.git("-c", f"core.hooksPath={home / 'none'}", "tag", "--no-sign", "-m", "not yet", "mine@v1.0.0")
    run("dvc", "pull", "--quiet", cwd=mine.root)
    here = Opened.open(mine.root)
    assign(here, "flights@v1.1.0", "prod", "go")
    done = rollback(here, Request("flights", "größer", here=True))
    assert model(done) == "good"
    assert (Path(str(done.live)) / "models/report.csv").read_bytes() == b"a\nb\n"
    checkout(here, "flights@v1.0.0")
    assert (mine.root / "models/report.csv").read_bytes() == b"a\r\nb\r\n"
    worktree = status(here).worktree
    assert worktree is not None
    assert (worktree.version, worktree.dirty) == ("flights@v1.0.0", ())
    assert "mine@v1.0.0" not in git(project.origin, "-c", "color.ui=false", "tag")
    assert [event.reason for event in list_versions(here).histories[0].events][1:2] == [
        "#1 der Liste: größer als vorher"
    ]
    assert [finding.kind for finding in verify(here).all_findings] == ["unpublished"]  # the tag that was not pushed


def test_a_version_registered_with_other_line_ends_in_the_working_tree_can_be_restored(project: Project) -> None:
    with_report(project, b"a\r\nb\r\n")
    project.put(".gitattributes", "*.csv text\n")
    project.commit_version(model="good")
    there = Opened.open(project.root)
    register(there, Registration(None, "v1.0.0"))
    project.tag("flights#prod#1")
    assert (sync(there, None, "prod").release.path / "models/report.csv").read_bytes() == b"a\nb\n"
    checkout(there, "v1.0.0")
    assert verify(there).all_findings == ()


def with_report(project: Project, content: bytes) -> None:
    """One more output of the pipeline, which git holds and not DVC's cache."""
    project.put("models/report.csv", content)
    pipeline = (project.root / "dvc.yaml").read_text()
    report = "    - models/report.csv:\n        cache: false\n"
    project.put("dvc.yaml", pipeline.replace("    metrics:", f"{report}    metrics:"))
