"""Tags are put back bit for bit, on origin first, and only from what was there when it was looked at."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lastgood.adapters.git.command import Git
from lastgood.adapters.git.refs import read_journal
from lastgood.adapters.git.restoring import Astray, find_astray, push_tags, push_together, put_here, rebuild
from lastgood.core.journal import Entry, Recorded
from lastgood.errors import UnreachableError
from tests.adapters.git.test_transactions import REF, hook, record, refs_of
from tests.builders import Project, git
from tests.reliability.gitkilling import leave, require_sight

NAMES = ("flights@v1.0.0", "flights#prod#1")


@pytest.fixture
def recorded(project: Project) -> list[Astray]:
    """Two recorded tags, as they look to a clone and an origin that have neither."""
    record(project, *NAMES)
    journal = read_journal(Git(project.root), "flights", REF)
    return [Astray(entry, tag, None, None) for entry, tag in journal.recorded]


def forget(directory: Path) -> dict[str, str]:
    """Delete the tags of a repository, telling which there were."""
    there = refs_of(directory)
    for name in NAMES:
        git(directory, "update-ref", "-d", f"refs/tags/{name}")
    return there


def test_lost_tags_come_back_from_the_journal_alone(project: Project, recorded: list[Astray]) -> None:
    whole = forget(project.origin)
    git(project.base, "init", "--quiet", "--bare", "other.git")
    bare = project.base / "other.git"
    there = Git(bare, git_dir=bare)
    git(there.directory, "fetch", "--quiet", f"file://{project.origin}", f"{REF}:{REF}")
    assert [rebuild(there, one) for one in recorded] == [True, True]
    assert [rebuild(there, one) for one in recorded] == [True, True]
    assert not rebuild(there, Astray(recorded[0].entry, Recorded("f" * 40, NAMES[0]), None, None))
    put_here(there, recorded)
    assert refs_of(there.directory) == whole
    assert push_tags(there, f"file://{project.origin}", recorded, 20) == {}
    assert refs_of(project.origin) == whole


def test_what_moved_since_it_was_looked_at_stays(project: Project, recorded: list[Astray]) -> None:
    here = refs_of(project.root)
    project.git("tag", "--force", "--annotate", "--message=moved", NAMES[0], "HEAD")
    project.git("push", "--quiet", "--force", "origin", f"refs/tags/{NAMES[0]}")
    git(project.origin, "update-ref", "-d", f"refs/tags/{NAMES[1]}")
    moved = refs_of(project.root)[f"refs/tags/{NAMES[0]}"]
    refused = push_tags(Git(project.root), "origin", recorded, 20)
    assert list(refused) == [NAMES[0]]
    assert "stale info" in refused[NAMES[0]]
    assert refs_of(project.origin)[f"refs/tags/{NAMES[1]}"] == here[f"refs/tags/{NAMES[1]}"]
    put_here(Git(project.root), recorded)
    assert refs_of(project.root)[f"refs/tags/{NAMES[0]}"] == moved
    seen = [Astray(one.entry, one.recorded, moved, moved) for one in recorded[:1]]
    assert seen[0].is_moved_there
    assert push_tags(Git(project.root), "origin", seen, 20) == {}
    put_here(Git(project.root), seen)
    assert refs_of(project.root) == here == refs_of(project.origin)


def test_of_refs_that_go_together_all_are_taken_or_none(project: Project, recorded: list[Astray]) -> None:
    whole = forget(project.origin)
    wanted = {f"refs/tags/{one.name}": one.recorded.oid for one in recorded}
    hook(project, "update", 'case "$1" in *prod*) echo no >&2; exit 1;; esac')
    assert "hook declined" in push_together(Git(project.root), "origin", wanted, 20)
    assert set(refs_of(project.origin)) == {REF}
    (project.origin / "hooks/update").unlink()
    assert push_together(Git(project.root), "origin", wanted, 20) == ""
    assert refs_of(project.origin) == whole


def one_by_one(git: Git, recorded: list[Astray], deadline: float) -> object:
    return push_tags(git, "origin", recorded, deadline)


def together(git: Git, recorded: list[Astray], deadline: float) -> object:
    return push_together(git, "origin", {f"refs/tags/{one.name}": one.recorded.oid for one in recorded}, deadline)


@pytest.mark.parametrize("push", [one_by_one, together])
@pytest.mark.parametrize("how", ["gone", "silent"])
def test_an_origin_that_does_not_answer_is_told(
    project: Project, recorded: list[Astray], how: str, push: Callable[..., object]
) -> None:
    forget(project.origin)
    hook(project, "pre-receive", "exec sleep 60")
    if how == "gone":
        project.origin.rename(project.base / "gone.git")
    with pytest.raises(UnreachableError, match="origin cannot be reached"):
        push(Git(project.root), recorded, 20 if how == "gone" else 0.5)


@pytest.mark.parametrize("push", [one_by_one, together])
def test_the_lock_of_a_killed_git_on_origin_is_in_nobodys_way(
    project: Project, recorded: list[Astray], push: Callable[..., object]
) -> None:
    require_sight(project.origin)
    whole = forget(project.origin)
    for name in NAMES:
        leave(project.origin / f"refs/tags/{name}.lock")
    assert not push(Git(project.root), recorded, 20)
    assert refs_of(project.origin) == whole


def test_astray_is_what_is_not_as_recorded_here_or_there() -> None:
    entry, tag = Entry("c", ()), Recorded("1" * 40, "flights#prod#1")
    ref = f"refs/tags/{tag.name}"
    there, moved = {ref: tag.oid}, {ref: "2" * 40}
    for here, origin in ((there, there), (there, None)):
        assert find_astray([(entry, tag)], here, origin) == []
    assert find_astray([(entry, tag)], {}, None) == [Astray(entry, tag, None, tag.oid)]
    assert find_astray([(entry, tag)], moved, there) == [Astray(entry, tag, "2" * 40, tag.oid)]
    assert find_astray([(entry, tag)], there, moved) == [Astray(entry, tag, tag.oid, "2" * 40)]
    (lost,) = find_astray([(entry, tag)], there, {})
    assert (lost.there, lost.is_moved_there, lost.name) == (None, False, tag.name)
