"""What the story says: commands as one types them, their real output, trimmed to a page of 80 columns."""

import os
import shlex
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

WIDTH = 80
INDENT = "  "
PATIENCE = 3
"""Seconds that a command is given to end after an interrupt, before it gets a harder one."""


class StoryError(Exception):
    """The story cannot go on: what happened, and the output of the command that failed."""

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(message)
        self.output = output


class Console:
    """Runs commands in one directory at a time and shows them; `timings` are the seconds of each chapter."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self.directory = directory
        self.environment = environment
        self.timings: list[tuple[str, float]] = []
        self._began = time.monotonic()

    def chapter(self, title: str) -> None:
        """Begin a chapter; the one before it ends."""
        self.close()
        self.timings.append((title, 0.0))
        print(f"\n== {len(self.timings)}. {title} {'=' * (WIDTH - len(title) - 7)}", flush=True)

    def close(self) -> None:
        """End the last chapter."""
        now = time.monotonic()
        if self.timings:
            self.timings[-1] = (self.timings[-1][0], now - self._began)
        self._began = now

    def say(self, words: str) -> None:
        """Tell the reader something."""
        print("\n" + textwrap.fill(words, WIDTH, break_on_hyphens=False), flush=True)

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Show rows as columns; the first is on the left, the others on the right."""
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for first, *others in rows:
            cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
            print(f"{INDENT}{'  '.join([first.ljust(widths[0]), *cells])}".rstrip(), flush=True)

    def enter(self, directory: Path) -> None:
        """Work in another directory from now on."""
        if directory != self.directory:
            print(f"$ cd {os.path.relpath(directory, self.directory)}", flush=True)
            self.directory = directory

    def run(self, *command: str, limit: int = 8, only: str = "") -> str:
        """Run a command and show it with its first lines (those that begin with `only`). Returns its output.

        Raises `StoryError` with the output when the command fails.
        """
        for line in typed(command):
            print(line, flush=True)
        started = time.monotonic()
        shown, output = 0, []
        for line in self._lines(command):
            output.append(line)
            if shown < limit and line.startswith(only):
                shown += 1
                show(line)
        more = len(output) - shown
        took = time.monotonic() - started
        notes = [f"… {more} more line{'s' * (more > 1)}"] * (more > 0) + [f"({took:.1f} s)"] * (took >= 1)
        if notes:
            print(f"{INDENT}{' '.join(notes)}", flush=True)
        return "\n".join(output)

    def ask(self, *command: str) -> str:
        """Run a command for its standard output alone and show nothing. Raises `StoryError` when it fails."""
        done = subprocess.run(
            command, cwd=self.directory, env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise StoryError(f"exit code {done.returncode} of: {shlex.join(command)}", done.stderr or done.stdout)
        return done.stdout.strip()

    def _lines(self, command: Sequence[str]) -> Iterator[str]:
        """The lines of a command's output as they come, without empty ones. Raises `StoryError` when it fails."""
        last: list[str] = []
        with subprocess.Popen(
            command,
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            try:
                for line in process.stdout or ():
                    if text := line.rstrip().rpartition("\r")[2]:
                        last = [*last[-30:], text]
                        yield text
            except BaseException:
                stop(process)
                raise
        if process.returncode:
            raise StoryError(f"exit code {process.returncode} of: {shlex.join(command)}", "\n".join(last))


def typed(command: Sequence[str]) -> list[str]:
    """A command as one types it, in lines that fit."""
    lines, line = [], "$"
    for word in map(shlex.quote, command):
        if len(line) + len(word) + 3 > WIDTH and line != "$":
            lines.append(f"{line} \\")
            line = "   "
        line = f"{line} {word}"
    return [*lines, line]


def show(line: str) -> None:
    """Show a line of output below its command; a long one is folded between words."""
    room = WIDTH - len(INDENT)
    for part in textwrap.wrap(line, room, break_on_hyphens=False) if len(line) > room else [line]:
        print(f"{INDENT}{part}", flush=True)


def stop(process: "subprocess.Popen[str]") -> None:
    """End a command that nobody waits for any more: a terminal has interrupted it too, else it is asked, then made."""
    for end in (None, signal.SIGINT, signal.SIGKILL):
        if end is not None:
            process.send_signal(end)
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
            return


def told(tell: Callable[[], int]) -> int:
    """The exit code of a story, whose failures and interrupts are told."""
    try:
        return tell()
    except StoryError as error:
        print(textwrap.indent(error.output.strip(), INDENT), flush=True)
        print(f"error: the story ends here: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
