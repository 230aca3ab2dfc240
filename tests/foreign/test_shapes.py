"""Artifacts and pipelines as people have them: external addresses, plain git files, foreach, matrix, several files."""

from pathlib import Path

import pytest

from lastgood.errors import FindingsError, UnknownError
from lastgood.operations.diff import diff
from lastgood.operations.register import Request as Registration
from lastgood.operations.register import register
from lastgood.operations.rollback import Request, rollback
from lastgood.operations.show import show
from lastgood.operations.sync import sync
from lastgood.operations.verify import verify
from lastgood.project import Project as Opened
from tests.builders import Project
from tests.foreign.world import add, artifact, dvc, empty, init_dvc
from tests.peers.judges import dvc_get

PIPELINE = """\
stages:
  split:
    foreach:
      - jfk
      - lga
    do:
      cmd: cp source/${item}.csv ${item}.part
      deps:
      - source/${item}.csv
      outs:
      - ${item}.part
  train:
    matrix:
      airport: [jfk, lga]
      depth: [2, 4]
    cmd: cat ${item.airport}.part > model-${item.airport}-${item.depth}.txt
    deps:
    - ${item.airport}.part
    outs:
    - model-${item.airport}-${item.depth}.txt
artifacts:
  best:
    path: model-lga-4.txt
"""
REPORT = """\
stages:
  write:
    cmd: cp ../jfk.part all.txt
    deps: [../jfk.part]
    outs: [all.txt]
"""


@pytest.fixture
def blank(tmp_path: Path) -> Project:
    project = empty(tmp_path)
    init_dvc(project)
    return project


def test_an_artifact_at_an_address_is_read_and_rolled_back_and_never_registered(blank: Project) -> None:
    artifact(blank, "hosted", "s3://bucket.invalid/model.pkl")
    for version in ("v1.0.0", "v1.1.0"):
        add(blank, "data.csv", version)
        blank.commit(version)
        blank.tag(f"hosted@{version}")
        blank.tag(f"hosted#prod#{version[3]}")
    blank.tag("hosted#stable#9", commit="hosted@v1.0.0^{commit}")
    there = Opened.open(blank.root)
    shown = show(there, "hosted@v1.0.0")
    assert shown.manifest is not None
    assert shown.manifest.path == "s3://bucket.invalid/model.pkl"
    assert [change.path for change in diff(there, "v1.0.0", "v1.1.0").outputs] == ["data.csv"]
    done = rollback(there, Request(None, "bad", here=True))
    assert (Path(str(done.live)) / "data.csv").read_text() == "v1.0.0"
    assert verify(there).all_findings == ()
    blank.commit("another")
    with pytest.raises(FindingsError) as refused:
        register(there, Registration("hosted", "v2.0.0"))
    assert [str(finding) for finding in refused.value.findings] == [
        "s3://bucket.invalid/model.pkl, the path of hosted, is neither a DVC output nor a file in git: nothing pins it"
    ]


def test_an_artifact_that_is_a_plain_git_file_or_directory(blank: Project) -> None:
    artifact(blank, "rules", "rules/flights.json")
    artifact(blank, "book", "rules")
    blank.put("rules/flights.json", '{"late": 15}\n')
    blank.commit("rules")
    there = Opened.open(blank.root)
    register(there, Registration("rules", "v1.0.0"))
    register(there, Registration("book", "v1.0.0"))
    blank.tag("rules#prod#1")
    release = sync(there, "rules", "prod").release
    assert (release.path / "rules/flights.json").read_text() == '{"late": 15}\n'
    assert dvc_get(blank, "--rev", "v1.0.0", artifact="rules") == b'{"late": 15}\n'
    artifact(blank, "gone", "rules/nothing.json")
    blank.commit("declares what is not there")
    with pytest.raises(FindingsError) as refused:
        register(there, Registration("gone", "v1.0.0"))
    assert [finding.subject for finding in refused.value.findings] == ["rules/nothing.json"]
    with pytest.raises(UnknownError, match="book, gone, rules"):
        register(there, Registration("other", "v1.0.0"))


def test_foreach_matrix_dvc_files_and_several_pipelines_are_one_version(blank: Project) -> None:
    for airport in ("jfk", "lga"):
        add(blank, f"source/{airport}.csv", f"{airport} one\n")
    blank.put("dvc.yaml", PIPELINE)
    blank.put("report/dvc.yaml", REPORT)
    reproduce(blank)
    there = Opened.open(blank.root)
    manifest = register(there, Registration(None, "v1.0.0")).manifest
    models = [f"model-{airport}-{depth}.txt" for airport in ("jfk", "lga") for depth in (2, 4)]
    parts = ["jfk.part", "lga.part", *models, "report/all.txt", "source/jfk.csv", "source/lga.csv"]
    assert [str(output.path) for output in manifest.outputs] == parts
    assert manifest.data == ("lga.part", "source/lga.csv")
    add(blank, "source/lga.csv", "lga two\n")
    blank.commit("stale")
    with pytest.raises(FindingsError) as refused:
        register(there, Registration(None, "v1.1.0"))
    assert "source/lga.csv" in {finding.subject for finding in refused.value.findings}
    reproduce(blank)
    register(there, Registration(None, "v1.1.0"))
    changed = [change.path for change in diff(there, "v1.0.0", "v1.1.0").outputs]
    assert changed == ["lga.part", "model-lga-2.txt", "model-lga-4.txt", "source/lga.csv"]
    blank.tag("best#prod#1", commit="best@v1.0.0^{commit}")
    assert (sync(there, None, "prod").release.path / "model-lga-4.txt").read_text() == "lga one\n"
    assert verify(there).all_findings == ()


def reproduce(project: Project) -> None:
    with dvc(project) as repo:
        repo.reproduce(all_pipelines=True)
        repo.push()
    project.commit("reproduced")
