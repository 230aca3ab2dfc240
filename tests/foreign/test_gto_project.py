"""A DVC project with gto's tags and nothing of lastgood: every command works, on versions worked out from commits."""

import pytest

from lastgood.core.events import Mark
from lastgood.core.rollback import Request
from lastgood.errors import UnknownError
from lastgood.operations.adopt import adopt
from lastgood.operations.checkout import checkout
from lastgood.operations.diff import diff
from lastgood.operations.init import init
from lastgood.operations.mark import mark
from lastgood.operations.register import Request as Registration
from lastgood.operations.register import register
from lastgood.operations.rollback import rollback
from lastgood.operations.show import history, list_versions, show, where
from lastgood.operations.status import status
from lastgood.operations.sync import sync
from lastgood.operations.verify import verify
from lastgood.project import Project as Opened
from tests.builders import Project


def served(project: Project) -> Opened:
    """A second machine without a working tree."""
    return Opened.serve(project.base / "served", f"file://{project.origin}")


def test_versions_that_gto_tagged_are_listed_compared_rolled_back_synced_and_verified(project: Project) -> None:
    project.version("v1.0.0", model="good", data={"a.csv": "1\n"}, mark="stable", stages=["prod"])
    project.version(
        "v1.1.0", model="bad", data={"a.csv": "1\n", "b.csv": "2\n"}, params={"score": 0.2}, stages=["prod"]
    )
    there = Opened.open(project.clone("other").root)
    listed = list_versions(there, fetch=True).histories[0].versions
    assert [(one.text, one.judgement, one.stages, one.external) for one in listed] == [
        ("v1.0.0", "stable", (), True),
        ("v1.1.0", "candidate", ("prod",), True),
    ]
    shown = show(there, "flights@v1.1.0")
    assert shown.manifest is not None
    assert shown.manifest.metrics["models/metrics.json:score"] == 0.2
    assert shown.manifest.data == ("data/raw",)
    difference = diff(there, "v1.0.0", "v1.1.0")
    assert [change.files_added for change in difference.outputs if change.path == "data/raw"] == [("b.csv",)]
    assert [change.key for change in difference.metrics] == ["models/metrics.json:rows", "models/metrics.json:score"]

    machine = served(project)
    assert sync(machine, None, "prod").version.text == "v1.1.0"
    result = rollback(there, Request(None, "late"))
    assert (result.plan.target.text, result.record.published) == ("v1.0.0", True)
    assert sync(machine, None, "prod").former == "v1.1.0"
    live = where(machine, None, "prod").release
    assert (live.path / "models/model.txt").read_text() == "good"
    assert [event.kind for event in history(there).events[:2]] == ["assigned", "marked"]

    checkout(there, "flights#prod")
    worktree = status(there).worktree
    assert worktree is not None
    assert worktree.version == "flights@v1.0.0"
    checked = verify(there, deep=True)
    assert checked.all_findings == ()
    assert [one.unknown for one in checked.versions] == [(), ()]
    adopt(there, None)
    assert verify(there).all_findings == ()
    adopted = list_versions(there).histories[0].versions
    assert [(one.external, one.adopted) for one in adopted] == [(False, True), (False, True)]


def test_a_project_without_a_version_is_looked_at_and_registered(project: Project) -> None:
    there = Opened.open(project.root)
    assert list_versions(there, fetch=True).histories == ()
    worktree = status(there).worktree
    assert worktree is not None
    assert (worktree.version, worktree.code) == (None, ())
    assert verify(there).all_findings == ()
    for attempt in (
        lambda: rollback(there, Request(None, "why not")),
        lambda: sync(there, None, "prod"),
        lambda: show(there, "v1.0.0"),
        lambda: mark(there, "flights@v1.0.0", Mark.STABLE, "good"),
    ):
        with pytest.raises(UnknownError):
            attempt()
    assert init(there).artifacts == ("flights",)
    project.commit("lastgood.toml")
    assert register(there, Registration()).manifest.version == "v0.0.1"


def test_a_machine_follows_what_is_assigned_by_hand_and_says_nothing_was_ever_assigned(project: Project) -> None:
    project.version("v1.0.0", model="one")
    machine = served(project)
    with pytest.raises(UnknownError, match="nothing is assigned to stage prod"):
        sync(machine, "flights", "prod")
    project.assign("v1.0.0", "prod")
    assert sync(machine, "flights", "prod").changed
    assert not sync(machine, "flights", "prod").changed
