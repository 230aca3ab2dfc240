"""The whole rollback against MLflow's client and a real server: the alias set, and the model downloaded."""

import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.comparing import require_same_file
from benchmarks.machine import BenchmarkError, Machine
from benchmarks.measuring import OURS, THEIRS, Measured, Side
from benchmarks.projects import MODEL, remove
from benchmarks.rollbacks import ROLLBACK, built_side, from_nothing_side

CLIENT = Path(__file__).with_name("mlflow_client.py")
PATIENCE = 120
"""Seconds until the server must answer."""
QUIET = 0.1
"""Seconds of processor time within two seconds, below which the server is idle."""


def whole(bench: Bench) -> Measured:
    """Our whole command, to a built release and, as a third side, from nothing; MLflow moves the model only."""
    if bench.mlflow is None:
        raise BenchmarkError("MLflow is not installed (make bench does that)")
    world = bench.world(bench.scale.files)
    world.restore()
    python, target = str(bench.mlflow / "bin/python"), world.base / "downloaded"
    with _server(world.machine, bench.mlflow, world.base / "mlflow") as url:
        world.machine.run(world.base, python, str(CLIENT), "upload", url, str(world.release(world.old) / MODEL))

        def prepare() -> None:
            remove(target)
            target.mkdir()

        def check() -> None:
            (downloaded,) = (path for path in target.rglob("*") if path.is_file())
            require_same_file(world.live / MODEL, downloaded)

        command = (python, str(CLIENT), "rollback", url, str(target))
        theirs = Side(
            THEIRS,
            "MLflow: set the alias, download the model",
            prepare,
            lambda: world.machine.time(world.base, *command)[0],
        )
        nothing = from_nothing_side(world, "from nothing", f"{ROLLBACK}, no release and no proof there before")
        measured = bench.alternate([built_side(world, OURS), theirs, nothing], check)
    remove(target)
    remove(world.base / "mlflow")
    return measured


@contextmanager
def _server(machine: Machine, environment: Path, directory: Path) -> Iterator[str]:
    """MLflow's own server on loopback, with one worker for the one client, gone at the end with all its workers."""
    directory.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ("--backend-store-uri", "sqlite:///store.db", "--artifacts-destination", "artifacts", "--workers", "1")
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            (str(environment / "bin/mlflow"), "server", "--host", "127.0.0.1", "--port", str(port), *options),
            cwd=directory,
            env=dict(machine.environment),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(process, url, directory / "log")
        _wait_until_idle(process.pid)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def _wait(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):  # noqa: S310  # our own server
                return
        except OSError:
            time.sleep(0.2)
    raise BenchmarkError(f"MLflow's server does not answer: {log.read_text()[-2000:]}")


def _wait_until_idle(group: int) -> None:
    """Wait until the server has stopped starting: it answers long before, and takes the processors meanwhile."""
    until, used = time.monotonic() + PATIENCE, _processor_time(group)
    while time.monotonic() < until:
        time.sleep(2)
        before, used = used, _processor_time(group)
        if used - before < QUIET:
            return


def _processor_time(group: int) -> float:
    """The seconds of processor time that the processes of a group have used so far."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
