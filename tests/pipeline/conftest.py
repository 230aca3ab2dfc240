"""What the pipeline tests share: its definition, and scratch copies in which its commands run without DVC."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]

# How to run one command in a scratch copy: (directory, command, more environment).
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def stages() -> dict[str, dict[str, Any]]:
    """The stages of dvc.yaml, in the order in which they run."""
    definition: dict[str, dict[str, dict[str, Any]]] = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
    return definition["stages"]


@pytest.fixture
def scratch(tmp_path: Path) -> Callable[[str], Path]:
    """Make a copy of the scripts and parameters by a name, with no outputs and no DVC, hence no run cache."""

    def make(name: str) -> Path:
        copy = tmp_path / name
        shutil.copytree(ROOT / "scripts", copy / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "params.yaml", copy)
        return copy

    return make


@pytest.fixture
def run() -> Run:
    """Run a command line with this interpreter as `python`; returns what it printed and its exit code."""

    def command(directory: Path, line: str, **more: str) -> subprocess.CompletedProcess[str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, **more}
        return subprocess.run(shlex.split(line), cwd=directory, env=environment, capture_output=True, text=True)

    return command
