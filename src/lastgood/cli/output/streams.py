"""Standard output and standard error, which may be full, closed or without a reader. Telling never raises.

Everything that lastgood says passes `write`. What was decided is carried out whether or not anybody can be told.
"""

import errno
import os
import select
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from lastgood.cli.output import text

PIECE = 4096
"""Bytes written at once: a pipe that is ready takes so many without blocking (POSIX, PIPE_BUF)."""
PATIENCE = 10.0
"""Seconds in all that a changing command waits for a reader that does not read: a stopped terminal, a hung log."""


@dataclass
class Outlet:
    """What became of the output of one run. `lost` holds, by stream name, why words were lost last.

    `patience`: seconds left to wait for readers; `None` waits for as long as the reader takes.
    """

    lost: dict[str, str] = field(default_factory=dict)
    patience: float | None = None
    quiet: set[str] = field(default_factory=set)
    """Streams without a reader: closed, or a pipe whose other end is gone. Nobody asked for these words."""


outlet = Outlet()


def begin() -> None:
    """Start a run: give closed standard streams a place, so that no file that is opened later becomes one of them."""
    outlet.lost, outlet.patience, outlet.quiet = {}, None, set()
    for number in (0, 1, 2):
        with suppress(OSError):
            os.fstat(number)
            continue
        with suppress(OSError):
            _occupy(number)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None or stream.closed:
            outlet.quiet.add(name)
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  # it stays open
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _occupy(number: int) -> None:
    there = os.open(os.devnull, os.O_RDWR)
    if there != number:
        os.dup2(there, number)
        os.close(there)
    os.set_inheritable(number, True)


def write(name: str, words: str, *, end: str = "\n") -> bool:
    """Write to `stdout` or `stderr`; `False` when words were lost. No password in an address gets further."""
    if not words:
        return True
    return send(name, text.clean(text.without_secrets(words), keep="\n") + end)


def send(name: str, words: str) -> bool:
    """Write to `stdout` or `stderr` as it is; `False` when words were lost that somebody may still want.

    Never raises for what the stream does.
    """
    if name in outlet.quiet:
        return True
    stream: TextIO = getattr(sys, name)
    try:
        _put(stream, words)
    except (BrokenPipeError, ValueError):  # the reader left, or somebody closed the stream
        outlet.quiet.add(name)
    except OSError as error:
        outlet.lost[name] = (error.strerror or str(error)).lower()
        return False
    return True


def is_terminal(name: str) -> bool:
    """Whether `stdin`, `stdout` or `stderr` is a terminal; a closed one is none."""
    stream = getattr(sys, name)
    try:
        return stream is not None and bool(stream.isatty())
    except (OSError, ValueError):
        return False


def ask(question: str) -> bool:
    """Ask on standard error and read the answer; anything but a yes, and anything that fails, is a no."""
    if not write("stderr", f"{question} [y/N]:", end=" ") or "stderr" in outlet.quiet:
        return False
    try:
        return sys.stdin.readline().strip().lower() in {"y", "yes"}
    except (OSError, ValueError):
        return False


def close() -> None:
    """End a run: what others left in Python's own buffers must not fail once more at the interpreter's end."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        try:
            stream.flush()
        except ValueError:
            continue
        except OSError as error:
            if not isinstance(error, BrokenPipeError):
                outlet.lost.setdefault(name, (error.strerror or str(error)).lower())
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _put(stream: TextIO, words: str) -> None:
    """By the descriptor where there is one: Python's buffer would keep what failed and fail again at the end."""
    try:
        number = stream.fileno()
    except (OSError, ValueError, AttributeError):  # a stream of a caller in this process
        stream.write(words)
        stream.flush()
        return
    stream.flush()
    left = memoryview(words.encode(getattr(stream, "encoding", None) or "utf-8", "backslashreplace"))
    while left:
        _await(number)
        left = left[os.write(number, left[:PIECE] if outlet.patience is not None else left) :]


def _await(number: int) -> None:
    """Wait until the stream takes more. Raises `TimeoutError` when patience is over."""
    if outlet.patience is None:
        if not os.get_blocking(number):
            select.select([], [number], [])
        return
    began = time.monotonic()
    waiting = select.poll()
    waiting.register(number, select.POLLOUT)
    ready = waiting.poll(max(0.0, outlet.patience) * 1000)
    outlet.patience -= time.monotonic() - began
    if not ready:
        raise TimeoutError(errno.ETIMEDOUT, "nobody reads it")
