"""The one loop for races: a plan made on a registry that moved on is made again."""

from collections.abc import Callable
from typing import TypeVar

from lastgood.errors import RaceError, StaleError

ATTEMPTS = 20
T = TypeVar("T")


def repeat(attempt: Callable[[], T], most: int = 0) -> T:
    """The result of `attempt`, which is repeated while it raises `StaleError`; `most` tries, else `ATTEMPTS`.

    An attempt reads the registry itself, and changes nothing before it raises. Raises `RaceError` after the last try.
    """
    tries = most or ATTEMPTS
    for _ in range(tries):
        try:
            return attempt()
        except StaleError as error:
            last = error
    raise RaceError(
        f"lost the race against other writers {tries} times in a row ({last})", hint=last.hint or "try again"
    )
