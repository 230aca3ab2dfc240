"""Results of the peers, real `gto` and `dvc` processes, and those of lastgood in the same shape."""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dvc.cli import main as dvc_main
from gto.cli import app as gto_app

from lastgood.core.events import Kind, Mark
from lastgood.core.registry import History
from lastgood.project import Project as Opened
from lastgood.registry import view
from tests import forking
from tests.builders import ARTIFACT, Project

PROGRAMS: dict[str, Callable[[list[str]], int | None]] = {"gto": gto_app, "dvc": dvc_main}
"""What the executables call."""
GTO_KINDS = {
    "registration": "registered",
    "assignment": "assigned",
    "deregistration": "deregistered",
    "unassignment": "unassigned",
    "deprecation": "deprecated",
}


@dataclass
class Clock:
    """The machine's clock as lastgood sees it: the real one, shifted by some seconds, or held."""

    shift: int = 0
    held: int | None = None

    def __call__(self) -> int:
        return (int(time.time()) if self.held is None else self.held) + self.shift

    def hold(self) -> None:
        """Let no second pass any more."""
        self.held = int(time.time())


def opened(project: Project, clock: Clock | None = None) -> Opened:
    """lastgood's project of a clone, with a clock that the test may set."""
    there = Opened.open(project.root)
    there.now = clock or Clock()
    return there


def run(program: str, *arguments: str, cwd: Path) -> str:
    """What a command of `gto` or `dvc` prints, in a process of its own; it must succeed."""
    code, out, errors = forking.run(lambda: sys.exit(PROGRAMS[program]([*arguments])), cwd)
    if code != 0:
        raise AssertionError(f"{program} {' '.join(arguments)}: {out}{errors}")
    return out


def gto(project: Project, *arguments: str) -> str:
    """`gto` in a clone. What it writes is followed by nothing in the same second: it orders by whole ones, and people
    are not that quick."""
    said = run("gto", *arguments, cwd=project.root)
    if "--push" in arguments:
        time.sleep(1 - time.time() % 1)
    return said


@dataclass(frozen=True)
class Answer:
    """What a tool says of an artifact: its greatest version and what each stage holds, marks among them."""

    latest: str | None
    stages: dict[str, str] = field(default_factory=dict)


def gto_show(project: Project, artifact: str = ARTIFACT) -> Answer:
    """What `gto show` says, from a clone's tags."""
    said: dict[str, Any] = json.loads(gto(project, "show", "--json"))[artifact]
    return Answer(said["version"], {stage: version for stage, version in said["stage"].items() if version})


def gto_history(project: Project) -> list[tuple[str, str | None, str | None, str]]:
    """Kind, version, stage and tag of every event, newest first, as `gto history` has them."""
    return [
        (GTO_KINDS[event["event"]], event["version"], event["stage"], event["ref"])
        for event in json.loads(gto(project, "history", "--json"))
    ]


def dvc_get(project: Project, *which: str, artifact: str = ARTIFACT) -> bytes:
    """What `dvc artifacts get` downloads of origin's artifact: `--rev v1.0.0`, `--stage prod`, or the latest."""
    out = project.base / f"got-{time.monotonic_ns()}"
    remote = ("--remote", "storage", "--remote-config", f"url={project.remote}")
    run(
        "dvc",
        "artifacts",
        "get",
        f"file://{project.origin}",
        artifact,
        *which,
        *remote,
        "-q",
        "-o",
        str(out),
        cwd=project.base,
    )
    return out.read_bytes()


def read(there: Opened) -> History:
    """lastgood's history of the one artifact, fetched."""
    return view.read(there, fetch=True).registry.only()


def lastgood_show(there: Opened) -> Answer:
    """lastgood's answer in the shape of `gto show`'s."""
    history = read(there)
    standing = [version.text for version in history.versions if not version.deregistered]
    stages = {stage: event.version for stage, event in history.assigned.items()}
    if history.last_stable is not None:
        stages[Mark.STABLE] = history.last_stable.text
    failed = [event for event in history.events if event.kind is Kind.MARKED and event.stage == Mark.FAILED]
    if failed:
        stages[Mark.FAILED] = failed[-1].version
    return Answer(standing[-1] if standing else None, {str(stage): version for stage, version in stages.items()})


def lastgood_history(there: Opened) -> list[tuple[str, str | None, str | None, str]]:
    """Kind, version, stage and tag of every event, newest first; a mark is an assignment to GTO."""
    kinds = {Kind.MARKED: "assigned"}
    return [
        (str(kinds.get(event.kind, event.kind)), event.version or None, event.stage, event.tag)
        for event in reversed(read(there).events)
    ]


def same_files(one: Path, two: Path, *, without: frozenset[str] = frozenset()) -> None:
    """Assert that two directories hold the same files with the same bytes; `without` are paths left out."""
    assert snapshot(one, without) == snapshot(two, without)


def snapshot(root: Path, without: frozenset[str] = frozenset()) -> dict[str, bytes | str]:
    """Every file below a directory by its path: its bytes, or where a link leads."""
    found: dict[str, bytes | str] = {}
    for directory, names, files in os.walk(root):
        inside = Path(directory).relative_to(root)
        names[:] = [name for name in names if (inside / name).as_posix() not in without]
        for name in files:
            path = (inside / name).as_posix()
            file = root / path
            if path not in without:
                found[path] = str(file.readlink()) if file.is_symlink() else file.read_bytes()
    return found
