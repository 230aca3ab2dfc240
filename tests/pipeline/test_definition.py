"""What dvc.yaml promises to DVC, to the tool, and to whoever releases the model."""

import ast
from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo

Stages = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def project(root: Path) -> Any:
    with Repo(root) as repo:
        yield repo


def imports(script: Path) -> set[str]:
    """Return the top-level modules that a script imports, inside functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def own_scripts(root: Path, script: str) -> set[str]:
    """Return a script and those of ours that it imports, directly or not."""
    found = {script}
    for module in imports(root / script):
        path = f"scripts/{module}.py"
        if (root / path).is_file():
            found |= own_scripts(root, path)
    return found


def test_dvc_accepts_it(project: Any) -> None:
    names = [stage.name for stage in project.index.stages if stage.path_in_repo == "dvc.yaml"]
    assert names == ["fetch", "prepare", "train", "evaluate"]


def test_the_model_is_an_artifact_that_the_pipeline_makes(project: Any) -> None:
    artifact = project.artifacts.read()["dvc.yaml"]["flights"]
    assert artifact.type == "model"
    assert artifact.path in {out.def_path for out in project.index.outs}


def test_only_the_metrics_are_kept_in_git(project: Any) -> None:
    assert [out.def_path for out in project.index.outs if not out.use_cache] == ["models/metrics.json"]


def test_a_new_clone_finds_the_remote_beside_it(root: Path, project: Any) -> None:
    assert project.cloud.get_remote().path == str(root.parent / "dvc-remote")


def test_a_stage_depends_on_every_script_that_it_runs(root: Path, stages: Stages) -> None:
    for name, stage in stages.items():
        script = stage["cmd"].split()[1]
        assert own_scripts(root, script) == {path for path in stage["deps"] if path.startswith("scripts/")}, name


def test_no_stage_needs_the_tool(root: Path, stages: Stages) -> None:
    for stage in stages.values():
        assert not [path for path in stage["deps"] if path.startswith("src/")]
        for script in own_scripts(root, stage["cmd"].split()[1]):
            assert "lastgood" not in imports(root / script), script


@pytest.mark.parametrize("script", ["scripts/predict.py", "scripts/scorable.py"])
def test_the_model_is_used_without_the_tool(root: Path, script: str) -> None:
    assert not [path for path in own_scripts(root, script) if "lastgood" in imports(root / path)]


def test_no_script_loads_code_from_a_file(root: Path, stages: Stages) -> None:
    unsafe = {"pickle", "joblib", "cloudpickle", "dill", "marshal", "shelve"}
    for stage in stages.values():
        for script in own_scripts(root, stage["cmd"].split()[1]):
            assert not imports(root / script) & unsafe, script
