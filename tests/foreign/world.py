"""Projects that lastgood did not make: git and DVC as people lay them out, versions tagged by hand or by gto."""

import io
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from tests.builders import Project, git

CONFIG = """\
[core]
    analytics = false
    remote = {name}
['remote "{name}"']
    url = {url}
"""


def empty(base: Path) -> Project:
    """A clone and a bare origin with a first commit, and no DVC."""
    base.mkdir(parents=True, exist_ok=True)
    git(base, "init", "--quiet", "--bare", "--template=", "origin.git")
    git(base, "init", "--quiet", "--template=", "work")
    project = Project(base)
    project.git("remote", "add", "origin", f"file://{project.origin}")
    project.put("README.md", "a repository\n")
    project.commit("begin")
    return project


def init_dvc(project: Project, directory: str = ".", *, url: Path | None = None, name: str = "storage") -> None:
    """A DVC project in a directory, its default remote at an absolute path."""
    project.put(f"{directory}/.dvc/config", CONFIG.format(name=name, url=url or project.remote))
    project.put(f"{directory}/.dvc/.gitignore", "/config.local\n/tmp\n/cache\n")


@contextmanager
def dvc(project: Project, directory: str = ".") -> Iterator[Any]:
    """DVC's own `Repo` of one of the clone's projects."""
    from dvc.repo import Repo

    with (
        chdir(project.root / directory),
        redirect_stdout(io.StringIO()),
        redirect_stderr(io.StringIO()),
        Repo() as repo,
    ):
        yield repo


def add(project: Project, path: str, text: str, directory: str = ".") -> None:
    """Write a file or the files of a directory (`path/`) and `dvc add` and push it."""
    name = path.rstrip("/")
    project.put(f"{directory}/{name}/part.csv" if path.endswith("/") else f"{directory}/{path}", text)
    with dvc(project, directory) as repo:
        repo.add(name)
        repo.push()


def artifact(project: Project, name: str, path: str, directory: str = ".") -> None:
    """Declare one artifact in a directory's `dvc.yaml`."""
    there = project.root / directory / "dvc.yaml"
    before = there.read_text() if there.exists() else "artifacts:\n"
    project.put(f"{directory}/dvc.yaml", f"{before}  {name}:\n    path: {path}\n")
