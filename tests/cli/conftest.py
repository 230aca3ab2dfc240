"""The program, run in this process on a real project: its exit code, what it answered, what it said beside."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lastgood.cli.app import main
from tests.builders import Project
from tests.cli.schemas import require_valid
from tests.conftest import isolate


@dataclass(frozen=True)
class Run:
    """One run of the program."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on standard output."""
        return json.loads(self.out)


Program = Callable[..., Run]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], project: Project) -> Program:
    """Run `lastgood -C DIR …`; DIR is the project's clone unless `at` says. JSON must be as its schema says."""

    def program(*arguments: str, at: Path | None = None) -> Run:
        capfd.readouterr()
        code = main(["-C", str(at or project.root), *arguments])
        out, err = capfd.readouterr()
        require_valid(arguments, out)
        return Run(code, out, err)

    return program


@pytest.fixture(scope="session")
def _story(_blank: Project, session_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, session_home)
        project = _blank.copy(tmp_path_factory.mktemp("story"))
        place = ["-C", str(project.root)]
        project.commit_version(model="first", data={"a.csv": "1\n", "b/c.csv": "2\n"})
        assert main([*place, "register", "--version", "v1.0.0", "-m", "the first"]) == 0
        assert main([*place, "assign", "v1.0.0", "--stage", "prod", "--reason", "go"]) == 0
        assert main([*place, "mark", "v1.0.0", "stable", "--reason", "a good week"]) == 0
        project.commit_version(model="second", params={"score": 0.95})
        assert main([*place, "register", "--bump", "minor"]) == 0
        assert main([*place, "mark", "v1.1.0", "failed", "--reason", "late"]) == 0
        project.commit_version(model="third", data={"a.csv": "3\n", "z.csv": "4\n"}, code={"scripts/new.py": "x = 1\n"})
        assert main([*place, "register", "--bump", "major"]) == 0
        assert main([*place, "assign", "v2.0.0", "--stage", "prod", "--reason", "better"]) == 0
        return project


@pytest.fixture
def story(_story: Project, project: Project, tmp_path: Path) -> Project:
    """v1.0.0 stable and once in prod, v1.1.0 failed, v2.0.0 a candidate in prod; the same clone that `run` works in."""
    assert project.base == tmp_path
    for path in ("work", "origin.git", "dvc-remote"):
        _remove(tmp_path / path)
    return _story.copy(tmp_path)


def _remove(path: Path) -> None:
    import shutil

    shutil.rmtree(path)
