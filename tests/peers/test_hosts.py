"""Bare repositories with hooks stand in for hosts: their words reach the user, and a refusal leaves nothing behind."""

from pathlib import Path

import pytest

from lastgood.core.events import Mark
from lastgood.core.rollback import Request
from lastgood.errors import LastgoodError, PushRefusedError
from lastgood.operations.assign import assign
from lastgood.operations.mark import mark
from lastgood.operations.register import Request as Registration
from lastgood.operations.register import register
from lastgood.operations.rollback import rollback
from lastgood.operations.verify import verify
from tests.builders import Project, git
from tests.peers.peer_tools import gto_show, lastgood_show, opened

BRANCHES_AND_TAGS = """\
while read old new ref; do
  case "$ref" in
    refs/heads/*|refs/tags/*) ;;
    *) echo "this host takes branches and tags only, not $ref" >&2; exit 1 ;;
  esac
done
"""
NO_TAGS = 'case "$1" in refs/tags/*) echo "tags are for release managers" >&2; exit 1 ;; esac\n'
SECOND_REF = 'if [ -e "$GIT_DIR/seen" ]; then echo "disk quota exceeded" >&2; exit 1; fi; touch "$GIT_DIR/seen"\n'
DEAD_BEFORE = "kill -9 $PPID\n"
DEAD_AFTER = 'if [ "$1" = committed ]; then kill -9 $PPID; fi\n'


def hook(project: Project, name: str, script: str) -> Path:
    """Make origin a host with a hook."""
    path = project.origin / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}")
    path.chmod(0o755)
    return path


def refs(project: Project) -> tuple[str, str, str]:
    """All refs of the clone and of origin, and what the working tree holds that is not committed."""
    return (
        git(project.root, "for-each-ref", "refs/heads", "refs/tags", "refs/lastgood"),
        git(project.origin, "for-each-ref"),
        git(project.root, "status", "--porcelain"),
    )


@pytest.mark.parametrize(
    ("name", "script", "words"),
    [
        ("pre-receive", BRANCHES_AND_TAGS, "this host takes branches and tags only, not refs/lastgood/flights"),
        ("update", NO_TAGS, "tags are for release managers"),
        ("update", SECOND_REF, "disk quota exceeded"),
        ("pre-receive", DEAD_BEFORE, "remote end hung up"),
    ],
    ids=["other namespaces", "tags", "half-way", "dies"],
)
def test_a_host_that_refuses_is_quoted_and_nothing_stays_behind(
    project: Project, name: str, script: str, words: str
) -> None:
    project.version("v1.0.0", model="good", mark="stable")
    project.version("v1.1.0", model="bad", stages=["prod"])
    project.commit_version(model="next")
    hook(project, name, script)
    there, before = opened(project), refs(project)
    with pytest.raises(LastgoodError, match=words) as refused:
        register(there, Registration("flights", "v1.2.0", push_branch=True))
    assert refused.value.unchanged or "nothing was changed here" in refused.value.message
    assert refs(project) == before
    (project.origin / "seen").unlink(missing_ok=True)
    with pytest.raises(LastgoodError, match=words):
        rollback(there, Request(None, "bad"))
    assert refs(project) == before
    git(project.root, "push", "--quiet", "--follow-tags", "--no-verify", "--dry-run", "origin", "main")
    if name == "pre-receive" and script == BRANCHES_AND_TAGS:
        assert isinstance(refused.value, PushRefusedError)
        assert "refs/heads/lastgood/{artifact}" in refused.value.hint


def test_a_host_that_dies_after_it_took_everything_is_not_called_unchanged(project: Project) -> None:
    project.version("v1.0.0", model="good", mark="stable")
    project.version("v1.1.0", model="bad", stages=["prod"])
    dying = hook(project, "reference-transaction", DEAD_AFTER)
    there = opened(project)
    with pytest.raises(LastgoodError) as cut:
        rollback(there, Request(None, "bad", leaving="v1.1.0"))
    assert "it is unknown whether origin accepted the push" in cut.value.message
    dying.unlink()
    tags = git(project.origin, "for-each-ref", "refs/tags")
    again = rollback(there, Request(None, "bad", leaving="v1.1.0"))
    assert again.plan.fulfilled
    assert git(project.origin, "for-each-ref", "refs/tags") == tags
    assert lastgood_show(there) == gto_show(project)
    assert gto_show(project).stages == {"prod": "v1.0.0", "stable": "v1.0.0", "failed": "v1.1.0"}


def test_with_the_journal_as_a_branch_a_host_of_branches_and_tags_will_do(project: Project) -> None:
    hook(project, "pre-receive", BRANCHES_AND_TAGS)
    project.put("lastgood.toml", '[registry]\njournal = "refs/heads/lastgood/{artifact}"\n')
    project.commit_version(model="one")
    there = opened(project)
    register(there, Registration(version="v1.0.0"))
    mark(there, "v1.0.0", Mark.STABLE, "good")
    project.commit_version(model="two")
    register(there, Registration(version="v2.0.0"))
    assign(there, "v2.0.0", "prod", "go")
    rollback(there, Request(None, "bad"))
    assert git(project.origin, "for-each-ref", "--format=%(refname)", "refs/heads") == (
        "refs/heads/lastgood/flights\nrefs/heads/main"
    )
    assert verify(there).all_findings == ()
    second = opened(project.clone())
    assert verify(second).all_findings == ()
    assert lastgood_show(second) == lastgood_show(there) == gto_show(project)
    mark(second, "v2.0.0", Mark.STABLE, "it was the data")
    assert lastgood_show(there).stages["stable"] == "v2.0.0"
