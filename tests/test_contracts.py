"""The import contracts fail when they are broken: each one is broken once, on purpose, in a copy of the package."""

import os
import shutil
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
BROKEN = {
    "Floors: each imports those below": ("core/tags.py", "import lastgood.registry.view"),
    "DVC is imported in adapters.dvc only": ("operations/show.py", "import dvc.repo"),
    "GitPython is imported in adapters.git only": ("operations/show.py", "import git"),
    "core decides without input and output": ("core/tags.py", "import subprocess"),
    "typer is imported in cli only": ("operations/show.py", "import typer"),
}


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the package below `root`."""
    program = str(Path(sys.executable).with_name("lint-imports"))
    command = [program, "--no-cache", "--config", str(root / "pyproject.toml")]
    environment = {**os.environ, "PYTHONPATH": str(root / "src")}
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package and its contracts, to be broken."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_package_as_it_is_keeps_every_contract(copy: Path) -> None:
    done = lint(copy)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("contract", BROKEN)
def test_a_broken_contract_is_noticed(copy: Path, contract: str) -> None:
    module, line = BROKEN[contract]
    path = copy / "src/lastgood" / module
    path.write_text(path.read_text() + f"\n{line}\n")
    done = lint(copy)
    told = " ".join(done.stdout.split())
    assert done.returncode == 1, done.stdout + done.stderr
    broken = [part for part in told.split("BROKEN")[:-1] if contract in part.rpartition("KEPT")[2]]
    assert broken, done.stdout


def test_every_contract_is_broken_once_here() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    assert text.count("[[tool.importlinter.contracts]]") == len(BROKEN)


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Imports inside functions and for type checking count: a circle is a circle."""
    graph = grimp.build_graph("lastgood", cache_dir=None)
    imported = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    TopologicalSorter(imported).prepare()  # raises CycleError, which names the circle


def test_no_module_is_longer_than_300_lines() -> None:
    lines = {path: len(path.read_text().splitlines()) for path in (ROOT / "src").rglob("*.py")}
    assert {str(path.relative_to(ROOT)): number for path, number in lines.items() if number > 300} == {}
