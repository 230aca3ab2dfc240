"""Faults at system calls: strace attached to a child of the test, which makes calls fail or kills who makes them."""

import ctypes
import os
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.reliability.killing import LIMIT, SUBREAPER, await_orphans, become

PR_SET_PTRACER = 0x59616D61
"""prctl(2): with Yama only ancestors may trace, and strace is our sibling."""


def require_strace(place: Path) -> None:
    """Skip the test where processes cannot be traced, saying why."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    done = subprocess.run(["strace", "-o", str(place / "probe"), "true"], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"strace may not trace here: {done.stderr.strip()[:200]}")


def traced(work: Callable[[], int | None], *options: str, output: Path | None = None) -> int:
    """Run `work` in a child under `strace -f OPTIONS`; its exit code, negative for a signal. All it started has ended.

    A fork of this process: it need not start an interpreter and import what is imported here already.
    """
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    pid = os.fork()
    if pid == 0:
        ctypes.CDLL(None).prctl(PR_SET_PTRACER, -1, 0, 0, 0)

        def begin() -> int | None:
            os.kill(os.getpid(), signal.SIGSTOP)
            return work()

        become(begin, quiet=True)
    os.waitpid(pid, os.WUNTRACED)
    command = ["strace", "-f", "-qq", "-o", str(output or os.devnull), *options, "-p", str(pid)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as tracer:
        while "TracerPid:\t0\n" in Path(f"/proc/{pid}/status").read_text():
            assert tracer.poll() is None, tracer.stderr.read() if tracer.stderr else ""
            time.sleep(0.001)
        os.kill(pid, signal.SIGCONT)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        await_orphans(pid)
        tracer.wait(LIMIT)
    return code


@contextmanager
def attached(*options: str, output: Path | None = None) -> Iterator[None]:
    """Have `strace OPTIONS` follow this very thread."""
    ctypes.CDLL(None).prctl(PR_SET_PTRACER, -1, 0, 0, 0)
    command = ["strace", "-qq", "-o", str(output or os.devnull), *options, "-p", str(threading.get_native_id())]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as tracer:
        while "TracerPid:\t0\n" in Path("/proc/thread-self/status").read_text():
            assert tracer.poll() is None, tracer.stderr.read() if tracer.stderr else ""
            time.sleep(0.001)
        try:
            yield
        finally:
            tracer.terminate()


@contextmanager
def failing(call: str, error: str) -> Iterator[None]:
    """Have a system call of this thread fail, for a way that no file system here would take."""
    with attached("-e", f"trace={call}", "-e", f"inject={call}:error={error}"):
        yield


@contextmanager
def recording_flushes(base: Path) -> Iterator[list[str]]:
    """What this thread flushes, in order: paths below `base`; `*` before one whose whole file system is."""
    found: list[str] = []
    with TemporaryDirectory() as aside:
        log = Path(aside, "log")
        with attached("-y", "-e", "trace=fsync,syncfs", output=log):
            yield found
        for line in log.read_text().splitlines():
            path = line.partition("<")[2].rpartition(">")[0]
            found.append(("*" if line.startswith("syncfs") else "") + os.path.relpath(path, base))


def count_calls(work: Callable[[], int | None], calls: tuple[str, ...], log: Path) -> Counter[str]:
    """How often each of these system calls is made by the process that makes it most: strace counts by process."""
    code = traced(work, "-e", f"trace={','.join(calls)}", output=log)
    assert code == 0, f"the command fails under strace without any fault, with {code}"
    counts: Counter[tuple[str, str]] = Counter()
    for line in log.read_text(errors="replace").splitlines():
        process, _, call = line.partition(" ")
        if "resumed>" not in call:
            counts[process, call.strip().partition("(")[0]] += 1
    most: Counter[str] = Counter()
    for (_, call), number in counts.items():
        most[call] = max(most[call], number)
    return most
