"""Runs the worker and watches it: passes its progress on, raises its errors, ends it if it is silent."""

import json
import os
import selectors
import signal
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE, Popen
from time import monotonic
from typing import IO, Any

from lastgood.adapters.children import anchored, child_environment, python_command
from lastgood.adapters.dvc.failures import restore
from lastgood.adapters.dvc.progress import Progress
from lastgood.adapters.dvc.translate import scrub
from lastgood.errors import (
    LastgoodError,
    UnreachableError,
)

START_UP = 60.0
"""Seconds for the interpreter and DVC's import on a busy machine, before the deadline begins to count."""

ELSEWHERE = "/"
"""The worker's working directory: nothing that it does needs the project there."""


class Worker:
    """A worker process: it imports DVC, waits for one request, and ends with this object at the latest.

    `subject` is the remote it talks to, as far as it has said: it knows the configuration, so this process need not
    import DVC.
    """

    subject = "the DVC remote"

    def __init__(self, environ: Mapping[str, str], avoid: Iterable[Path]) -> None:
        command = python_command("lastgood.adapters.dvc.worker", avoid)
        self.errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115  # closed by end
        self.process = Popen(
            command,
            cwd=ELSEWHERE,
            stdin=PIPE,
            stdout=PIPE,
            stderr=self.errors,
            env=_environment(environ),
            start_new_session=True,
        )
        self.end = weakref.finalize(self, _end, self.process, self.errors, os.getpid())


def _end(process: "Popen[bytes]", errors: IO[str], owner: int) -> None:
    if owner != os.getpid():
        return  # a fork forgets what is not its own
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    errors.close()


def ask(
    request: Mapping[str, Any],
    *,
    deadline: float,
    environ: Mapping[str, str],
    on_progress: Callable[[Progress], None] | None = None,
    worker: Worker | None = None,
) -> list[dict[str, Any]]:
    """The worker's answer to `request`. `deadline` is in seconds without a sign of life.

    `worker` is one that was started before. Raises the worker's error, and `UnreachableError` if it was silent for too
    long.
    """
    worker = worker or Worker(environ, (Path(request["root"]),))
    try:
        return converse(worker, request, deadline, on_progress)
    except EOFError:
        raise LastgoodError(
            f"{worker.subject}: the worker ended without an answer: {last_words(worker.errors)}"
        ) from None
    finally:
        worker.end()


def converse(
    worker: Worker,
    request: Mapping[str, Any],
    deadline: float,
    on_progress: Callable[[Progress], None] | None = None,
) -> list[dict[str, Any]]:
    """As `ask`, for a worker that continues to run. Raises `EOFError` if it has ended."""
    process = worker.process
    if process.stdin is None or process.stdout is None:  # pragma: no cover (both are pipes)
        raise EOFError
    with suppress(BrokenPipeError):
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
    for line in _lines(process.stdout, max(START_UP, deadline), deadline, worker):
        document = json.loads(line)
        if "subject" in document:
            worker.subject = document["subject"]
        elif "progress" in document:
            if on_progress is not None:
                on_progress(Progress(**document["progress"]))
        elif "error" in document:
            raise restore(document)
        else:
            return list(document["missing"])
    raise EOFError


def _lines(stream: IO[bytes], first: float, deadline: float, worker: Worker) -> Iterator[bytes]:
    """Whole lines as they come; a silence longer than `deadline` (`first` before the first line) is an error."""
    pending, patience, since = b"", first, monotonic()
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while True:
            if not selector.select(max(0.0, since + patience - monotonic())):
                raise UnreachableError(f"{worker.subject} did not answer for {patience:g} s", unchanged=True)
            chunk = os.read(stream.fileno(), 1 << 16)
            if not chunk:
                return
            patience, since = deadline, monotonic()
            *whole, pending = (pending + chunk).split(b"\n")
            yield from whole


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without `GIT_*`, which hooks and CI set for another repository."""
    kept = {name: value for name, value in anchored(child_environment(environ)).items() if not name.startswith("GIT_")}
    return {**kept, "DVC_NO_ANALYTICS": "1", "PYTHONUNBUFFERED": "1"}


def last_words(errors: IO[str]) -> str:
    """The last line that a worker wrote to stderr, without secrets."""
    errors.seek(0)
    lines = [line for line in errors.read().splitlines() if line.strip()]
    return scrub(lines[-1]) if lines else "no message"
