"""Every command that README and docs show is run, in the order shown, in a project prepared as the text says."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders import Project

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
PAGES = [
    page for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))] if BLOCK.search(page.read_text())
]


def commands(page: Path) -> list[str]:
    """The command lines of a page's console blocks."""
    lines = "\n".join(BLOCK.findall(page.read_text())).splitlines()
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


def run(project: Project, line: str) -> subprocess.CompletedProcess[str]:
    """Run one shown command as a shell would, with our own programs first on PATH."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        shlex.split(line),
        cwd=project.root,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_do_what_it_says(page: Path, project: Project) -> None:
    trained = 0
    for line in commands(page):
        if line == "dvc repro":
            trained += 1
            project.put("params.yaml", f"model: model {trained}\nscore: 0.9\n")
        done = run(project, line)
        assert done.returncode == 0, f"$ {line}\n{done.stdout}{done.stderr}"


def test_readme_names_the_two_commands_that_the_makefile_has() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)", (ROOT / "README.md").read_text(), re.MULTILINE):
        assert f"\n{target}:" in makefile


def test_every_relative_link_leads_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
