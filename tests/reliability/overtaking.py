"""A command that is stopped before one of its changes, while another is run whole, and then goes on."""

import os
import select
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.reliability.killing import await_orphans, become, hook

PATIENCE = 5.0
"""Seconds for a command that neither ends nor tells that it waits: it waits in the kernel, for a lock."""
Work = Callable[[], int | None]


@dataclass(frozen=True)
class Codes:
    """How the two ended; `waited`: the second had to wait for the first, and ended after it."""

    first: int
    second: int
    waited: bool


def overtaken(first: Work, number: int, second: Work) -> Codes | None:
    """Run `first` up to its `number`-th change, then `second` until it ends or waits, then what is left of both.

    `None` when `first` makes no such change.
    """

    def stopping() -> int | None:
        sys.addaudithook(hook(number, _stop))
        return first()

    one = _start(stopping)
    _, status = os.waitpid(one, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        await_orphans(one)
        return None
    reader, writer = os.pipe()

    def telling() -> int | None:
        _tell_waiting(writer)
        return second()

    two = _start(telling)
    waited = not _ends(two, reader)
    os.kill(one, signal.SIGCONT)
    codes = Codes(_wait(one), _wait(two), waited)
    os.close(reader)
    os.close(writer)
    return codes


def _start(work: Work) -> int:
    pid = os.fork()
    if pid == 0:
        become(work, quiet=True)
    return pid


def _stop() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _tell_waiting(writer: int) -> None:
    """In a child: have it tell when it sleeps, which lastgood does for another process's lock alone."""
    really = time.sleep

    def sleep(seconds: float) -> None:
        os.write(writer, b".")
        really(seconds)

    time.sleep = sleep  # type: ignore[assignment]  # it takes what a lock's wait gives it


def _ends(pid: int, reader: int) -> bool:
    """Whether a child ends before it tells that it waits."""
    ended = os.pidfd_open(pid)
    try:
        ready, _, _ = select.select([ended, reader], [], [], PATIENCE)
    finally:
        os.close(ended)
    return ended in ready


def _wait(pid: int) -> int:
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    await_orphans(pid)
    return code
