"""A real git and DVC project to test on: a working clone, a bare `origin.git` and a DVC remote, side by side."""

import io
import os
import runpy
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

ARTIFACT = "flights"
BEGIN = 1_700_000_000
"""Seconds since 1970 of the first commit; each later commit and tag is a minute later."""

_TRAIN = """\
import json
from pathlib import Path

params = dict(line.split(": ", 1) for line in Path("params.yaml").read_text().splitlines())
rows = sum(len(path.read_text().splitlines()) for path in Path("data/raw").rglob("*") if path.is_file())
Path("models/model.txt").write_text(params["model"])
Path("models/metrics.json").write_text(json.dumps({"rows": rows, "score": float(params["score"])}))
"""
_FILES = {
    ".dvc/config": """\
[core]
    analytics = false
    remote = storage
['remote "storage"']
    url = ../../dvc-remote
""",
    ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
    ".dvcignore": "",
    "dvc.yaml": """\
stages:
  train:
    cmd: python scripts/train.py
    deps:
    - data/raw
    - scripts/train.py
    params:
    - model
    - score
    outs:
    - models/model.txt
    metrics:
    - models/metrics.json:
        cache: false
artifacts:
  flights:
    path: models/model.txt
    type: model
    desc: Late or not
""",
    "scripts/train.py": _TRAIN,
    "requirements.txt": "# nothing\n",
    ".gitignore": "/.venv/\n",
    "data/.gitignore": "/raw\n",
    "models/.gitignore": "/model.txt\n",
}


def git(directory: Path, *arguments: str, when: int | None = None, stdin: str | None = None) -> str:
    """What a git command prints; `when` dates the commit or tag it makes."""
    dated = {} if when is None else {f"GIT_{role}_DATE": f"@{when} +0000" for role in ("AUTHOR", "COMMITTER")}
    command = ["git", "-C", str(directory), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, input=stdin, env={**os.environ, **dated})
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout.removesuffix("\n")


@dataclass
class Project:
    """One clone at `base / name`; origin and the DVC remote are its neighbours. Methods show a test's world inline."""

    base: Path
    name: str = "work"
    clock: Iterator[int] = field(default_factory=lambda: count(BEGIN, 60))

    @property
    def root(self) -> Path:
        """The clone's working tree."""
        return self.base / self.name

    @property
    def origin(self) -> Path:
        """The bare repository that `origin` names."""
        return self.base / "origin.git"

    @property
    def remote(self) -> Path:
        """The DVC remote's directory."""
        return self.base / "dvc-remote"

    def git(self, *arguments: str, when: int | None = None, stdin: str | None = None) -> str:
        """What a git command prints in this clone."""
        return git(self.root, *arguments, when=when, stdin=stdin)

    def put(self, path: str, text: str | bytes) -> Path:
        """Write a file of the working tree, with its directories."""
        there = self.root / path
        there.parent.mkdir(parents=True, exist_ok=True)
        there.unlink(missing_ok=True)  # never through a link into DVC's cache
        there.write_bytes(text.encode() if isinstance(text, str) else text)
        return there

    def commit(self, message: str = "change", *, push: bool = True) -> str:
        """Commit all that changed (or nothing) and push the branch; the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message, when=next(self.clock))
        if push:
            self.git("push", "--quiet", "origin", "HEAD")
        return self.git("rev-parse", "HEAD")

    @contextmanager
    def dvc(self) -> Iterator[Any]:
        """DVC's own `Repo` of this clone, with the clone as current directory and DVC's prints swallowed."""
        from dvc.repo import Repo

        with chdir(self.root), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()), Repo() as repo:
            yield repo

    def commit_version(
        self,
        *,
        model: str = "good",
        data: Mapping[str, str] | None = None,
        params: Mapping[str, object] | None = None,
        code: Mapping[str, str] | None = None,
        push: bool = True,
    ) -> str:
        """Change inputs, run the pipeline, push objects and branch; the commit.

        `model` becomes the model's text; `data` replaces the files of `data/raw`; `params` may set `score`, a metric;
        `code` writes other files.
        """
        settings = {"model": model, "score": 0.9, **(params or {})}
        self.put("params.yaml", "".join(f"{key}: {value}\n" for key, value in settings.items()))
        for path, text in (code or {}).items():
            self.put(path, text)
        if data is not None:
            shutil.rmtree(self.root / "data/raw", ignore_errors=True)
            for path, text in data.items():
                self.put(f"data/raw/{path}", text)
        with self.dvc() as repo:
            if data is not None:
                repo.add("data/raw")
            (self.root / "models/model.txt").unlink(missing_ok=True)
            runpy.run_path("scripts/train.py")
            repo.commit("dvc.yaml", force=True)
            if push:
                repo.push()
        return self.commit(f"Train {model}", push=push)

    def tag(
        self,
        name: str,
        *,
        commit: str = "HEAD",
        when: int | None = None,
        message: str = "by hand",
        push: bool = True,
    ) -> str:
        """Make an annotated tag as `gto` or a person would, and push it; the tag object's id."""
        self.git("tag", "--annotate", "--file=-", name, commit, when=when or next(self.clock), stdin=message)
        if push:
            self.git("push", "--quiet", "origin", f"refs/tags/{name}")
        return self.git("rev-parse", f"refs/tags/{name}")

    def register(self, version: str, *, commit: str = "HEAD") -> str:
        """Tag a version; the tag object's id."""
        return self.tag(f"{ARTIFACT}@{version}", commit=commit)

    def mark(self, version: str, mark: str) -> str:
        """Tag `stable` or `failed`; the tag object's id."""
        return self.assign(version, mark)

    def assign(self, version: str, stage: str) -> str:
        """Tag an assignment; the tag object's id."""
        commit = self.git("rev-parse", f"refs/tags/{ARTIFACT}@{version}^{{commit}}")
        used = self.git("tag", "--list", f"{ARTIFACT}#*").split()
        number = 1 + max((int(name.rpartition("#")[2]) for name in used), default=0)
        return self.tag(f"{ARTIFACT}#{stage}#{number}", commit=commit)

    def version(
        self,
        version: str,
        *,
        model: str = "good",
        data: Mapping[str, str] | None = None,
        params: Mapping[str, object] | None = None,
        mark: str | None = None,
        stages: Sequence[str] = (),
    ) -> str:
        """A new commit, registered as `version`, assigned to the stages, marked; the commit."""
        commit = self.commit_version(model=model, data=data, params=params)
        self.register(version)
        for stage in stages:
            self.assign(version, stage)
        if mark is not None:
            self.mark(version, mark)
        return commit

    def clone(self, name: str = "clone", *, depth: int | None = None, pull: bool = False) -> "Project":
        """Another clone of origin beside this one, whose clock goes on; with `pull` its data is there too."""
        options = [] if depth is None else [f"--depth={depth}"]
        git(self.base, "clone", "--quiet", *options, f"file://{self.origin}", name)
        there = Project(self.base, name, self.clock)
        if pull:
            with there.dvc() as repo:
                repo.pull()
        return there

    def copy(self, base: Path) -> "Project":
        """A copy of clone, origin and remote under `base`."""
        shutil.copytree(self.base, base, symlinks=True, dirs_exist_ok=True)
        there = Project(base, self.name, count(next(self.clock), 60))
        config = there.root / ".git/config"
        config.write_text(config.read_text().replace(str(self.base), str(base)))
        return there


def build(base: Path) -> Project:
    """The blank project: a trained pipeline in one pushed commit, no version yet."""
    git(base, "init", "--quiet", "--bare", "--template=", "origin.git")
    git(base, "init", "--quiet", "--template=", "work")
    project = Project(base)
    project.git("remote", "add", "origin", f"file://{project.origin}")
    for path, text in _FILES.items():
        project.put(path, text)
    project.commit_version(model="blank", data={"a.csv": "1\n2\n", "b/c.csv": "3\n"})
    project.git("push", "--quiet", "--set-upstream", "origin", "main")
    return project
