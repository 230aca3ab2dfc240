from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from lastgood.adapters.dvc.version import Declared, Pinned, read_version
from lastgood.errors import FindingsError, LastgoodError, NotAProjectError, UnknownError

if TYPE_CHECKING:
    from tests.adapters.dvc.conftest import Git, Project

FOO = "acbd18db4cc2f85cedef654fccc4a4d8"


def kinds(pinned: Pinned) -> dict[str, str]:
    return {finding.subject: finding.kind for finding in pinned.problems}


def test_a_version_pins_outputs_metrics_parameters_and_artifacts(project: Project) -> None:
    pinned = project.read()
    assert pinned.problems == ()
    assert {str(output.path): (output.storage, output.is_directory) for output in pinned.outputs} == {
        "data/prepared": ("dvc", True),
        "data/raw": ("dvc", True),
        "models/metrics.json": ("git", False),
        "models/model.txt": ("dvc", False),
    }
    assert pinned.metrics == {"models/metrics.json:auc": 0.75, "models/metrics.json:by.month.jan": 0.5}
    assert pinned.parameters == {
        "params.yaml:prepare.rows": 100,
        "params.yaml:train.trees": 7,
        "params.yaml:train.rate": 0.1,
    }
    assert pinned.artifacts == (Declared("flights", "models/model.txt", "model", "Late or not", ("delay",), "."),)
    assert pinned.training_data("models/model.txt") == ("data/prepared", "data/raw")


def test_the_working_tree_is_neither_read_nor_touched(project: Project) -> None:
    commit = project.commit()
    project.put("dvc.yaml", "nonsense: [")
    project.put("models/metrics.json", "{}")
    before = {path: path.stat().st_mtime_ns for path in project.root.rglob("*") if ".git" not in path.parts}
    pinned = read_version(project.root, commit, PurePosixPath())
    assert pinned.metrics["models/metrics.json:auc"] == 0.75
    assert before == {path: path.stat().st_mtime_ns for path in project.root.rglob("*") if ".git" not in path.parts}


def test_a_nested_project_is_read_from_a_bare_mirror(nested: Project, tmp_path: Path, git: Git) -> None:
    commit = git(nested.root, "rev-parse", "HEAD")
    git(tmp_path, "clone", "-q", "--mirror", str(nested.root), "mirror.git")
    shutil.rmtree(nested.root)
    mirror, project = tmp_path / "mirror.git", PurePosixPath("teams/air")
    pinned = read_version(mirror, commit, project)
    assert pinned.outputs[0].path == PurePosixPath("teams/air/data/prepared")
    assert pinned.artifacts == (
        Declared("teams/air:flights", "teams/air/models/model.txt", "model", "Late or not", ("delay",), "teams/air"),
    )
    assert pinned.metrics["teams/air/models/metrics.json:auc"] == 0.75
    assert pinned.parameters["teams/air/params.yaml:prepare.rows"] == 100
    model = "teams/air/models/model.txt"
    assert pinned.training_data(model) == ("teams/air/data/prepared", "teams/air/data/raw")


def test_values_are_those_that_dvc_shows(project: Project) -> None:
    from dvc.repo import Repo

    def flat(prefix: str, value: Any) -> dict[str, Any]:
        if isinstance(value, dict):
            return {k: v for key, item in value.items() for k, v in flat(f"{prefix}{key}.", item).items()}
        return {prefix[:-1]: value}

    def shown(result: dict[str, Any]) -> dict[str, Any]:
        return {k: v for file, one in result.items() for k, v in flat(f"{file}:", one["data"]).items()}

    project.put("dvc.yaml", (project.path / "dvc.yaml").read_text() + "params: [conf/more.toml]\nmetrics: [top.yaml]\n")
    project.put("conf/more.toml", "[deep]\nlist = [1, 2]\n")
    project.put("top.yaml", "f1: 0.5\nnames: [1]\nword: good\n")
    project.commit()
    pinned = project.read()
    with Repo(str(project.root)) as repo:
        from dvc.repo.metrics.show import _gather_metrics
        from dvc.repo.params.show import _gather_params

        assert pinned.metrics == shown(_gather_metrics(repo))
        assert pinned.parameters == shown(_gather_params(repo))
    assert pinned.metrics["top.yaml:word"] == "good"
    assert pinned.parameters["conf/more.toml:deep.list"] == [1, 2]


def lock(**stages: str) -> str:
    """A `dvc.lock` in which each stage has one output."""
    one = "{{cmd: x, outs: [{{path: {}, hash: md5, md5: " + FOO + "}}]}}"
    entries = [f"  {name}: {one.format(path)}\n" for name, path in stages.items()]
    return "schema: '2.0'\nstages:\n" + "".join(entries)


EACH = """\
stages:
  each:
    foreach: [a, b]
    do:
      cmd: x
      outs: ['out/${item}.txt']
"""
MATRIX = """\
stages:
  all:
    matrix: {n: [1, 2]}
    cmd: x
    outs: ['${item.n}.bin']
artifacts:
  small: {path: 1.bin}
  far: {path: 's3://bucket/model'}
"""


def test_foreach_matrix_and_several_pipelines_give_all_outputs(blank: Project) -> None:
    blank.put("dvc.yaml", EACH)
    blank.put("dvc.lock", lock(**{"each@a": "out/a.txt", "each@b": "out/b.txt"}))
    blank.put("more/dvc.yaml", MATRIX)
    blank.put("more/dvc.lock", lock(**{"all@1": "1.bin", "all@2": "2.bin"}))
    blank.commit()
    pinned = blank.read()
    assert [str(output.path) for output in pinned.outputs] == ["more/1.bin", "more/2.bin", "out/a.txt", "out/b.txt"]
    assert pinned.problems == ()
    assert {(one.name, one.path) for one in pinned.artifacts} == {
        ("more:small", "more/1.bin"),
        ("more:far", "s3://bucket/model"),
    }


IMPORT = f"""\
frozen: true
deps:
- path: x
  repo: {{url: 'https://example.org/r.git', rev_lock: {"a" * 40}}}
outs:
- md5: {FOO}
  hash: md5
  path: imp
"""


def test_a_dvc2_output_is_legacy_and_an_import_is_told(blank: Project) -> None:
    blank.put("old.txt.dvc", f"outs:\n- md5: {FOO}\n  size: 3\n  path: old.txt\n  isexec: true\n")
    blank.put("imp.dvc", IMPORT)
    blank.commit()
    pinned = blank.read()
    imported, old = pinned.outputs
    assert (old.legacy, old.executable, old.size) == (True, True, 3)
    assert not imported.legacy
    assert pinned.imports == {PurePosixPath("imp")}
    assert pinned.problems == ()


def test_what_no_other_machine_could_restore_is_named(blank: Project) -> None:
    outs = [
        ("kept.bin", "push: false", FOO),
        ("ignored.json", "cache: false", FOO),
        ("never.bin", "", None),
        ("else.bin", "remote: their-own", FOO),
        ("etag.bin", "", "not-an-md5"),
    ]
    for name, extra, value in outs:
        md5 = f"\n  md5: {value}" if value else ""
        blank.put(f"{name}.dvc", f"outs:\n- path: {name}\n  hash: md5{md5}\n" + (f"  {extra}\n" if extra else ""))
    blank.put(".gitignore", "/ignored.json\n")
    blank.put("ignored.json", "{}")
    blank.commit()
    pinned = blank.read(trusted=frozenset({"here"}))
    assert kinds(pinned) == {
        "kept.bin": "not-pushed",
        "ignored.json": "not-in-git",
        "never.bin": "no-hash",
        "else.bin": "unknown-remote",
        "etag.bin": "bad-hash",
    }
    assert all(finding.subject in finding.message for finding in pinned.problems)
    assert kinds(blank.read(trusted=frozenset({"their-own"}))).get("else.bin") is None


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/etc/passwd", "external"),
        ("../outside", "external"),
        ("s/../../../x", "external"),
        ("a/.GIT/config", "unsafe-path"),
        ("remote://evil/x", "external"),
        ("https://example.org/x", "external"),
    ],
)
def test_an_output_outside_the_project_is_refused_and_not_listed(nested: Project, path: str, kind: str) -> None:
    nested.put("evil.dvc", f"outs:\n- path: {path}\n  hash: md5\n  md5: {FOO}\n")
    nested.commit()
    pinned = nested.read()
    assert kinds(pinned) == {path: kind}
    assert len(pinned.outputs) == 4


@pytest.mark.parametrize("path", [".git/hooks/pre-commit", ".dvc/config", "a/.dvc/config"])
def test_an_output_where_git_or_dvc_live_is_refused_by_name(nested: Project, path: str) -> None:
    nested.put("evil.dvc", f"outs:\n- path: {path}\n  hash: md5\n  md5: {FOO}\n")
    nested.commit()
    with pytest.raises(FindingsError, match=path):
        nested.read()


def test_outputs_that_differ_in_case_only_are_named(blank: Project) -> None:
    for name in ("Model", "model"):
        blank.put(f"{name}-x.dvc", f"outs:\n- path: {name}\n  hash: md5\n  md5: {FOO}\n")
    blank.commit()
    assert set(kinds(blank.read()).values()) == {"unsafe-path"}


def test_a_version_whose_configuration_is_broken_or_hostile_is_read_all_the_same(project: Project) -> None:
    project.put(".dvc/config", "[core]\n  remote = gone\n[cache]\n  dir = s3://evil/cache\n  local = gone\n")
    project.commit()
    assert len(project.read().outputs) == 4
    project.put(".dvc/config", "[[[ broken")
    project.commit()
    assert len(project.read().outputs) == 4


def test_pipeline_files_that_cannot_be_read_are_a_finding(project: Project) -> None:
    project.put("dvc.yaml", "stages:\n  a: [\n")
    project.commit()
    with pytest.raises(FindingsError) as caught:
        project.read()
    assert caught.value.findings[0].kind == "unreadable"


def test_a_commit_without_a_dvc_project_and_an_unknown_output_are_told_apart(project: Project) -> None:
    commit = project.commit()
    with pytest.raises(NotAProjectError):
        read_version(project.root, commit, PurePosixPath("nowhere"))
    with pytest.raises(UnknownError):
        read_version(project.root, commit, PurePosixPath()).training_data("models/other.txt")


def test_code_of_the_version_does_not_run(blank: Project) -> None:
    blank.put("params.py", "import pathlib\npathlib.Path('/tmp/lastgood-ran').touch()\nTREES = 5\n")
    blank.put("dvc.yaml", "params: [params.py]\nstages:\n  a:\n    cmd: touch /tmp/lastgood-ran\n")
    blank.commit()
    assert blank.read().parameters == {"params.py:TREES": 5}
    assert not Path("/tmp/lastgood-ran").exists()  # noqa: S108  # the very point


def test_a_metric_that_dvc_keeps_is_read_from_the_cache_only(blank: Project) -> None:
    md5 = blank.cache_object(b'{"auc": 0.5}')
    blank.put("dvc.yaml", "stages:\n  e:\n    cmd: x\n    metrics: [m.json]\n")
    blank.put("dvc.lock", f"schema: '2.0'\nstages:\n  e: {{cmd: x, outs: [{{path: m.json, hash: md5, md5: {md5}}}]}}\n")
    blank.put(".gitignore", "/m.json\n")
    commit = blank.commit()
    assert blank.read().metrics == {}
    pinned = read_version(blank.root, commit, PurePosixPath(), cache=blank.store.cache())
    assert pinned.metrics == {"m.json:auc": 0.5}


def test_what_hooks_leave_in_the_environment_does_not_mislead(
    project: Project, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = git(project.root, "rev-parse", "HEAD")
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"):
        monkeypatch.setenv(name, "/nonexistent")
    assert len(read_version(project.root, commit, PurePosixPath()).outputs) == 4


def test_a_chain_of_five_hundred_stages_is_read_in_a_moment(blank: Project) -> None:
    chain = [f"  s{n}: {{cmd: x, deps: [d/{n}], outs: [d/{n + 1}]}}\n" for n in range(500)]
    blank.put("dvc.yaml", "stages:\n" + "".join(chain))
    blank.commit()
    assert len(blank.read().training_data("d/500")) == 499


def test_the_git_directory_may_be_named_and_an_unknown_commit_is_told(project: Project, git: Git) -> None:
    commit = git(project.root, "rev-parse", "HEAD")
    assert len(read_version(project.root / ".git", commit, PurePosixPath()).outputs) == 4
    with pytest.raises(LastgoodError, match="0000"):
        read_version(project.root, "0" * 40, PurePosixPath())
    with pytest.raises(NotAProjectError):
        read_version(project.root.parent / "nowhere", commit, PurePosixPath())


def test_a_version_is_read_without_a_thread_that_could_end_unheard(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pygit2 waits for ever for its thread when the system refuses that one a file."""

    def start(thread: Thread) -> None:
        raise AssertionError(thread)

    monkeypatch.setattr(Thread, "start", start)
    assert project.read().problems == ()
