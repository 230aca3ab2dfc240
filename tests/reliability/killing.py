"""Children of the test that die at a chosen moment, and the end of all that they started."""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Container
from contextlib import suppress
from pathlib import Path
from typing import SupportsIndex

CHANGES = frozenset(
    {
        *(
            "os.rename",
            "os.link",
            "os.symlink",
            "os.mkdir",
            "os.rmdir",
            "os.remove",
            "os.chmod",
            "os.truncate",
            "os.utime",
        ),
        *("shutil.copyfile", "fcntl.flock", "fcntl.ioctl", "sqlite3.connect", "subprocess.Popen", "os.fork"),
    }
)
"""Audit events (Python, `sys.audit` table) of what changes a disk, takes a lock or starts another process."""
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
SUBREAPER = 36
"""PR_SET_CHILD_SUBREAPER, prctl(2): what a dead child leaves running becomes ours to wait for."""
LIMIT = 120
"""Seconds after which a child that hangs fails its test instead of stopping the suite."""


def changes(event: str, arguments: tuple[object, ...]) -> bool:
    """Whether an audit event changes anything: making a directory that is there, or opening /dev/null, does not."""
    if event == "open" and len(arguments) > 2:
        path, flags = arguments[0], arguments[2]
        return isinstance(flags, int) and bool(flags & WRITES) and path != os.devnull
    if event == "os.mkdir":
        return not Path(str(arguments[0])).is_dir() or arguments[2] != -1
    return event in CHANGES


def hook(number: int | None, on_end: Callable[[], None]) -> Callable[[str, tuple[object, ...]], None]:
    """An audit hook that calls `on_end` before the `number`-th change (from 0); with `None` it counts them in vain."""
    left, doomed = -1 if number is None else number, os.getpid()

    def audit(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        if changes(event, arguments) and os.getpid() == doomed:  # a fork of it is another process
            if left == 0:
                on_end()
            left -= 1

    return audit


def die() -> None:
    """What the kernel does to a process when memory is short."""
    os.kill(os.getpid(), signal.SIGKILL)


def child(work: Callable[[], int | None], *, quiet: bool = True) -> int:
    """Run `work` in a child, and wait for it and all that it leaves running: its exit code, negative for a signal."""
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    pid = os.fork()
    if pid == 0:
        become(work, quiet=quiet)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    await_orphans(pid)
    return code


def become(work: Callable[[], int | None], *, quiet: bool) -> None:
    """Be a command from here on, in a process group of its own; never returns."""
    code = 70
    try:
        os.setpgid(0, 0)
        signal.alarm(LIMIT)
        if quiet:
            nothing = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(nothing, stream)
        code = work() or 0
    finally:
        os._exit(code)


def await_orphans(group: int) -> None:
    """Return when the git processes that a dead child left have ended: they are in its group, and ours to reap."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        try:
            if os.waitpid(-group, os.WNOHANG)[0] == 0:
                time.sleep(0.002)
        except ChildProcessError:
            return
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
    raise AssertionError("what a killed command left running does not end")


def killed(work: Callable[[], int | None], number: int) -> int:
    """Run `work` in a child that dies, as by `kill -9`, before its `number`-th change."""

    def doomed() -> int | None:
        sys.addaudithook(hook(number, die))
        return work()

    return child(doomed)


def killed_at(work: Callable[[], int | None], event: str, fragment: str) -> int:
    """Run `work` in a child that dies before the first such change whose arguments hold a piece of text."""

    def doomed() -> int | None:
        pid = os.getpid()

        def audit(name: str, arguments: tuple[object, ...]) -> None:
            here = name == event and changes(name, arguments) and os.getpid() == pid
            if here and fragment in str(arguments):
                die()

        sys.addaudithook(audit)
        return work()

    return child(doomed)


def skip_sleeps(now: Callable[[], float]) -> None:
    """In a child: waiting for a second to pass takes no time, it passes at once. Less is waiting for another process,
    and is done. `now` is the clock until then."""
    slept, really = 0.0, time.sleep

    def sleep(seconds: float | SupportsIndex) -> None:
        nonlocal slept
        if (wanted := float(seconds)) >= 1:
            slept += wanted
        else:
            really(seconds)

    time.time, time.sleep = lambda: now() + slept, sleep


def count_changes(work: Callable[[], int | None], codes: Container[int] = (0,)) -> int:
    """How many changes `work` makes, tried in a child, where it ends with one of these exit codes."""
    reader, writer = os.pipe()

    def counted() -> int:
        made = 0

        def audit(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal made
            made += changes(event, arguments)

        sys.addaudithook(audit)
        code = work() or 0
        os.write(writer, str(made).encode())
        return code

    code = child(counted)
    os.close(writer)
    with os.fdopen(reader) as stream:
        said = stream.read()
    assert code in codes, f"the command fails without any fault, with {code}"
    return int(said)
