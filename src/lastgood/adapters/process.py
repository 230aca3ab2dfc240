"""Runs one command to its end: as an argument list or a shell line, with a deadline and bounded output."""

import errno
import os
import selectors
import signal
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT, Popen, TimeoutExpired

MOST = 1 << 20
"""Bytes that are kept of each stream. Of a longer one, the beginning and the end are kept, half each."""
PIECE = 1 << 16
PATIENCE = 2.0
"""Seconds that a process has to end after it was asked to."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended. `code` is its exit code, -n if signal n killed it, `None` if its time was over."""

    code: int | None
    out: bytes
    err: bytes = b""

    def words(self, most: int) -> str:
        """The last lines of its output: of standard error if it wrote there, else of standard output."""
        lines = (self.err or self.out).decode(errors="replace").strip().splitlines()
        return "\n".join(lines[-most:])


def run(  # the command, where, with which variables, for how long, with what to read
    command: Sequence[str] | str,
    directory: Path,
    environment: Mapping[str, str],
    timeout: float | None,
    *,
    stdin: bytes = b"",
    merged: bool = False,
) -> Outcome:
    """Run a command in a session of its own; a text is a shell line. Every process that it started ends with it.

    `timeout` is in seconds. With `merged`, standard error is part of standard output, in the order written. Raises
    `OSError` when the command cannot be started, `FileNotFoundError` when there is none of its name.
    """
    process = _start(command, directory, environment, stdin=bool(stdin), merged=merged)
    deadline = None if timeout is None else time.monotonic() + timeout
    try:
        out, err = _exchange(process, stdin, deadline)
        return Outcome(process.wait(_left(deadline)), out, err)
    except TimeoutExpired:
        return Outcome(None, b"")
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with suppress(OSError):  # what was not read of stdin
                    pipe.close()


def _start(
    command: Sequence[str] | str, directory: Path, environment: Mapping[str, str], *, stdin: bool, merged: bool
) -> "Popen[bytes]":
    try:
        return Popen(  # a shell line by intent: trusted configuration, as in a CI file
            command,
            shell=isinstance(command, str),
            cwd=directory,
            env=dict(environment),
            stdin=PIPE if stdin else DEVNULL,
            stdout=PIPE,
            stderr=STDOUT if merged else PIPE,
            start_new_session=True,
        )
    except PermissionError as error:
        if isinstance(command, str) or is_there(command[0], environment):
            raise
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), command[0]) from error


def is_there(command: str, environment: Mapping[str, str]) -> bool:
    """Whether a shell would find a file for a command. A directory on `PATH` that may not be searched holds none, but
    has `execve` answer "permission denied"."""
    if "/" in command or "\0" in command:
        return True
    return any(os.access(Path(directory, command), os.F_OK) for directory in os.get_exec_path(environment) if directory)


def _exchange(process: "Popen[bytes]", stdin: bytes, deadline: float | None) -> tuple[bytes, bytes]:
    """Write and read until the process has closed its output. Raises `TimeoutExpired`."""
    out, err = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        for pipe, kept in ((process.stdout, out), (process.stderr, err)):
            if pipe is not None:
                selector.register(pipe, selectors.EVENT_READ, kept)
        if process.stdin is not None:
            os.set_blocking(process.stdin.fileno(), False)
            selector.register(process.stdin, selectors.EVENT_WRITE)
        while selector.get_map():
            for key, _ in selector.select(_left(deadline)) or _give_up(process, deadline):
                if key.data is None:
                    stdin = _write(key.fd, stdin)
                    ended = not stdin
                else:
                    ended = not _keep(key.data, os.read(key.fd, PIECE))
                if ended:
                    selector.unregister(key.fileobj)
                    if key.data is None and process.stdin is not None:
                        process.stdin.close()
    return bytes(out), bytes(err)


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(deadline - time.monotonic(), 0)


def _give_up(process: "Popen[bytes]", deadline: float | None) -> tuple[()]:
    if deadline is not None and time.monotonic() >= deadline:
        raise TimeoutExpired(process.args, 0)
    return ()


def _write(descriptor: int, content: bytes) -> bytes:
    """The rest of the input to write; empty once the command has stopped reading."""
    try:
        return content[os.write(descriptor, content[:PIECE]) :]
    except BrokenPipeError:
        return b""


def _keep(kept: bytearray, piece: bytes) -> bytes:
    kept += piece
    if len(kept) > MOST:
        del kept[MOST // 2 : len(kept) - MOST // 2]
    return piece


def communicate(process: "Popen[bytes]", stdin: bytes | None, timeout: float | None) -> tuple[bytes, bytes]:
    """The whole standard output and standard error of a process in lastgood's own session. Raises `TimeoutExpired` for
    one that is silent too long, after killing it with all that it started.

    Its descendants are found without `ps` or `pgrep`, which slim images lack. Otherwise `git-remote-https` would live
    on with the pipes open, and the wait for their end would never end.
    """
    try:
        return process.communicate(stdin, timeout=timeout)
    except TimeoutExpired:
        kill((process.pid, *descendants(process.pid)))
        with suppress(TimeoutExpired):  # where descendants cannot be listed
            process.communicate(timeout=1)
        raise


def end(process: "Popen[bytes]") -> None:
    """End a process with all that it started. It gets SIGTERM first, so that git removes its locks; its children may
    wait for a host that never answers."""
    started = list(descendants(process.pid))
    process.terminate()
    try:
        process.wait(PATIENCE)
    except TimeoutExpired:
        process.kill()
        process.wait()
    kill(started)


def kill(processes: Iterable[int]) -> None:
    """Kill processes; those that have ended meanwhile are skipped."""
    for pid in processes:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def descendants(pid: int) -> Iterator[int]:
    """The processes that a process started, and theirs, from /proc; none without /proc."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # pid (name) state ppid …; a name may hold brackets and blanks
            parents[int(status.parent.name)] = int(status.read_text(errors="replace").rpartition(") ")[2].split()[1])
    found = [pid]
    for parent in found:
        found += [child for child, its in parents.items() if its == parent]
    yield from found[1:]
