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
        _end_children()
    except KeyboardInterrupt:
        _end_children()
        raise
    finally:
        signal.alarm(0)
        for number, handler in former.items():
            signal.signal(number, handler)


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    code = INTERRUPTED if number == signal.SIGINT else 0

    def give_up(_number: int, _frame: FrameType | None) -> None:
        _end_children()
        os._exit(code)

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(GRACE)
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated


def _end_children() -> None:
    """End what unwinding missed: a child that had started when its `Popen` had not returned yet."""
    from lastgood.adapters.process import descendants, kill

    kill(descendants(os.getpid()))
