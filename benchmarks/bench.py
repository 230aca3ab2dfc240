"""One run of the benchmarks: its scale, its worlds, made once each, and its progress."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import measuring, projects
from benchmarks.machine import Machine
from benchmarks.measuring import Measured, Side
from benchmarks.projects import FILE_SIZE, World
from benchmarks.registry import write_registry

FEW_FILES = 10
"""Files beside a small model in the project whose tags are what counts."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How large the projects are: numbers of files, bytes of the model, versions of the registry (four tags each).

    With `one` all rows share one project and nothing warms up, which is quick and says nothing about speed.
    """

    files: int
    many: int
    few: int
    model: int
    versions: int
    rounds: int
    one: bool = False


SCALES = {
    "full": Scale(10_000, 100_000, 100, 200_000_000, 1_000, 5),
    "small": Scale(30, 30, 30, 100_000, 10, 1, one=True),
}


@dataclass
class Bench:
    """What the rows share. `mlflow` is the environment that MLflow is installed in, if it is."""

    machine: Machine
    scale: Scale
    rounds: int
    mlflow: Path | None = None
    started: float = field(default_factory=time.monotonic)
    _worlds: dict[str, World] = field(default_factory=dict)
    _done: dict[str, Measured] = field(default_factory=dict)

    def say(self, line: str) -> None:
        """Progress, with the minutes since the start."""
        passed = time.monotonic() - self.started
        print(f"{passed // 60:3.0f}:{passed % 60:02.0f} {line}", file=sys.stderr, flush=True)

    def world(self, files: int) -> World:
        """The project with so many files and the model."""
        if self.scale.one:
            return self.registry()
        return self._make(
            f"files-{files}", lambda base: projects.build(self.machine, base, files, self.scale.model, say=self.say)
        )

    def registry(self) -> World:
        """A small project on top of a registry with many versions and tags."""
        return self._make("registry", self._build_registry)

    def alternate(self, sides: Sequence[Side], check: Callable[[], None]) -> Measured:
        """Measure the sides in turn; see `measuring.alternate`."""
        return measuring.alternate(sides, self.rounds, check, self.say, warm_up=not self.scale.one)

    def once(self, key: str, measure: Callable[[], Measured]) -> Measured:
        """What was measured under this key, for rows that look at the same runs."""
        if key not in self._done:
            self._done[key] = measure()
        return self._done[key]

    def _make(self, name: str, build: Callable[[Path], World]) -> World:
        if name not in self._worlds:
            base = self.machine.scratch / name
            projects.remove(base)  # what an attempt that failed has left
            self._worlds[name] = build(base)
        return self._worlds[name]

    def _build_registry(self, base: Path) -> World:
        return projects.build(
            self.machine,
            base,
            self.scale.files if self.scale.one else FEW_FILES,
            self.scale.model if self.scale.one else FILE_SIZE,
            say=self.say,
            fill=lambda origin: write_registry(origin, self.scale.versions),
            versions=("v99.0.1", "v99.0.2"),  # GTO shows seven characters
        )
