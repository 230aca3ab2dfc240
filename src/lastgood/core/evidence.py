"""What is kept of a check between two looks, as a JSON value: it survives a restart. It judges nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import NamedTuple, Self

from lastgood.core.counters import Block, Reading
from lastgood.core.sequential import Scores, accumulate


class Live(NamedTuple):
    """The version that is judged, and when it was switched to, in seconds since 1970. The same version switched to
    again is judged anew."""

    version: str
    switched: float


class Look(NamedTuple):
    """One value of a gauge, how old it is, and whether it was outside the limits."""

    at: float
    value: float
    broken: bool


@dataclass(frozen=True, slots=True)
class State:
    """All times are in seconds since 1970. `seen` is the last look, `answered` the last valid answer, `informed` the
    last evidence, `at` how old the last data was.

    `evidence` grows since `rising`; `bad` of `total` are those since then, or since the beginning while it does not.
    """

    live: Live
    started: float
    seen: float
    informed: float
    answered: float | None = None
    at: float | None = None
    has_evidence: bool = False
    evidence: float = 0.0
    rising: float | None = None
    bad: float = 0.0
    total: float = 0.0
    reading: Reading | None = None
    scores: Scores = field(default_factory=Scores)
    window: tuple[Look, ...] = ()

    @classmethod
    def begin(cls, live: Live, now: float) -> Self:
        """The state without any evidence."""
        return cls(live, now, now, now)

    def gather(self, gain: float, block: Block, at: float, now: float) -> Self:
        """The state with the evidence of one more block, whose data ends at `at`."""
        evidence = accumulate(self.evidence, gain)
        rising = (self.rising if self.evidence > 0 else at) if evidence > 0 else None
        starts = evidence > 0 >= self.evidence or evidence <= 0 < self.evidence
        bad, total = (0.0, 0.0) if starts else (self.bad, self.total)
        return replace(
            self,
            informed=now,
            has_evidence=True,
            evidence=evidence,
            rising=rising,
            bad=bad + block.bad,
            total=total + block.total,
        )

    def look(self, value: Look, now: float, least: int, most: int) -> Self:
        """The state with one more value of a gauge, of which the last `most` are kept; `least` are some evidence."""
        window = (*self.window, value)[-most:]
        return replace(self, at=value.at, informed=now, has_evidence=len(window) >= least, window=window)

    def document(self) -> dict[str, object]:
        """What `parse` reads."""
        return {
            "version": self.live.version,
            "switched": self.live.switched,
            **{name: getattr(self, name) for name in _NUMBERS},
            "has_evidence": self.has_evidence,
            "reading": None if self.reading is None else self.reading.document(),
            "scores": [self.scores.count, self.scores.total, self.scores.squares],
            "window": [[one.at, one.value, one.broken] for one in self.window],
        }

    @classmethod
    def parse(cls, document: object) -> Self:
        """The state that a JSON value holds. Raises `ValueError` for anything else."""
        try:
            return cls._parse(document if isinstance(document, Mapping) else {})
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            raise ValueError(f"this is no state of a check: {error!r}") from error

    @classmethod
    def _parse(cls, document: Mapping[str, object]) -> Self:
        numbers = {name: _number(document[name], optional=name in _OPTIONAL) for name in _NUMBERS}
        switched = _number(document["switched"])
        count, total, squares = (_number(one) for one in _list(document["scores"]))
        looks = [_list(one) for one in _list(document["window"])]
        reading = document["reading"]
        return cls(
            live=Live(str(document["version"]), switched or 0.0),
            has_evidence=document["has_evidence"] is True,
            reading=None if reading is None else Reading.parse(reading),
            scores=Scores(int(count or 0), total or 0.0, squares or 0.0),
            window=tuple(
                Look(_number(at) or 0.0, _number(value) or 0.0, broken is True) for at, value, broken in looks
            ),
            **numbers,  # type: ignore[arg-type]  # the optional ones may be None, the others were checked
        )


_NUMBERS = ("started", "seen", "informed", "answered", "at", "evidence", "rising", "bad", "total")
_OPTIONAL = ("answered", "at", "rising")


def _number(value: object, *, optional: bool = False) -> float | None:
    if value is None and optional:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        raise ValueError(f"{value!r} is no number")
    return float(value)


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is no list")
    return value
