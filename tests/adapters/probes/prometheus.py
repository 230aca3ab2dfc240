"""A real Prometheus on loopback, which scrapes a server of the test each second."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.adapters.probes.server import Server, serve

NEEDED = pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs Debian's package prometheus")


@dataclass
class Watched:
    """A Prometheus and the target that it scrapes each second."""

    url: str
    target: Server
    process: "subprocess.Popen[bytes]"

    def exposes(self, text: str) -> None:
        body = text.encode()
        self.target.answer = lambda _path: (200, body, {"Content-Type": "text/plain; version=0.0.4"})


@contextmanager
def watch(place: Path) -> Iterator[Watched]:
    """Debian's Prometheus, with its data in a directory."""
    with serve() as target, (place / "log").open("wb") as log:
        (place / "prometheus.yml").write_text(
            "global: {scrape_interval: 1s}\n"
            f"scrape_configs: [{{job_name: model, static_configs: [{{targets: ['127.0.0.1:{target.port}']}}]}}]\n"
        )
        port = free_port()
        process = subprocess.Popen(
            ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data",  # Debian has one for all
             f"--web.listen-address=127.0.0.1:{port}"],
            cwd=place, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            yield Watched(f"http://127.0.0.1:{port}", target, process)
        finally:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
