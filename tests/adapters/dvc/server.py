"""An HTTP remote on the loopback interface that can be slow, fail, wait, and remembers what it was asked."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self


class Files(BaseHTTPRequestHandler):
    """Keeps what is posted under `server.base`; `server.pause` is slept between chunks of an answer."""

    server: "Server"

    def do_POST(self) -> None:
        path = self.server.base / self.path.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        body = self._body()
        path.unlink(missing_ok=True)  # an object there is read-only
        path.write_bytes(body)
        self._answer(200, b"")

    def do_GET(self) -> None:
        path = self.server.base / self.path.lstrip("/")
        self.server.asked.append((self.command, "".join(path.parts[-2:])))
        if self.server.status:
            self._answer(self.server.status, b"")
        elif not self.server.wait():
            self._answer(500, b"")
        elif path.is_file():
            self._answer(200, path.read_bytes())
        else:
            self._answer(404, b"")

    def do_HEAD(self) -> None:
        self.do_GET()

    def _body(self) -> bytes:
        if length := self.headers.get("Content-Length"):
            return self.rfile.read(int(length))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        part = len(body) // 4 + 1
        with suppress(ConnectionError):
            for start in range(0, len(body), part):
                self.wfile.write(body[start : start + part])
                self.server.stopped.wait(self.server.pause)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    """`asked` holds method and object of every question; `wait` is called before each answer: false is a failure."""

    daemon_threads = True

    def __init__(self, base: Path) -> None:
        super().__init__(("127.0.0.1", 0), Files)
        self.base = base
        self.status = 0
        self.pause = 0.0
        self.stopped = threading.Event()
        self.asked: list[tuple[str, str]] = []
        self.wait: Callable[[], bool] = lambda: True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def object(self, md5: str) -> Path:
        return self.base / "files/md5" / md5[:2] / md5[2:]

    @contextmanager
    def running(self) -> Iterator[Self]:
        with self:
            threading.Thread(target=self.serve_forever, daemon=True).start()
            yield self
            self.stopped.set()
            self.shutdown()
