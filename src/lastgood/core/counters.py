"""Counters of bad and all requests, read series by series, and what happened between two readings of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Self

Labels = tuple[tuple[str, str], ...]
"""A series: its labels and their values, in order."""
Series = Mapping[Labels, float]

TARGET = ("instance", "job")
"""The labels that say which process a series comes from."""


def labels_of(metric: Mapping[str, str]) -> Labels:
    """The series that a set of labels names."""
    return tuple(sorted(metric.items()))


@dataclass(frozen=True, slots=True)
class Reading:
    """What the counters said at one moment."""

    bad: Series = field(default_factory=dict)
    total: Series = field(default_factory=dict)

    @classmethod
    def parse(cls, document: object) -> Self:
        """The reading that a JSON value holds. Raises `TypeError`, `ValueError`."""
        if not isinstance(document, dict):
            raise TypeError("a reading is an object")
        return cls(_parse_series(document.get("bad")), _parse_series(document.get("total")))

    def document(self) -> dict[str, object]:
        """What `parse` reads."""
        return {
            "bad": [[dict(labels), value] for labels, value in self.bad.items()],
            "total": [[dict(labels), value] for labels, value in self.total.items()],
        }


def _parse_series(document: object) -> dict[Labels, float]:
    if not isinstance(document, list):
        raise TypeError("series are a list")
    found = {}
    for metric, value in document:
        if not isinstance(metric, dict) or isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError("a series is its labels and a number")
        found[labels_of({str(key): str(one) for key, one in metric.items()})] = float(value)
    return found


@dataclass(frozen=True, slots=True)
class Block:
    """What happened between two readings; `dropped` says why it is no evidence."""

    bad: float = 0.0
    total: float = 0.0
    dropped: str = ""


def compare(before: Reading, after: Reading) -> Block:
    """The difference of two readings. A block with a reset is dropped: nobody knows what happened in it.

    A series that is new counts from 0 if its process was seen before, without it: client libraries create a counter at
    its first increment. If its process is new, too, then what it counted so far is none of this block.
    """
    for name, earlier, later in (("bad", before.bad, after.bad), ("total", before.total, after.total)):
        if (why := _find_reset(earlier, later)) is not None:
            return Block(dropped=f"{name}: {why}")
    known = {_target(labels) for labels in (*before.bad, *before.total)}
    bad, total = _increase(before.bad, after.bad, known), _increase(before.total, after.total, known)
    if not (isfinite(bad) and isfinite(total)):
        return Block(dropped="a counter is not finite")
    if bad > total:
        return Block(dropped=f"bad grew by {bad:g}, total by {total:g} only: total must count the bad ones, too")
    return Block(bad, total)


def _find_reset(earlier: Series, later: Series) -> str | None:
    """A counter went down, or went away while its process stayed. A process that went away is no reset."""
    staying = {_target(labels) for labels in later}
    for labels, value in earlier.items():
        if labels in later and later[labels] < value:
            return f"{describe(labels)} was reset from {value:g} to {later[labels]:g}"
        if labels not in later and _target(labels) in staying:
            return f"{describe(labels)} went away"
    return None


def _increase(earlier: Series, later: Series, known: Iterable[Labels]) -> float:
    return sum(
        value - earlier.get(labels, 0.0)
        for labels, value in later.items()
        if labels in earlier or _target(labels) in known
    )


def _target(labels: Labels) -> Labels:
    return tuple(pair for pair in labels if pair[0] in TARGET)


def describe(labels: Labels) -> str:
    """A series as Prometheus writes it."""
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels if name != "__name__") + "}"


def pick_slower(buckets: Series, bound: float) -> Reading:
    """Of a histogram's buckets: how many were slower than a bound, and how many there were.

    Raises `ValueError` with the bounds that exist, if the bound is none of them.
    """
    groups: dict[Labels, dict[float, float]] = {}
    for labels, value in buckets.items():
        le = dict(labels).get("le")
        if le is None:
            raise ValueError(f"{describe(labels)} has no label le: it is no bucket of a histogram")
        rest = tuple(pair for pair in labels if pair[0] != "le")
        groups.setdefault(rest, {})[_number(le)] = value
    bad, total = {}, {}
    for labels, counts in groups.items():
        if bound not in counts or float("inf") not in counts:
            there = ", ".join(f"{one:g}" for one in sorted(counts))
            raise ValueError(f"no bucket ends at {bound:g} (those there are end at {there})")
        total[labels] = counts[float("inf")]
        bad[labels] = counts[float("inf")] - counts[bound]
    return Reading(bad, total)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"le={text!r} is no number") from None
