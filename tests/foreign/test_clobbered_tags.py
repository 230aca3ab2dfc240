"""Clones whose tags are not origin's: clobbered by CI's checkout, kept although origin's were moved, or missing. What
origin has counts for events that no journal records, and the disagreement is told."""

from pathlib import Path

import pytest

from lastgood.core.rollback import Request
from lastgood.errors import FindingsError
from lastgood.operations.repair import repair
from lastgood.operations.repair.objects import Reach
from lastgood.operations.rollback import rollback
from lastgood.operations.show import list_versions
from lastgood.operations.status import status
from lastgood.operations.sync import sync
from lastgood.operations.verify import verify
from lastgood.project import Project as Opened
from lastgood.registry.view import read
from tests.builders import Project, git


@pytest.fixture
def ci(project: Project) -> Project:
    """v1.0.0 stable, v1.1.0 assigned to prod after it, by hand as gto does; and a full clone as CI's."""
    project.version("v1.0.0", model="good", mark="stable", stages=["prod"])
    project.version("v1.1.0", model="new", mark="stable", stages=["prod"])
    project.version("v1.2.0", model="bad", stages=["staging"])
    return project.clone("ci")


def clobber(clone: Project, name: str) -> None:
    """What the checkout action did before 2026: `+COMMIT:refs/tags/NAME`, a lightweight tag in the event's place."""
    commit = clone.git("rev-parse", f"refs/tags/{name}^{{commit}}")
    clone.git("fetch", "--quiet", "--no-tags", "origin", f"+{commit}:refs/tags/{name}")
    assert clone.git("cat-file", "-t", f"refs/tags/{name}") == "commit"


def newest(clone: Project, stage: str) -> str:
    return max(clone.git("tag", "--list", f"flights#{stage}#*").split(), key=lambda name: int(name.rpartition("#")[2]))


def differing(there: Opened, *, fetch: bool = True) -> list[str]:
    history = read(there, fetch=fetch).registry.history("flights")
    return [one.subject for one in history.findings if one.kind == "differs"]


def live_model(there: Opened, stage: str = "prod") -> str:
    return (there.place.live_link("flights", stage) / "models/model.txt").read_text()


def test_a_clobbered_assignment_does_not_win_over_origin(ci: Project) -> None:
    name = newest(ci, "prod")
    clobber(ci, name)
    there = Opened.open(ci.root)
    assert list_versions(there, fetch=True).histories[0].assigned["prod"].version == "v1.1.0"
    assert sync(there, "flights", "prod").version.text == "v1.1.0"
    assert live_model(there) == "new"
    assert ("differs", name) in [(one.kind, one.subject) for one in verify(there).all_findings]
    assert rollback(there, Request(None, "bad", leaving="v1.1.0")).plan.target.text == "v1.0.0"
    assert live_model(there) == "good"


def test_commands_that_do_not_ask_origin_go_by_what_it_had(ci: Project) -> None:
    name = newest(ci, "prod")
    clobber(ci, name)
    there = Opened.open(ci.root)
    told = read(there, fetch=False).registry.history("flights").findings
    assert [(one.kind, one.subject) for one in told] == [("unread", name)]  # origin was never asked
    assert differing(there) == [name]
    assert differing(there, fetch=False) == [name]
    assert [one.assigned for one in status(there).stages if one.stage == "prod"] == ["v1.1.0"]
    done = rollback(there, Request(None, "git is down", leaving="v1.1.0", offline=True))
    assert done.plan.target.text == "v1.0.0"


def test_a_clobbered_version_is_still_a_version(ci: Project) -> None:
    clobber(ci, "flights@v1.1.0")
    there = Opened.open(ci.root)
    assert sync(there, "flights", "prod").version.text == "v1.1.0"
    assert live_model(there) == "new"


@pytest.mark.parametrize("where", ["clone", "host"])
def test_a_tag_that_was_moved_on_origin_counts_as_origin_has_it(ci: Project, tmp_path: Path, where: str) -> None:
    there = Opened.open(ci.root) if where == "clone" else Opened.serve(tmp_path / "host", f"file://{ci.origin}")
    if where == "host":
        (tmp_path / "host/.dvc").mkdir()
        (tmp_path / "host/.dvc/config").write_text(f"[core]\n remote = s\n['remote \"s\"']\n url = {ci.remote}\n")
    sync(there, "flights", "prod")
    name = newest(ci, "prod")
    git(ci.origin, "tag", "--force", "--annotate", "--message", "moved", name, "flights@v1.2.0^{commit}")
    assert sync(there, "flights", "prod").version.text == "v1.2.0"
    assert differing(there) == [name]
    found = next(one for one in read(there, fetch=False).registry.history("flights").findings if one.kind == "differs")
    command = found.message.rpartition("(")[2].rstrip(")").replace("'", "").split()
    git(ci.root, *command[1:])  # the command that it names ends the disagreement
    assert differing(there) == []


@pytest.mark.parametrize("how", ["lightweight", "deleted"])
def test_a_version_that_origin_cannot_vouch_for_is_not_made_live(ci: Project, how: str) -> None:
    there = Opened.open(ci.root)
    sync(there, "flights", "prod")
    if how == "lightweight":
        git(ci.origin, "tag", "--force", "flights@v1.1.0", "flights@v1.1.0^{commit}")
    else:
        git(ci.origin, "tag", "--delete", "flights@v1.1.0")
    assert sync(there, "flights", "prod").changed is False  # no older assignment takes its place
    assert live_model(there) == "new"
    fresh = Opened.open(ci.clone("second").root)
    if how == "lightweight":
        git(
            fresh.place.root.parent,
            "fetch",
            "--quiet",
            str(ci.root),
            "+refs/tags/flights@v1.1.0:refs/tags/flights@v1.1.0",
        )
        with pytest.raises(FindingsError, match="gone on origin"):
            sync(fresh, "flights", "prod")
        assert not fresh.place.live_link("flights", "prod").exists()
    assert "withdrawn" in [one.kind for one in verify(there).all_findings]


def test_a_tag_that_cannot_be_written_here_counts_all_the_same(ci: Project) -> None:
    name = newest(ci, "prod")
    ci.git("tag", "--delete", name)
    ci.git("update-ref", f"refs/tags/{name}/in-the-way", "HEAD")
    there = Opened.open(ci.root)
    assert sync(there, "flights", "prod").version.text == "v1.1.0"
    assert differing(there) == [name]


def test_repair_puts_the_tags_of_origin_in_their_place(ci: Project) -> None:
    names = [newest(ci, "prod"), "flights@v1.0.0"]
    for name in names:
        clobber(ci, name)
    there = Opened.open(ci.root)
    planned = repair(there, reach=Reach(dry_run=True))
    assert sorted(one.subject for one in planned.mended if one.kind == "tag") == sorted(names)
    done = repair(there)
    assert sorted(one.subject for one in done.mended if one.kind == "tag") == sorted(names)
    assert [one for one in done.left if one.kind == "differs"] == []
    for name in names:
        assert ci.git("cat-file", "-t", f"refs/tags/{name}") == "tag"
    assert repair(there).mended == ()


def test_a_tag_that_is_lightweight_everywhere_is_nobodys_event_and_no_finding(ci: Project) -> None:
    ci.git("tag", "flights#prod#90", "HEAD")
    ci.git("push", "--quiet", "origin", "refs/tags/flights#prod#90")
    there = Opened.open(ci.root)
    assert read(there, fetch=True).registry.history("flights").assigned["prod"].version == "v1.1.0"
    assert differing(there) == []
