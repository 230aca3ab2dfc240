"""Where the story happens: a directory with its own git remote, DVC remote, home and settings; nothing outside it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from console import StoryError

_STEERING = ("GIT_", "DVC_", "XDG_", "GITHUB_", "GITLAB_", "CI_", "LASTGOOD_")
_GITCONFIG = "[advice]\n    detachedHead = false\n[init]\n    defaultBranch = main\n"
_CONFIG = """\
[register]
gate = "python -m pytest -q tests/model"

[environment]
lock = "requirements/model.txt"
"""


@dataclass(frozen=True, slots=True)
class Scratch:
    """The places of the story, below one directory."""

    directory: Path

    @property
    def origin(self) -> Path:
        """The git remote, a bare repository. The DVC remote lies beside it, where `.dvc/config` looks for it."""
        return self.directory / "origin.git"

    @property
    def engineer(self) -> Path:
        """The clone that somebody works in; it is also a machine that follows prod."""
        return self.directory / "engineer"

    @property
    def server(self) -> Path:
        """A second machine that follows prod, without a working tree."""
        return self.directory / "server"

    @property
    def plain(self) -> Path:
        """The clone of somebody who knows git and DVC only."""
        return self.directory / "plain"


def environment(home: Path) -> dict[str, str]:
    """The environment of the story: this Python first, and nothing of the user's or the runner's configuration."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_STEERING) and name not in {"CI", "EMAIL", "FORCE_COLOR", "PYTHONPATH"}
    }
    home.mkdir(parents=True, exist_ok=True)
    (home / ".gitconfig").write_text(_GITCONFIG, encoding="utf-8")
    return kept | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "HOME": str(home),
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "DVC_GLOBAL_CONFIG_DIR": str(home / "dvc"),
        "DVC_SYSTEM_CONFIG_DIR": str(home / "dvc-system"),
        "DVC_SITE_CACHE_DIR": str(home / "site"),
        "DVC_NO_ANALYTICS": "1",
        "COLUMNS": "78",
        "NO_COLOR": "1",
        "TERM": "dumb",
        "LC_ALL": "C.UTF-8",
        # Threads that wait asleep: those of LightGBM would spin, and on a busy machine take ten times as long.
        "OMP_WAIT_POLICY": "passive",
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
    }


def make_origin(repository: Path, origin: Path, variables: dict[str, str]) -> None:
    """Make a bare repository whose one branch, main, is the HEAD of another, without its tags and its remote.

    A shallow repository (as CI checks it out) cannot register versions: of that one, main is one new commit with the
    tree of HEAD. Raises `StoryError`.
    """
    head = git(repository, "rev-parse", "HEAD")
    git(repository, "clone", "--quiet", "--bare", "--no-tags", "--single-branch", str(repository), str(origin))
    if git(origin, "rev-parse", "--is-shallow-repository") == "true":
        who = ["-c", "user.name=lastgood", "-c", "user.email=demo@localhost"]
        head = git(origin, *who, "commit-tree", "-m", f"The files of {head}", f"{head}^{{tree}}", variables=variables)
        (origin / "shallow").unlink()
    for ref in git(origin, "for-each-ref", "--format=%(refname)").splitlines():
        git(origin, "update-ref", "--no-deref", "-d", ref)
    git(origin, "update-ref", "refs/heads/main", head)
    git(origin, "symbolic-ref", "HEAD", "refs/heads/main")
    git(origin, "remote", "remove", "origin")


def configure(clone: Path) -> None:
    """Who commits in a clone; and the settings of lastgood if the commit has none."""
    for key, value in {"user.name": "Ada", "user.email": "ada@example.org", "gc.auto": "0"}.items():
        git(clone, "config", key, value)
    if not (clone / "lastgood.toml").exists():
        (clone / "lastgood.toml").write_text(_CONFIG, encoding="utf-8")
        git(clone, "add", "lastgood.toml")


def git(directory: Path, *arguments: str, variables: dict[str, str] | None = None) -> str:
    """Ask git something in a directory, with the user's own settings unless told otherwise. Raises `StoryError`."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=directory, env=variables or own, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StoryError(f"exit code {done.returncode} of: {' '.join(command)}", done.stderr)
    return done.stdout.strip()


def require_tools(commands: Sequence[str], variables: dict[str, str]) -> None:
    """Raise `StoryError` when the story cannot be told here."""
    missing = [command for command in commands if shutil.which(command, path=variables["PATH"]) is None]
    if missing:
        raise StoryError(f"{', '.join(missing)} cannot be found; run: make demo, which sets everything up")


def remove(directory: Path) -> None:
    """Remove the story's directory; releases in it are read-only."""
    for place in directory.rglob("*"):
        if place.is_dir() and not place.is_symlink():
            place.chmod(0o700)
    shutil.rmtree(directory)
