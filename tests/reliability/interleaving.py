"""Interleaves two commands: the first is stopped before one of its changes, the second runs, the first continues."""

import os
import select
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.reliability.killing import await_orphans, become, hook

PATIENCE = 5.0
"""Seconds after which a command that neither ends nor reports that it waits counts as waiting in the kernel."""
Work = Callable[[], int | None]


@dataclass(frozen=True)
class Codes:
    """The two exit codes; `waited`: the second had to wait for the first and ended after it."""

    first: int
    second: int
    waited: bool


def interleaved(first: Work, number: int, second: Work) -> Codes | None:
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

    def second_reporting() -> int | None:
        _report_waiting(writer)
        return second()

    two = _start(second_reporting)
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


def _report_waiting(writer: int) -> None:
    """In a child: report each sleep. lastgood sleeps only while another process holds its lock."""
    really = time.sleep

    def sleep(seconds: float) -> None:
        os.write(writer, b".")
        really(seconds)

    time.sleep = sleep  # type: ignore[assignment]  # it takes what a lock's wait gives it


def _ends(pid: int, reader: int) -> bool:
    """Whether a child ends before it reports that it waits."""
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
