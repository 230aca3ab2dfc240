"""Ending a command that would go on: a signal unwinds what is under way, and ends its children on the way."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from lastgood.cli.boundary import INTERRUPTED

GRACE = 5
"""Seconds that unwinding may take, which waits for threads that hash."""


class Terminated(BaseException):
    """SIGTERM came. Like `KeyboardInterrupt` no failure, so that nothing takes it for one and goes on."""


@contextmanager
def until_terminated() -> Iterator[None]:
    """End the block at SIGTERM, and with `KeyboardInterrupt` at SIGINT, wherever it is: a lock, a fetch, a child.

    Every step of ours may be the last one of its process (ordering.md), so that it may be interrupted as well.
    """
    former = {number: signal.signal(number, _end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    except Terminated:
        pass
    finally:
        signal.alarm(0)
        for number, handler in former.items():
            signal.signal(number, handler)


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    code = INTERRUPTED if number == signal.SIGINT else 0
    signal.signal(signal.SIGALRM, lambda _number, _frame: os._exit(code))
    signal.alarm(GRACE)
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated
