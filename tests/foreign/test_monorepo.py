"""DVC below the git root: two projects in one repository, a `dvc.yaml` in a subdirectory, versions of each."""

from pathlib import Path

from lastgood.core.events import Mark
from lastgood.core.rollback import Request
from lastgood.operations.assign import assign
from lastgood.operations.checkout import checkout
from lastgood.operations.mark import mark
from lastgood.operations.register import Request as Registration
from lastgood.operations.register import register
from lastgood.operations.rollback import rollback
from lastgood.operations.show import show
from lastgood.operations.status import status
from lastgood.operations.sync import sync
from lastgood.operations.verify import verify
from lastgood.project import Project as Opened
from tests.builders import Project
from tests.foreign.world import add, artifact, empty, init_dvc
from tests.peers.peer_tools import dvc_get, gto_show

AIR, RAIL = "teams/air:flights", "teams/rail:trains"


def monorepo(base: Path) -> Project:
    project = empty(base)
    for directory, name in (("teams/air", "flights"), ("teams/rail", "trains")):
        init_dvc(project, directory)
        artifact(project, name, "model.txt", directory)
        add(project, "model.txt", f"{name} one", directory)
        add(project, "data/", f"{name} data", directory)
    project.commit("two projects")
    return project


def test_two_projects_in_one_repository_have_versions_of_their_own(tmp_path: Path) -> None:
    project = monorepo(tmp_path)
    there = Opened.open(project.root / "teams/air")
    register(there, Registration(AIR, "v1.0.0"))
    register(there, Registration(RAIL, "v0.1.0"))
    mark(there, f"{AIR}@v1.0.0", Mark.STABLE, "good")
    add(project, "model.txt", "flights two", "teams/air")
    project.commit("a worse model")
    register(there, Registration(AIR, "v2.0.0"))
    assign(there, f"{AIR}@v2.0.0", "prod", "go")
    assign(there, f"{RAIL}@v0.1.0", "prod", "go")
    assert sync(there, AIR, "prod").release.version == "v2.0.0"
    assert [str(output.path) for output in sync(there, RAIL, "prod").release.outputs] == [
        "teams/rail/data",
        "teams/rail/model.txt",
    ]

    done = rollback(there, Request(AIR, "worse"))
    assert (Path(str(done.live)) / "teams/air/model.txt").read_text() == "flights one"
    assert gto_show(project, AIR).stages == {"prod": "v1.0.0", "stable": "v1.0.0", "failed": "v2.0.0"}
    assert gto_show(project, RAIL).stages == {"prod": "v0.1.0"}
    assert dvc_get(project, "--stage", "prod", artifact=AIR) == b"flights one"

    machine = Opened.serve(project.base / "served", f"file://{project.origin}")
    assert (sync(machine, AIR, "prod").release.path / "teams/air/data/part.csv").read_text() == "flights data"
    checkout(there, f"{AIR}@v1.0.0")
    assert (project.root / "teams/air/model.txt").read_text() == "flights one"
    worktree = status(there).worktree
    assert worktree is not None
    assert worktree.version == f"{AIR}@v1.0.0, {RAIL}@v0.1.0"
    assert verify(there).all_findings == ()


def test_gto_tags_of_a_project_below_the_root_and_of_a_dvc_yaml_below_the_project(tmp_path: Path) -> None:
    project = empty(tmp_path)
    init_dvc(project, "ml")
    add(project, "deep/model.txt", "one", "ml")
    artifact(project, "late", "model.txt", "ml/deep")
    project.commit("one")
    project.tag("ml/deep=late@v1.0.0")
    project.tag("ml/deep=late#stable#1")
    add(project, "deep/model.txt", "two", "ml")
    project.commit("two")
    project.tag("ml/deep=late@v1.1.0")
    project.tag("ml/deep=late#prod#2")
    there = Opened.open(project.root / "ml")
    shown = show(there, "ml/deep:late@v1.0.0", fetch=True)
    assert shown.manifest is not None
    assert (shown.manifest.project, shown.manifest.path) == ("ml", "ml/deep/model.txt")
    done = rollback(there, Request(None, "worse", here=True))
    assert (Path(str(done.live)) / "ml/deep/model.txt").read_text() == "one"
    assert dvc_get(project, "--stage", "prod", artifact="ml/deep:late") == b"one"


def test_artifacts_whose_names_are_prefixes_of_each_other(tmp_path: Path) -> None:
    project = empty(tmp_path)
    init_dvc(project)
    add(project, "one.txt", "one")
    add(project, "two.txt", "two")
    artifact(project, "a", "one.txt")
    artifact(project, "a/b", "two.txt")
    project.commit("two artifacts")
    there = Opened.open(project.root)
    for name in ("a", "a/b"):
        register(there, Registration(name, "v1.0.0"))
        assign(there, f"{name}@v1.0.0", "prod", "go")
    assert sync(there, "a", "prod").release.path.parent != sync(there, "a/b", "prod").release.path.parent
    assert gto_show(project, "a/b").stages == gto_show(project, "a").stages == {"prod": "v1.0.0"}
    assert verify(Opened.open(project.clone().root)).all_findings == ()
