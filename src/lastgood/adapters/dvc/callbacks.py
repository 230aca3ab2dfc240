"""The meter as DVC's and fsspec's transfers call it; imported in the worker only."""

from typing import Any

from dvc.fs import Callback

from lastgood.adapters.dvc.progress import Meter


class Objects(Callback):  # type: ignore[misc]  # DVC ships no types
    """For a batch: one step is one object, its children count bytes. `objects` is what it counted."""

    def __init__(self, meter: Meter) -> None:
        super().__init__()
        self.meter = meter
        self.objects = 0

    def relative_update(self, inc: int = 1) -> None:
        """One object more has moved."""
        self.objects += inc
        self.meter.beat(objects=inc)

    def branched(self, path_1: str, path_2: str, **_: object) -> "Bytes":  # noqa: ARG002  # fsspec's signature
        """The callback of one object."""
        return Bytes(self.meter)


class Bytes(Callback):  # type: ignore[misc]  # DVC ships no types
    """Counts the bytes of one object of a batch."""

    def __init__(self, meter: Meter) -> None:
        super().__init__()
        self.meter = meter
        self.reached = 0

    def relative_update(self, inc: int = 1) -> None:
        """Bytes have moved."""
        self._count(inc)

    def absolute_update(self, value: int) -> None:
        """So many bytes of this object have moved in all."""
        self._count(max(0, value - self.reached))

    def _count(self, size: Any) -> None:
        self.reached += int(size)
        self.meter.beat(size=int(size))
