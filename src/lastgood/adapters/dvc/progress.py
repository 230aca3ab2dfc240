"""Progress of a transfer: the value that a caller sees, and the meter that produces it inside the worker."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

INTERVAL = 0.1


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a transfer is: `doing` says what, objects done of those known so far, and bytes moved or hashed."""

    doing: str
    done: int
    total: int
    bytes: int


class Meter:
    """Counts objects and bytes and reports at most ten times a second; every report is a sign of life."""

    def __init__(self, report: Callable[[Progress], None]) -> None:
        self._report = report
        self._lock = threading.Lock()
        self._last = 0.0
        self._doing, self._done, self._total, self._bytes = "", 0, 0, 0

    def start(self, doing: str, total: int) -> None:
        """Begin a phase of `total` objects."""
        with self._lock:
            self._doing, self._done, self._total = doing, 0, total
            self._last = 0.0
        self.beat()

    def beat(self, *, objects: int = 0, size: int = 0) -> None:
        """Something moved."""
        with self._lock:
            self._done += objects
            self._bytes += size
            now = time.monotonic()
            ended = objects > 0 and self._done >= self._total
            if now - self._last < INTERVAL and not ended:
                return
            self._last = now
            progress = Progress(self._doing, min(self._done, self._total), self._total, self._bytes)
        self._report(progress)

    def callback(self) -> Any:
        """A callback for fsspec's and DVC's batches: one step is one object, its children count bytes."""
        from dvc.fs import Callback

        meter = self

        class Objects(Callback):  # type: ignore[misc]  # DVC ships no types
            def relative_update(self, inc: int = 1) -> None:
                meter.beat(objects=inc)

            def branched(self, path_1: str, path_2: str, **kwargs: object) -> Callback:  # noqa: ARG002  # fsspec's signature
                return meter.child()

        return Objects()

    def child(self) -> Any:
        """A callback that counts the bytes of one object."""
        from dvc.fs import Callback

        meter = self

        class Bytes(Callback):  # type: ignore[misc]  # DVC ships no types
            reached = 0

            def relative_update(self, inc: int = 1) -> None:
                meter.beat(size=inc)

            def absolute_update(self, value: int) -> None:
                meter.beat(size=max(0, value - self.reached))
                self.reached = value

        return Bytes()
