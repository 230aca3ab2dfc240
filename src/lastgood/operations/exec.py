"""Running a command in a version's own code, data, model and environment; nothing is switched or recorded."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from lastgood.adapters.git.command import Git
from lastgood.adapters.process import is_there
from lastgood.core.references import find_version
from lastgood.core.registry import History, Version
from lastgood.core.selection import whole
from lastgood.errors import Finding, Flaw
from lastgood.machine.delivery import ensure_release
from lastgood.project import Project
from lastgood.registry.view import View, read
from lastgood.releases.release import Release, release_path
from lastgood.releases.scratch import scratch
from lastgood.releases.staging import clean_staging
from lastgood.releases.use import using
from lastgood.versions.environments import ensure_environment, environment_of, variables
from lastgood.versions.manifests import read_manifest
from lastgood.versions.restorable import require_restorable

NOT_FOUND = 127
NOT_EXECUTABLE = 126
"""As shells answer for a command that is not there, and for one that cannot be run."""

_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_FROM_KEYBOARD = frozenset({signal.SIGINT, signal.SIGQUIT})


class CommandError(Exception):
    """The command cannot be started; `code` is what a shell answers then."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Prepared:
    """What is about to run: a version, its release, its environment (`None`: the caller's)."""

    view: View
    history: History
    version: Version
    release: Release
    environment: Path | None

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What keeps the answer from being the version's alone."""
        if self.environment is not None:
            return ()
        text = f"{self.version.text} pins no environment lock: it runs in the environment of its caller"
        return (Finding(Flaw.NO_LOCK, self.version.text, text),)


def execute(
    project: Project,
    reference: str,
    command: Sequence[str],
    *,
    fetch: bool = False,
    on_ready: Callable[[Prepared], None] = lambda _prepared: None,
) -> int:
    """Run a command in a version, in a scratch copy that is removed afterwards. Its exit code, as a shell has it.

    Release and environment are built first where they are not here, and held against `prune` until the end.
    `on_ready` is called before the command starts. Raises `UnknownError`, `FindingsError`, `UnreachableError`,
    `NotCarriedOutError`, `CommandError`; then the command was not started.
    """
    with working(project, reference, fetch=fetch) as (prepared, tree, environment):
        on_ready(prepared)
        return run(command, tree, environment)


@contextmanager
def working(
    project: Project, reference: str, *, fetch: bool = False
) -> Iterator[tuple[Prepared, Path, Mapping[str, str]]]:
    """A scratch copy of a version and the variables for what runs in it; the copy is removed afterwards."""
    clean_staging(project.place)
    with _prepared(project, reference, fetch=fetch) as prepared, scratch(project.place, prepared.release) as tree:
        fence(tree.parent)
        yield prepared, tree, _variables(prepared, tree, os.environ)


@contextmanager
def _prepared(project: Project, reference: str, *, fetch: bool) -> Iterator[Prepared]:
    """Held before it is looked for: what `prune` removes in between is found missing, and built."""
    view = read(project, fetch=fetch)
    history, version = find_version(view.registry, reference)
    manifest = read_manifest(project, history, version)
    environment = environment_of(project, manifest)
    place = project.place.create()
    path = release_path(place, manifest, whole(manifest))
    with using(place, path), using(place, environment or path):
        require_restorable(project, history, version, here=True, stage=None)
        release = ensure_release(project, manifest, None)
        yield Prepared(view, history, version, release, ensure_environment(project, manifest))


def fence(directory: Path) -> None:
    """End every search upwards here: an empty git repository, without which DVC would not run, and an empty project.

    A ceiling alone would not do: DVC looks for both on its own, and the scratch directory lies below a repository.
    """
    Git(directory).run("init", "--quiet", "--template=")
    (directory / ".dvc").mkdir()
    (directory / ".dvc" / "config").touch()


def _variables(prepared: Prepared, tree: Path, caller: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in caller.items() if not name.startswith("GIT_")}
    return {
        **variables(prepared.environment, kept),
        "GIT_CEILING_DIRECTORIES": str(tree.parent.parent),
        "LASTGOOD_ARTIFACT": prepared.history.artifact,
        "LASTGOOD_VERSION": prepared.version.text,
        "LASTGOOD_RELEASE": str(prepared.release.path),
        "PWD": str(tree),
    }


def run(command: Sequence[str], directory: Path, environment: Mapping[str, str]) -> int:
    """Run a command to its end, with our standard streams; signals sent to us reach it. 128+n when signal n killed it.

    Raises `CommandError` when it cannot be started.
    """
    with _forwarding() as forward_to:
        try:
            process = subprocess.Popen([*command], cwd=directory, env=dict(environment))
        except (OSError, ValueError) as error:
            if isinstance(error, FileNotFoundError) or not is_there(command[0], environment):
                raise CommandError(f"{command[0]}: command not found", NOT_FOUND) from error
            raise CommandError(f"{command[0]}: {error}", NOT_EXECUTABLE) from error
        forward_to(process)
        code = process.wait()
    return code if code >= 0 else 128 - code


@contextmanager
def _forwarding() -> Iterator[Callable[["subprocess.Popen[bytes]"], None]]:
    """Pass signals on to a process instead of dying of them; those that came before it started, then.

    What our caller ignores (`nohup`) stays ignored, by the process too. What the keyboard sends reaches the whole
    foreground group, and so the process without us: passed on, it would come twice.
    """
    process: subprocess.Popen[bytes] | None = None
    early: list[int] = []

    def forward(number: int, _frame: FrameType | None) -> None:
        if process is None:
            early.append(number)
        elif not (number in _FROM_KEYBOARD and _in_foreground()):
            process.send_signal(number)

    def start(started: "subprocess.Popen[bytes]") -> None:
        nonlocal process
        process = started
        for number in early:
            process.send_signal(number)

    former = {number: signal.getsignal(number) for number in _FORWARDED}
    taken = {number: handler for number, handler in former.items() if handler is not signal.SIG_IGN}
    for number in taken:
        signal.signal(number, forward)
    try:
        yield start
    finally:
        for number, handler in taken.items():
            signal.signal(number, handler)


def _in_foreground() -> bool:
    """Whether we belong to the group of processes that the keyboard's signals go to."""
    with suppress(OSError):
        terminal = os.open(os.ctermid(), os.O_RDONLY | os.O_NOCTTY)
        try:
            return os.tcgetpgrp(terminal) == os.getpgrp()
        finally:
            os.close(terminal)
    return False
