"""Teams that share one repository: what a release of each one's artifact holds, and whose section it goes by."""

from pathlib import Path

import pytest

from lastgood.core.config import Config
from lastgood.errors import FindingsError
from lastgood.operations.adopt import adopt
from lastgood.operations.assign import assign
from lastgood.operations.register import Request as Registration
from lastgood.operations.register import register
from lastgood.operations.show import show
from lastgood.operations.status import status
from lastgood.operations.sync import sync
from lastgood.operations.verify import verify
from lastgood.project import Project as Opened
from lastgood.releases.release import Release
from tests.builders import Project
from tests.foreign.world import add, artifact, dvc, empty, init_dvc

FRAUD, CHURN = "teams/fraud:model", "teams/churn:model"
_PIPELINE = """\
stages:
  train:
    cmd: cat ../../shared/words.txt ../../shared/raw.csv > model.txt
    deps:
    - ../../shared/words.txt
    - ../../shared/raw.csv
    outs:
    - model.txt
  check:
    cmd: cat ../../shared/holdout.csv
    deps:
    - ../../shared/holdout.csv
artifacts:
  model:
    path: model.txt
"""


def teams(base: Path) -> Project:
    """Two teams' `dvc.yaml` in one DVC project, and data that both teams, one team, or nobody depends on."""
    project = empty(base)
    init_dvc(project)
    for name in ("words.txt", "raw.csv", "holdout.csv", "unused.csv"):
        add(project, f"shared/{name}", f"{name}\n")
    for name in ("churn.txt", "notes/"):
        add(project, f"teams/churn/{name}", "churn\n")
    artifact(project, "model", "churn.txt", "teams/churn")
    project.put("teams/fraud/dvc.yaml", _PIPELINE)
    add(project, "teams/fraud/labels.csv", "labels\n")
    train(project)
    return project


def train(project: Project) -> None:
    with dvc(project) as repo:
        repo.reproduce(all_pipelines=True)
        repo.push()
    project.commit("train")


def released(project: Opened, artifact: str, version: str = "v1.0.0") -> Release:
    assign(project, f"{artifact}@{version}", "prod", "go")
    return sync(project, artifact, "prod").release


def held(release: Release) -> list[str]:
    """The outputs that are really there, seen without lastgood."""
    there = {str(path.relative_to(release.path)) for path in release.path.rglob("*.*") if path.is_file()}
    return sorted(path for path in there if path.endswith((".txt", ".csv")))


OF_FRAUD = [
    "shared/holdout.csv",
    "shared/raw.csv",
    "shared/words.txt",
    "teams/fraud/labels.csv",
    "teams/fraud/model.txt",
]
OF_CHURN = ["teams/churn/churn.txt", "teams/churn/notes/part.csv"]
ALL = [*OF_FRAUD, *OF_CHURN, "shared/unused.csv"]


def test_a_release_holds_what_its_own_dvc_yaml_needs_and_not_every_teams_outputs(tmp_path: Path) -> None:
    project = teams(tmp_path)
    there = Opened.open(project.root)
    for name, paths in ((FRAUD, OF_FRAUD), (CHURN, OF_CHURN)):
        register(there, Registration(name, "v1.0.0"))
        release = released(there, name)
        assert (held(release), release.partial) == (paths, False)
        manifest = show(there, f"{name}@v1.0.0").manifest
        assert manifest is not None
        assert len(manifest.outputs) == len(ALL)  # the manifest is whole, and preflight proves all of it
    assert verify(there, deep=True).all_findings == ()
    machine = Opened.serve(project.base / "served", f"file://{project.origin}")
    assert held(sync(machine, CHURN, "prod").release) == OF_CHURN


def test_versions_that_nobody_registered_with_lastgood_hold_the_same(tmp_path: Path) -> None:
    project = teams(tmp_path)
    project.tag("teams/fraud=model@v1.0.0")
    there = Opened.open(project.root)
    adopt(there, FRAUD)
    assert held(released(there, FRAUD)) == OF_FRAUD


def test_a_release_that_holds_every_teams_outputs_is_kept_as_it_is(tmp_path: Path) -> None:
    project = teams(tmp_path)
    there = Opened.open(project.root)
    register(there, Registration(CHURN, "v1.0.0"))
    configure(there, '[release.prod."teams/churn:model"]\noutputs = ["."]\n')
    release = released(there, CHURN)
    assert (len(held(release)), release.partial) == (len(ALL), False)
    configure(there, "")
    done = sync(there, CHURN, "prod")
    assert (done.changed, done.release.path) == (False, release.path)


def test_a_tag_of_gto_whose_model_is_nowhere_is_not_released(tmp_path: Path) -> None:
    project = empty(tmp_path)
    init_dvc(project)
    add(project, "data/", "rows")
    artifact(project, "flights", "model.pkl")
    project.commit("a model that nobody added")
    project.tag("flights@v1.0.0")
    project.tag("flights#prod#1")
    there = Opened.open(project.root)
    with pytest.raises(FindingsError, match=r"flights v1\.0\.0 cannot be restored: 1 finding") as caught:
        sync(there, "flights", "prod")
    assert [(one.kind, one.subject) for one in caught.value.findings] == [("path", "model.pkl")]
    assert [(one.kind, one.subject) for one in verify(there).all_findings] == [("path", "model.pkl")]
    assert not (there.place.live / "flights/prod").exists()


def configure(project: Opened, text: str) -> None:
    project.config = Config.parse(text)


def test_one_teams_section_is_refused_by_name_for_another_teams_artifact(tmp_path: Path) -> None:
    project = teams(tmp_path)
    there = Opened.open(project.root)
    register(there, Registration(CHURN, "v1.0.0"))
    configure(there, '[release.prod]\noutputs = ["teams/fraud/"]\n')
    before = project.git("for-each-ref")
    with pytest.raises(FindingsError, match=r"does not fit teams/churn:model v1\.0\.0: 1 finding") as caught:
        assign(there, f"{CHURN}@v1.0.0", "prod", "go")
    assert [str(one) for one in caught.value.findings] == [
        "'teams/fraud/' in [release.prod] names no output of teams/churn:model v1.0.0"
    ]
    assert '[release.prod."teams/churn:model"]' in caught.value.hint
    assert project.git("for-each-ref") == before


def test_each_artifact_can_have_a_section_of_its_own(tmp_path: Path) -> None:
    project = teams(tmp_path)
    there = Opened.open(project.root)
    configure(
        there,
        '[release.prod]\noutputs = ["teams/fraud/model.txt"]\n'
        '[release.prod."teams/churn:model"]\noutputs = ["teams/churn/notes", "shared/unused.csv"]\n',
    )
    register(there, Registration(FRAUD, "v1.0.0"))
    register(there, Registration(CHURN, "v1.0.0"))
    fraud, churn = released(there, FRAUD), released(there, CHURN)
    assert (held(fraud), fraud.partial) == (["teams/fraud/model.txt"], True)
    # what it names of the others, and the artifact's own path, which no section can leave out
    assert held(churn) == ["shared/unused.csv", "teams/churn/churn.txt", "teams/churn/notes/part.csv"]
    assert not churn.partial
    stages = {one.artifact: one.partial for one in status(there).stages}
    assert stages == {FRAUD: True, CHURN: False}
