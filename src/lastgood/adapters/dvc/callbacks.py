"""The meter in the form that DVC's and fsspec's transfers call; imported in the worker only."""

from collections.abc import Callable
from typing import Any

from dvc.fs import Callback

from lastgood.adapters.dvc.progress import Meter

Fits = Callable[[str, int, bool], bool]
"""Whether an object, by its id, may have this many bytes; with the last argument true, whether it may begin with
them."""


class WrongSizeError(Exception):
    """An object's size differs from the version's record: its transfer ends here."""


class Objects(Callback):  # type: ignore[misc]  # DVC ships no types
    """The callback of a batch: one step is one object, its children count bytes. `objects` is the count, `wrong` the
    sizes of objects that do not fit."""

    def __init__(self, meter: Meter, fits: Fits = lambda *_: True) -> None:
        super().__init__()
        self.meter = meter
        self.fits = fits
        self.objects = 0
        self.wrong: dict[str, int] = {}

    def relative_update(self, inc: int = 1) -> None:
        """Count one more object."""
        self.objects += inc
        self.meter.beat(objects=inc)

    def branched(self, path_1: str, path_2: str, **_: object) -> "Bytes":  # noqa: ARG002  # fsspec's signature
        """The callback of one object, whose target is named by its id."""
        return Bytes(self.meter, lambda size, partly: self._check(path_2.rpartition("/")[2], size, partly))

    def _check(self, identifier: str, size: int, partly: bool) -> None:  # called by name of no argument
        if not self.fits(identifier, size, partly):
            self.wrong[identifier] = size
            raise WrongSizeError(identifier)


class Bytes(Callback):  # type: ignore[misc]  # DVC ships no types
    """Counts the bytes of one object of a batch."""

    def __init__(self, meter: Meter, check: Callable[[int, bool], None]) -> None:
        super().__init__()
        self.meter = meter
        self.check = check
        self.reached = 0

    def relative_update(self, inc: int = 1) -> None:
        """Count moved bytes."""
        self._count(inc)

    def absolute_update(self, value: int) -> None:
        """Set the number of moved bytes of this object."""
        self._count(max(0, value - self.reached))

    def _count(self, size: Any) -> None:
        # Not when the size is reported: fsspec also reports that of a server's error page, before it reads the status.
        if not self.reached and self.size is not None:
            self.check(int(self.size), False)
        self.reached += int(size)
        self.check(self.reached, True)
        self.meter.beat(size=int(size))
