"""Progress on standard error: one line that changes on a terminal, a line a step elsewhere; it fails no command."""

import sys
import time
from contextlib import suppress

from lastgood.cli.output import text

INTERVAL = 0.1
STEPS = {
    "fetch": "asking the git remote",
    "check": "checking that the commit can be restored",
    "gate": "running the gate",
    "prove": "hashing the outputs",
    "upload": "uploading what the DVC remote lacks",
    "fetch objects": "fetching what is missing here",
    "build": "building the release",
    "build environment": "building the environment",
    "push": "publishing",
    "switch": "switching",
    "prune": "removing what is not needed",
    "health": "running the health command",
}
"""Steps worth a word. The others take milliseconds."""


class Progress:
    """Told of steps and transfers by the operations; `clear` before anything else is written."""

    def __init__(self, *, silent: bool = False) -> None:
        self.silent = silent
        self._terminal = sys.stderr.isatty()
        self._shown = ""
        self._last = 0.0

    def step(self, name: str) -> None:
        """A step begins."""
        if self.silent or name not in STEPS:
            return
        if self._terminal:
            self._update(STEPS[name])
        else:
            self._write(f"{STEPS[name]}\n")

    def report(self, doing: str, done: int, total: int, size: int) -> None:
        """How far a step is; shown on a terminal only."""
        now = time.monotonic()
        if self.silent or not self._terminal or (now - self._last < INTERVAL and done < total):
            return
        self._last = now
        moved = f", {text.size(size)}" if size else ""
        self._update(f"{text.one_line(doing)} {done}/{total}{moved}")

    def clear(self) -> None:
        """Take the changing line away."""
        if self._shown:
            self._write("\r" + " " * len(self._shown) + "\r")
            self._shown = ""

    def _update(self, line: str) -> None:
        line = line[: text.columns() - 1]
        self._write("\r" + line.ljust(len(self._shown)))
        self._shown = line

    def _write(self, words: str) -> None:
        with suppress(OSError, ValueError):  # nobody reads it any more: no reason to stop half-way
            sys.stderr.write(words)
            sys.stderr.flush()
