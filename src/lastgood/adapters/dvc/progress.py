"""Progress of a transfer: the value that a caller sees, and the meter that produces it inside the worker."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

INTERVAL = 0.1


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a phase: `doing` describes it, with the objects done of those known so far, and the bytes moved
    or hashed.

    `size` is the total of bytes, `None` if unknown: DVC's listings have no sizes. `moves` says that outputs are
    transferred, not only looked up or hashed.
    """

    doing: str
    done: int
    total: int
    bytes: int
    size: int | None = None
    moves: bool = False


class Meter:
    """Counts objects and bytes and reports at most ten times a second; every report is a sign of life.

    Several threads may count at once.
    """

    def __init__(self, report: Callable[[Progress], None]) -> None:
        self._report = report
        self._lock = threading.Lock()
        self._last = 0.0
        self._doing, self._done, self._total, self._bytes = "", 0, 0, 0
        self._size: int | None = None
        self._moves = False

    def start(self, doing: str, total: int, size: int | None = None, *, moves: bool = False) -> None:
        """Begin a phase of `total` objects and, if known, `size` bytes."""
        with self._lock:
            self._moves = moves
            self._doing, self._done, self._total, self._bytes, self._size = doing, 0, total, 0, size
            self._last = 0.0
        self.beat()

    def beat(self, *, objects: int = 0, size: int = 0) -> None:
        """Count moved objects and bytes; with negative numbers, take back those that must be moved again."""
        with self._lock:
            self._done += objects
            self._bytes += size
            now = time.monotonic()
            ended = objects > 0 and self._done >= self._total
            if now - self._last < INTERVAL and not ended:
                return
            self._last = now
            if self._size is not None and self._bytes > self._size:
                self._size = None  # what was recorded of the outputs is wrong
            done = min(self._done, self._total)
            progress = Progress(self._doing, done, self._total, self._bytes, self._size, self._moves)
        self._report(progress)
