"""Servers on loopback with chosen faults: a DVC remote over HTTP, and git's own http-backend behind the same faults."""

import os
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.adapters.dvc.server import Files, Server


@dataclass(frozen=True)
class Fault:
    """A fault for requests whose path contains `where`: an answer with `status`, a connection reset after `tenths` of
    the body, silence, slowness, or a wrong document."""

    kind: str
    where: str = ""
    status: int = 0
    tenths: int = 0

    def __str__(self) -> str:
        return f"{self.kind} {self.status or self.tenths or ''} of {self.where or 'everything'}"


class Faulty(Files):
    """Answers as `Files` does, or as the server's fault says."""

    server: "FaultyServer"

    def _answer(self, status: int, body: bytes) -> None:
        fault = self.server.fault
        if fault is None or fault.where not in self.path:
            super()._answer(status, body)
        elif fault.kind == "status":
            super()._answer(fault.status, b"no")
        elif fault.kind == "silent":
            self.server.stopped.wait(60)
        elif fault.kind == "other":
            super()._answer(200, b"<html>please log in</html>")
        elif fault.kind == "slow":
            self.server.pause = 0.2
            super()._answer(status, body)
        else:
            self._cut(status, body, len(body) * fault.tenths // 10)

    def _cut(self, status: int, body: bytes, length: int) -> None:
        with suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:length])
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def finish(self) -> None:
        with suppress(OSError, ValueError):
            super().finish()


class FaultyGit(Faulty):
    """Repositories below `server.base`, by `git http-backend` (git-http-backend(1))."""

    def do_GET(self) -> None:  # noqa: N802  # http.server's name
        self._serve(b"")

    def do_POST(self) -> None:  # noqa: N802  # http.server's name
        self._serve(self._body())

    def _serve(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        variables = {
            "GIT_PROJECT_ROOT": str(self.server.base),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "REMOTE_USER": "ada",
            "CONTENT_LENGTH": str(len(body)),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        done = subprocess.run(["git", "http-backend"], input=body, capture_output=True, env={**os.environ, **variables})
        head, _, answer = done.stdout.partition(b"\r\n\r\n")
        self.headers_of_answer = [line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line]
        status = dict(self.headers_of_answer).get("Status", "200")
        self._answer(int(status.split()[0]), answer)

    def end_headers(self) -> None:
        for name, value in getattr(self, "headers_of_answer", []):
            if name not in {"Status", "Content-Length"}:
                self.send_header(name, value)
        super().end_headers()


class FaultyServer(Server):
    """A server whose fault can be set, and taken away."""

    def __init__(self, base: Path, handler: type[Faulty] = Faulty) -> None:
        super().__init__(base)
        self.RequestHandlerClass = handler
        self.fault: Fault | None = None

    @contextmanager
    def failing(self, fault: Fault) -> Iterator[None]:
        """Fail in this way inside of the block."""
        self.fault = fault
        yield
        self.fault, self.pause = None, 0.0

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: a connection that was cut is expected."""
