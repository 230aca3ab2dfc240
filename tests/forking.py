"""Python programs that tests start by forking: the same code from its first function on, in a process of its own,
without an interpreter that imports DVC once more, which takes a quarter of a second a thousand times."""

import os
import pkgutil
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import IO, NoReturn

import lastgood
from lastgood.adapters.children import START
from lastgood.adapters.dvc import worker
from lastgood.cli import app

ENDLESS = 1 << 12
"""More than any file descriptor of ours."""


def warm_up() -> None:
    """Import what commands and workers import when they need it, once, for all forks of this process."""
    for module in pkgutil.walk_packages(lastgood.__path__, "lastgood."):
        import_module(module.name)
    import_module("typer._click.decorators")
    worker._import()  # what it does first
    dict(app.group().commands)


class ForkedWorker:
    """`lastgood.adapters.dvc.worker` as `subprocess.Popen` starts it for `Worker`: a session of its own, pipes on its
    stdin and stdout, nothing else of ours open."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        cwd: str,
        stdin: int,
        stdout: int,
        stderr: IO[str],
        env: Mapping[str, str],
        start_new_session: bool,
    ) -> None:
        assert (*command[1:5], stdin, stdout, start_new_session) == ("-I", "-c", START, worker.__name__, -1, -1, True)
        (request, asking), (answering, answer) = os.pipe(), os.pipe()
        self.returncode: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            os.chdir(cwd)
            become(worker.main, {0: request, 1: answer, 2: stderr.fileno()}, env)
        os.close(request)
        os.close(answer)
        self.stdin, self.stdout = os.fdopen(asking, "wb"), os.fdopen(answering, "rb")

    def communicate(self) -> None:
        """Close its pipes and wait for its end."""
        with suppress(BrokenPipeError):
            self.stdin.close()
        self.stdout.close()
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def become(main: Callable[[], object], streams: Mapping[int, int], environ: Mapping[str, str]) -> NoReturn:
    """Be a program from here on, in a session of its own, with nothing open but these streams."""
    code = 70
    try:
        os.setsid()
        for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM):
            signal.signal(one, signal.SIG_DFL)
        for number, descriptor in streams.items():
            os.dup2(descriptor, number)
        os.closerange(3, ENDLESS)
        sys.stdin, sys.stdout, sys.stderr = (open(one, mode, closefd=False) for one, mode in enumerate("rww"))  # noqa: SIM115  # as they were
        os.environ.clear()
        os.environ.update(environ)
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def run(main: Callable[[], object], cwd: Path) -> tuple[int, str, str]:
    """Do `main` in a fork of this process: its exit code, and what it prints."""

    def there() -> object:
        os.chdir(cwd)
        return main()

    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        pid = os.fork()
        if pid == 0:
            with open(os.devnull) as nothing:  # noqa: PTH123  # a device
                become(there, {0: nothing.fileno(), 1: out.fileno(), 2: errors.fileno()}, dict(os.environ))
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        out.seek(0)
        errors.seek(0)
        return code, out.read(), errors.read()
