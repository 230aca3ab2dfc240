"""Progress on standard error: one line that changes on a terminal, a line a step elsewhere; it fails no command."""

import os
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from lastgood.cli.output import bar, streams, text

if TYPE_CHECKING:
    from lastgood.adapters.dvc.progress import Progress as Transfer

INTERVAL = 0.1
STEPS = {
    "fetch": "reading the git remote",
    "check": "checking that the commit can be restored",
    "gate": "running the gate",
    "prove": "hashing the outputs",
    "upload": "uploading what the DVC remote lacks",
    "fetch objects": "fetching what is missing here",
    "build": "building the release",
    "build environment": "building the environment",
    "push": "publishing",
    "switch": "switching",
    "prune": "removing what this machine does not need",
    "survey": "finding what is needed",
    "remove": "removing from the DVC remote",
    "look": "finding what is wrong",
    "mend": "pushing what the DVC remote lost",
    "health": "running the health command",
}
"""Steps worth a word. The others take milliseconds."""


class Progress:
    """Told of steps and transfers by the operations; `clear` before anything else is written."""

    def __init__(self, *, silent: bool = False) -> None:
        self.silent = silent
        self._terminal = streams.is_terminal("stderr")
        self._shown = ""
        self._last = 0.0
        self._phase: tuple[str, int] = ("", 0)
        self._since = 0.0
        self._ended = False

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
        if self._is_due(ended=done >= total):
            facts = bar.of(done, total) + (f", {text.size(size)}" if size else "")
            self._update(bar.line(text.one_line(doing), done, total, [facts], self._room()))

    def transfer(self, now: "Transfer") -> None:
        """How far files are on their way; elsewhere than on a terminal one line at the start and one at the end."""
        if self.silent:
            return
        phase = (now.doing, now.total)
        if phase != self._phase or (self._ended and now.done < now.total):
            self._phase, self._since, self._ended = phase, time.monotonic(), False
            self._tell(now, "")
        elapsed = time.monotonic() - self._since
        ended = now.done >= now.total
        if ended and not self._ended:
            self._tell(now, f" done in {bar.span(elapsed)}")
        self._ended = ended
        if self._is_due(ended=ended):
            self._update(bar.of_transfer(now, elapsed, self._room()))

    def _tell(self, now: "Transfer", end: str) -> None:
        if now.moves and not self._terminal:
            moved = now.bytes if end else now.size
            size = f", {text.size(moved)}" if moved else ""
            self._write(f"{text.one_line(now.doing)}: {now.total:,} {bar.noun(now.total)}{size}{end}\n")

    def _is_due(self, *, ended: bool) -> bool:
        now = time.monotonic()
        if self.silent or not self._terminal or (now - self._last < INTERVAL and not ended):
            return False
        self._last = now
        return True

    def clear(self) -> None:
        """Take the changing line away."""
        if self._shown:
            self._write("\r" + " " * len(self._shown) + "\r")
            self._shown = ""

    def _room(self) -> int:
        """Columns of the terminal that standard error is; the last one stays empty, or some terminals wrap."""
        if not os.environ.get("COLUMNS"):
            with suppress(OSError, ValueError):
                return (os.get_terminal_size(sys.stderr.fileno()).columns or 80) - 1
        return text.columns() - 1

    def _update(self, line: str) -> None:
        line = line[: self._room()]
        self._write("\r" + line.ljust(len(self._shown)))
        self._shown = line

    def _write(self, words: str) -> None:
        streams.send("stderr", words)
