"""A real HTTP server on loopback that answers as a test tells it to, and remembers what it was asked."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass
class Server:
    """`answer` gets the path and query and gives status, body and headers; `asked` are paths, `headers` what came."""

    port: int = 0
    answer: Callable[[str], tuple[int, bytes, dict[str, str]]] = lambda _path: (200, b"", {})
    asked: list[str] = field(default_factory=list)
    headers: list[Message] = field(default_factory=list)
    stall: float = 0.0
    drip: float = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def says(self, document: object, status: int = 200, **headers: str) -> None:
        """Answer everything with one document."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.answer = lambda _path: (status, body, {"Content-Type": "application/json", **headers})

    def queries(self) -> list[str]:
        """The queries that came, as Prometheus would read them."""
        return [parse_qs(urlsplit(one).query)["query"][0] for one in self.asked]


@contextmanager
def serve() -> Iterator[Server]:
    told = Server()
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.asked.append(self.path)
            told.headers.append(self.headers)
            if told.stall:
                over.wait(told.stall)
            status, body, headers = told.answer(self.path)
            with suppress(OSError):
                self._send(status, body, headers)

        def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if not told.drip:
                self.wfile.write(body)
                return
            ends = time.monotonic() + told.drip
            while time.monotonic() < ends and not over.wait(0.02):
                self.wfile.write(b" ")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name it has there
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.port = http.server_address[1]
    thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield told
    finally:
        over.set()
        http.shutdown()
        http.server_close()
        thread.join()
