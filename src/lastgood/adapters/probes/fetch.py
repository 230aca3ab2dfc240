"""One GET with a deadline and a bounded answer. It follows no redirect and uses no proxy: a token goes to the address
that the configuration names and nowhere else."""

import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from threading import Timer
from typing import Self
from urllib.parse import urlsplit

from lastgood.adapters.probes.answers import Unanswered, parse_json
from lastgood.core.secrets import mask

MOST = 4 << 20
"""Bytes of an answer that are read: more is an error."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a server answered."""

    status: int
    body: bytes
    media_type: str
    location: str

    def require_direct(self) -> None:
        """Raise `Unanswered` for a redirect."""
        if 300 <= self.status < 400:
            raise Unanswered(f"status {self.status}: it sends us to {mask(self.location) or 'another address'}")

    def json(self) -> object:
        """The answer as a JSON value. Raises `Unanswered`, with what it is instead."""
        self.require_direct()
        try:
            return parse_json(self.body)
        except ValueError:
            what = self.media_type or "something else"
            raise Unanswered(f"status {self.status}: {what} instead of JSON (is there a login page?)") from None


def token(environment: Mapping[str, str], variable: str) -> str:
    """The bearer token in an environment variable; empty where none is named. Raises `Unanswered`, never with it."""
    if not variable:
        return ""
    found = environment.get(variable, "").strip()
    if not found:
        raise Unanswered(f"the environment variable {variable} is not set: it should hold the token")
    if not found.isascii() or not found.isprintable():
        raise Unanswered(f"the environment variable {variable} holds no token: it has characters that none may have")
    return found


def get(url: str, deadline: float, bearer: str = "") -> Fetched:
    """The answer to a GET. `deadline` is in seconds, for all of it. Raises `Unanswered`."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"Accept": "application/json", "Connection": "close", "User-Agent": "lastgood"}
    if bearer:
        headers["Authorization"] = f"Bearer {bearer}"
    ends = time.monotonic() + deadline
    try:
        with _Connection(parts.scheme, host, parts.port, ends) as connection:
            connection.http.request("GET", path, headers=headers)
            fetched = _read(connection.http.getresponse())
            if time.monotonic() >= ends:  # then it may have been cut off
                raise TimeoutError
            return fetched
    except (OSError, HTTPException, ValueError) as error:
        if time.monotonic() >= ends or isinstance(error, TimeoutError):
            raise Unanswered(f"{parts.netloc} did not answer in time") from error
        raise Unanswered(f"{parts.netloc}: {str(error) or type(error).__name__}") from error


def _read(response: HTTPResponse) -> Fetched:
    body = response.read(MOST + 1)
    if len(body) > MOST:
        raise Unanswered(f"the answer is longer than {MOST >> 20} MiB")
    if response.length:  # bytes that were announced and did not come
        raise Unanswered("the answer was cut off")
    media_type = response.headers.get_content_type() if response.headers.get("Content-Type") else ""
    return Fetched(response.status, body, media_type, response.headers.get("Location", ""))


class _Connection:
    """A connection that is shut down when its time is over: a server that sends a byte now and then ends no read."""

    def __init__(self, scheme: str, host: str, port: int | None, ends: float) -> None:
        left = max(ends - time.monotonic(), 0.001)
        if scheme == "https":
            self.http: HTTPConnection = HTTPSConnection(host, port, timeout=left, context=ssl.create_default_context())
        else:
            self.http = HTTPConnection(host, port, timeout=left)
        self._socket: socket.socket | None = None
        self._timer = Timer(left, self._shut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self.http.connect()
        self._socket = self.http.sock  # `http` forgets it before the answer is read
        self._timer.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._timer.cancel()
        self.http.close()

    def _shut(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
