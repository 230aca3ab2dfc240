"""What every test stands on: nothing of the user's or the runner's configuration, and one real project to copy."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

BEGUN = time.time()

_STEERING = ("GIT_", "DVC_", "XDG_", "GITHUB_", "GITLAB_", "CI_", "LASTGOOD_")
_GITCONFIG = """\
[user]
    name = Ada
    email = ada@example.org
[init]
    defaultBranch = main
[advice]
    detachedHead = false
[gc]
    auto = 0
[protocol "file"]
    allow = always
"""


def _settings(home: Path) -> dict[str, str]:
    """The variables that make `home` all that git, DVC and lastgood know of the user."""
    return {
        name: str(value)
        for name, value in {
            "HOME": home,
            "GIT_CONFIG_GLOBAL": home / ".gitconfig",
            "GIT_CONFIG_SYSTEM": os.devnull,
            "GIT_CEILING_DIRECTORIES": home.parent,  # no repository around the temporary directory is found
            "XDG_CONFIG_HOME": home / "config",
            "XDG_CACHE_HOME": home / "cache",
            "XDG_DATA_HOME": home / "data",
            "XDG_STATE_HOME": home / "state",
            "XDG_CONFIG_DIRS": home / "etc",
            "DVC_GLOBAL_CONFIG_DIR": home / "dvc",
            "DVC_SYSTEM_CONFIG_DIR": home / "dvc-system",
            "DVC_SITE_CACHE_DIR": home / "site",
            "DVC_NO_ANALYTICS": "1",
            "DVC_TEST": "true",
            "COLUMNS": "80",
            "NO_COLOR": "1",
            "TERM": "dumb",
            "TZ": "UTC",
            "LC_ALL": "C.UTF-8",
        }.items()
    }


def _steering() -> list[str]:
    """The variables of CI, hooks and shells that would steer git, DVC or lastgood."""
    return [name for name in os.environ if name.startswith(_STEERING) or name in {"CI", "EMAIL", "FORCE_COLOR"}]


def _make_home() -> Path:
    """A home for this process, set before anything else is imported: libgit2 (pygit2) looks up the user's
    configuration when it is loaded and never again, and fixtures of a session run outside of every test."""
    home = Path(tempfile.mkdtemp(prefix="lastgood-home-"))
    (home / ".gitconfig").write_text(_GITCONFIG)
    for name in _steering():
        del os.environ[name]
    os.environ.update(_settings(home))
    return home


SESSION_HOME = _make_home()
for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:  # begun with `&` or `nohup`: what tests start would ignore it, too
        signal.signal(number, handler)

from lastgood.adapters.dvc import child  # noqa: E402  # after the home, see `_make_home`
from tests import forking  # noqa: E402  # the same
from tests.builders import Project, build  # noqa: E402  # the same
from tests.reliability import figures  # noqa: E402  # the same


def pytest_unconfigure() -> None:
    """Remove the home of this process."""
    shutil.rmtree(SESSION_HOME, ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what each sweep saw."""
    if lines := figures.summary(BEGUN):
        terminalreporter.section("sweeps")
        terminalreporter.write("".join(f"{line}\n" for line in lines))


def isolate(patch: pytest.MonkeyPatch, home: Path) -> None:
    """Make `home` all that git, DVC and lastgood know of the user; forget what CI, hooks and shells exported. Workers
    start as forks of this process, but for the tests that are about their start."""
    for name in _steering():
        patch.delenv(name)
    (home / ".gitconfig").write_text(_GITCONFIG)
    for name, value in _settings(home).items():
        patch.setenv(name, value)
    patch.setattr(child, "Popen", forking.ForkedWorker)


@pytest.fixture
def spawned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers start as they do for users: an interpreter of their own."""
    monkeypatch.setattr(child, "Popen", subprocess.Popen)


@pytest.fixture(scope="session")
def session_home() -> Path:
    """The home of all tests that do not write into theirs."""
    return SESSION_HOME


@pytest.fixture(autouse=True)
def _isolated(session_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, session_home)


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of this test's own, to write configuration into."""
    path = tmp_path_factory.mktemp("own-home")
    isolate(monkeypatch, path)
    return path


@pytest.fixture(scope="session")
def _blank(tmp_path_factory: pytest.TempPathFactory, session_home: Path) -> Project:
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, session_home)
        forking.warm_up()
        return build(tmp_path_factory.mktemp("blank"))


@pytest.fixture
def project(_blank: Project, tmp_path: Path) -> Project:
    """A git and DVC project with origin and DVC remote beside it: one commit, no version."""
    return _blank.copy(tmp_path)
