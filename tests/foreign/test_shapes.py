"""Artifacts and pipelines as people have them: external addresses, plain git files, foreach, matrix, several files."""

import shutil
from pathlib import Path

import pytest

from lastgood.core.events import Mark
from lastgood.core.references import find_version
from lastgood.core.rollback import Request
from lastgood.errors import FindingsError, UnknownError
from lastgood.machine.building import build_release
from lastgood.operations.assign import assign
from lastgood.operations.checkout import checkout
from lastgood.operations.diff import diff
from lastgood.operations.mark import mark
from lastgood.operations.register import Request as Registration
from lastgood.operations.register import register
from lastgood.operations.rollback import rollback
from lastgood.operations.show import show
from lastgood.operations.status import status
from lastgood.operations.sync import sync
from lastgood.operations.verify import verify
from lastgood.project import Project as Opened
from lastgood.registry.view import read
from lastgood.versions.manifests import read_manifest
from tests.builders import Project
from tests.foreign.world import add, artifact, dvc, empty, init_dvc
from tests.peers.peer_tools import dvc_get

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
        "hosted lies at s3://bucket.invalid/model.pkl: no version pins it, so none can restore it"
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


@pytest.mark.parametrize("ignored", ["", ".gitkeep\n"])
@pytest.mark.parametrize("listed", [True, False])
def test_what_git_tracks_inside_an_output_directory_is_restored_beside_it(
    blank: Project, ignored: str, *, listed: bool
) -> None:
    if ignored:
        blank.put(".dvcignore", ignored)
    if listed:
        blank.put("models/.gitkeep", "")
    artifact(blank, "best", "models/part.csv")
    for version in ("v1.0.0", "v1.1.0"):
        blank.git("rm", "-r", "--quiet", "--cached", "--ignore-unmatch", "models")  # DVC adds none that git has
        if not listed:
            (blank.root / "models/.gitkeep").unlink(missing_ok=True)
        add(blank, "models/", version)
        blank.put("models/.gitkeep", "")
        blank.git("add", "--force", "models/.gitkeep")
        blank.commit(version)
        blank.tag(f"best@{version}")
    there = Opened.open(blank.root)
    blank.put("README.md", "later")
    blank.commit("later")
    if listed or ignored:
        assert register(there, Registration("best", "v2.0.0")).manifest.version == "v2.0.0"
    else:  # DVC calls that changed, would remove the file, and refuses to commit the output
        with pytest.raises(FindingsError, match=r"could not be restored") as refused:
            register(there, Registration("best", "v2.0.0"))
        assert [one.subject for one in refused.value.findings] == ["models", "models/.gitkeep"]
    assign(there, "best@v1.0.0", "prod", "go")
    release = sync(there, "best", "prod").release
    assert sorted(path.name for path in (release.path / "models").iterdir()) == [".gitkeep", "part.csv"]
    assert (release.path / "models/part.csv").read_text() == "v1.0.0"
    assert verify(there, deep=True).all_findings == ()
    for changed in (True, False):
        assert checkout(there, "best@v1.0.0").changed is changed
        assert (blank.root / "models/part.csv").read_text() == "v1.0.0"
        assert blank.git("status", "--porcelain") == ""
    (release.path / "models").chmod(0o755)
    (release.path / "models/.gitkeep").unlink()
    assert {finding.kind for finding in verify(there, deep=True).all_findings} <= {"changed", "missing"}
    assert verify(there, deep=True).all_findings


def test_a_path_that_git_and_an_output_fill_differently_is_refused_before_anything_is_recorded(blank: Project) -> None:
    artifact(blank, "best", "models/part.csv")
    add(blank, "models/", "one")
    blank.put("models/part.csv", "another")
    blank.git("add", "--force", "models/part.csv")
    blank.commit("both")
    blank.tag("best@v1.0.0")
    refused_everywhere(blank, "collision", "models/part.csv")


@pytest.mark.parametrize("link", ["../elsewhere", "/etc", ".", "nowhere"])
def test_an_output_below_a_path_that_git_holds_as_a_link_is_refused_before_anything_is_recorded(
    blank: Project, link: str
) -> None:
    artifact(blank, "best", "models/deep/model.txt")
    add(blank, "models/deep/model.txt", "one")
    (blank.root / "models/deep").rename(blank.root / "elsewhere")
    (blank.root / "models/deep").symlink_to(link)
    tracked = (blank.root / "elsewhere/model.txt.dvc").read_text()
    blank.put("model.dvc", tracked.replace("path: model.txt", "path: models/deep/model.txt"))
    blank.put(".gitignore", "elsewhere\n")
    blank.git("add", "--force", "models/deep")
    blank.commit("a link")
    blank.tag("best@v1.0.0")
    refused_everywhere(blank, "collision", "models/deep/model.txt")


def refused_everywhere(project: Project, kind: str, subject: str) -> None:
    """By register, assign and the preflight of a rollback, and by the builder, where a tool wrote the tag."""
    project.tag("best#stable#1", commit="best@v1.0.0^{commit}")
    there = Opened.open(project.root)
    project.put("README.md", "later")
    project.commit("later")
    before = project.git("for-each-ref", "refs/tags")
    with pytest.raises(FindingsError) as registering:
        register(there, Registration("best", "v2.0.0"))
    with pytest.raises(FindingsError) as assigning:
        assign(there, "best@v1.0.0", "prod", "go")
    assert project.git("for-each-ref", "refs/tags") == before
    project.tag("best@v1.1.0")
    project.tag("best#prod#2")
    with pytest.raises(FindingsError) as planning:
        rollback(there, Request(None, "bad"), dry_run=True)
    for refused in (registering, assigning, planning):
        assert (kind, subject) in {(one.kind, one.subject) for one in refused.value.findings}
    history, version = find_version(read(there, fetch=False).registry, "best@v1.0.0")
    manifest = read_manifest(there, history, version)
    with pytest.raises(FindingsError) as building:
        build_release(there, manifest, manifest.outputs)
    assert (kind, subject) in {(one.kind, one.subject) for one in building.value.findings}


def test_a_project_may_have_a_release_json_of_its_own(blank: Project) -> None:
    artifact(blank, "best", "model.txt")
    blank.put("release.json", '{"branches": ["main"]}')
    for version in ("v1.0.0", "v1.1.0"):
        add(blank, "model.txt", version)
        blank.commit(version)
        register(Opened.open(blank.root), Registration("best", version))
    there = Opened.open(blank.root)
    mark(there, "best@v1.0.0", Mark.STABLE, "good")
    assign(there, "best@v1.1.0", "prod", "go")
    sync(there, "best", "prod")
    done = rollback(there, Request(None, "bad", here=True))
    assert (Path(str(done.live)) / "release.json").read_text() == '{"branches": ["main"]}'
    assert verify(there, deep=True).all_findings == ()


EVALUATED = """\
stages:
  evaluate:
    cmd: cp params.yaml metrics.json
    deps: [params.yaml]
    outs: [model.txt]
    metrics:
    - metrics.json:
        cache: false
artifacts:
"""


def test_what_git_holds_of_an_output_that_was_edited_after_dvc_repro_is_restored(blank: Project) -> None:
    blank.put("dvc.yaml", EVALUATED.replace("cp params", "echo m > model.txt; cp params"))
    artifact(blank, "best", "model.txt")
    for number in (1, 2):
        blank.put("params.yaml", f'{{"auc": 0.{number}}}\n')
        reproduce(blank)
        blank.put("metrics.json", f'{{"auc":   0.{number}}}\n')
        blank.commit("formatted by an editor")
        blank.tag(f"best@v1.{number}.0")
    there = Opened.open(blank.root)
    blank.put("README.md", "later")
    blank.commit("later")
    with pytest.raises(FindingsError) as refused:
        register(there, Registration("best", "v2.0.0"))
    assert {one.subject for one in refused.value.findings} == {"metrics.json"}
    assign(there, "best@v1.1.0", "prod", "go")
    release = sync(there, "best", "prod").release
    assert (release.path / "metrics.json").read_text() == '{"auc":   0.1}\n'
    assert [checkout(there, "best@v1.1.0").changed for _ in range(2)] == [True, False]
    assert (blank.root / "metrics.json").read_text() == '{"auc":   0.1}\n'
    worktree = status(there).worktree
    assert worktree is not None
    assert worktree.whole
    assert verify(there, deep=True).all_findings == ()


def reproduce(project: Project) -> None:
    with dvc(project) as repo:
        repo.reproduce(all_pipelines=True)
        repo.push()
    project.commit("reproduced")


DIRECTORY = """\
stages:
  evaluate:
    cmd: >
      mkdir -p eval/deep && cp scores.json eval/metrics.json && cp scores.json eval/deep/more.json
      && cp settings.yaml eval/used.yaml && echo m > model.txt
    deps: [scores.json, settings.yaml]
    outs: [eval, model.txt]
metrics: [eval/metrics.json, eval/deep, eval/not-made.json]
params: [eval/used.yaml]
artifacts:
"""


def test_metrics_and_parameters_inside_a_directory_output_are_read_and_what_is_not_here_is_named(
    blank: Project,
) -> None:
    blank.put("dvc.yaml", DIRECTORY)
    artifact(blank, "best", "model.txt")
    for number in (1, 2):
        blank.put("scores.json", f'{{"auc": 0.{number}}}')
        blank.put("settings.yaml", f"depth: {number}\n")
        reproduce(blank)
        if number == 1:
            blank.tag("best@v1.0.0")
    there = Opened.open(blank.root)
    done = register(there, Registration("best", "v2.0.0"))
    assert done.manifest.metrics == {"eval/metrics.json:auc": 0.2, "eval/deep/more.json:auc": 0.2}
    assert done.manifest.parameters == {"eval/used.yaml:depth": 2}
    assert [one.subject for one in done.warnings if one.kind == "unread"] == ["eval/not-made.json"]
    shown = show(there, "best@v1.0.0")
    assert shown.manifest is not None
    assert shown.manifest.metrics == {"eval/metrics.json:auc": 0.1, "eval/deep/more.json:auc": 0.1}
    with dvc(blank) as repo:
        assert repo.metrics.show()[""]["data"]["eval/metrics.json"]["data"] == {"auc": 0.2}
    shutil.rmtree(blank.root / ".dvc/cache")
    shown = show(there, "best@v1.0.0")
    assert shown.manifest is not None
    assert shown.manifest.metrics == {}
    assert {"eval/metrics.json", "eval/deep", "eval/used.yaml"} <= {one.subject for one in shown.findings}
    assert any("v1.0.0: the values in eval/metrics.json" in one for one in diff(there, "v1.0.0", "v2.0.0").warnings)
