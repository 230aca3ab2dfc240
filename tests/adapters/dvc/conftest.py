"""Real git and DVC repositories; one is built per session and copied per test."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path, PurePosixPath

import pytest

from lastgood.adapters.dvc.store import Store
from lastgood.adapters.dvc.version import Pinned, read_version
from tests.adapters.dvc.server import Server


@pytest.fixture(autouse=True)
def _spawned(spawned: None) -> None:
    """The worker's start is tested, too."""


def run_git(directory: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(directory), *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def oid(data: bytes) -> str:
    return md5(data, usedforsecurity=False).hexdigest()


TOP = PurePosixPath()
Git = Callable[..., str]


@dataclass(frozen=True)
class Project:
    """A git repository with a DVC project at `root / sub` and a directory as its remote."""

    root: Path
    remote: Path
    sub: PurePosixPath = TOP

    @property
    def path(self) -> Path:
        return self.root / self.sub

    @property
    def store(self) -> Store:
        return Store(self.path, deadline=20)

    def put(self, name: str, text: str | bytes) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def cache_object(self, data: bytes, *, suffix: str = "", legacy: bool = False) -> str:
        """Put an object into the cache and return its id."""
        identifier = oid(data) + suffix
        path = self.store.cache().path_of(identifier, legacy=legacy)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(0o444)
        return identifier

    def listing(self, **members: bytes) -> str:
        """Put a directory's members and its listing into the cache and return the listing's id."""
        entries = [{"md5": self.cache_object(data), "relpath": name} for name, data in sorted(members.items())]
        return self.cache_object(json.dumps(entries).encode(), suffix=".dir")

    def commit(self, message: str = "change") -> str:
        run_git(self.root, "add", "-A")
        run_git(self.root, "commit", "-q", "--allow-empty", "-m", message)
        return run_git(self.root, "rev-parse", "HEAD")

    def read(self, commit: str = "HEAD", *, trusted: frozenset[str] | None = None) -> Pinned:
        full = run_git(self.root, "rev-parse", commit)
        return read_version(self.root, full, self.sub, trusted_remotes=trusted)

    def remote_object(self, md5: str, *, legacy: bool = False) -> Path:
        base = self.remote if legacy else self.remote / "files" / "md5"
        return base / md5[:2] / md5[2:]


PIPELINE = """\
stages:
  prepare:
    cmd: prepare
    deps: [data/raw]
    params: [prepare.rows]
    outs: [data/prepared]
  train:
    cmd: train
    deps: [data/prepared]
    params: [train.trees]
    outs: [models/model.txt]
    metrics:
    - models/metrics.json:
        cache: false
artifacts:
  flights:
    path: models/model.txt
    type: model
    desc: Late or not
    labels: [delay]
"""


def _lock(raw: str, prepared: str, model: str, metrics: str) -> str:
    return f"""\
schema: '2.0'
stages:
  prepare:
    cmd: prepare
    deps:
    - {{path: data/raw, hash: md5, md5: {raw}, size: 6, nfiles: 2}}
    params:
      params.yaml:
        prepare.rows: 100
    outs:
    - {{path: data/prepared, hash: md5, md5: {prepared}, size: 4, nfiles: 1}}
  train:
    cmd: train
    deps:
    - {{path: data/prepared, hash: md5, md5: {prepared}, size: 4, nfiles: 1}}
    params:
      params.yaml:
        train.trees: 7
    outs:
    - {{path: models/metrics.json, hash: md5, md5: {metrics}, size: 30}}
    - {{path: models/model.txt, hash: md5, md5: {model}, size: 5}}
"""


def flights(project: Project) -> Project:
    """The flights pipeline, reproduced and committed, its objects in the cache and its outputs in the working tree."""
    metrics = '{"auc": 0.75, "by": {"month": {"jan": 0.5}}}'
    raw = project.listing(**{"a.csv": b"aaa", "b.csv": b"bbb"})
    prepared = project.listing(**{"all.csv": b"aabb"})
    model = project.cache_object(b"model")
    project.put("dvc.yaml", PIPELINE)
    project.put("dvc.lock", _lock(raw, prepared, model, oid(metrics.encode())))
    project.put("data/raw.dvc", f"outs:\n- md5: {raw}\n  size: 6\n  nfiles: 2\n  hash: md5\n  path: raw\n")
    project.put("params.yaml", "prepare:\n  rows: 100\ntrain:\n  trees: 7\n  rate: 0.1\n")
    project.put("models/metrics.json", metrics)
    project.put("models/.gitignore", "/model.txt\n")
    project.put("data/.gitignore", "/raw\n/prepared\n")
    for name, data in {"data/raw/a.csv": b"aaa", "data/raw/b.csv": b"bbb", "data/prepared/all.csv": b"aabb"}.items():
        project.put(name, data)
    project.put("models/model.txt", b"model")
    project.commit("flights")
    return project


def _new(base: Path, sub: PurePosixPath = TOP) -> Project:
    project = Project(base / "work", base / "remote", sub)
    project.path.mkdir(parents=True)
    run_git(base, "init", "-q", "work")
    project.put(".dvc/.gitignore", "/config.local\n/tmp\n/cache\n")
    project.put(".dvcignore", "")
    configure(project)
    return project


def configure(project: Project) -> None:
    project.put(".dvc/config", "[core]\n    remote = here\n    analytics = false\n")
    project.put(".dvc/config.local", f"['remote \"here\"']\n    url = {project.remote}\n")


@pytest.fixture(scope="session")
def _base(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return flights(_new(tmp_path_factory.mktemp("base")))


@pytest.fixture
def project(_base: Project, tmp_path: Path) -> Project:
    """The flights project, nothing pushed yet."""
    shutil.copytree(_base.root, tmp_path / "work", symlinks=True)
    copy = Project(tmp_path / "work", tmp_path / "remote")
    configure(copy)
    return copy


@pytest.fixture
def nested(tmp_path: Path) -> Project:
    """The flights project in `teams/air` of a monorepo."""
    return flights(_new(tmp_path, PurePosixPath("teams/air")))


@pytest.fixture
def blank(tmp_path: Path) -> Project:
    """A DVC project with no output."""
    return _new(tmp_path)


@pytest.fixture
def git() -> Git:
    """`git(directory, *arguments)`."""
    return run_git


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """An HTTP server that keeps what it is sent."""
    with Server(tmp_path / "served").running() as server:
        yield server


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Server]:
    """Another one."""
    with Server(tmp_path / "served elsewhere").running() as server:
        yield server
