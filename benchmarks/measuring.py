"""Alternating the sides of a comparison, so that what slows the machine down for a while slows all of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.machine import Sample

OURS, THEIRS = "ours", "theirs"


@dataclass(frozen=True)
class Side:
    """One side: what it is shown as, what is put back before each run, outside of its time, and the run."""

    name: str
    command: str
    prepare: Callable[[], None]
    run: Callable[[], Sample]


@dataclass(frozen=True)
class Series:
    """Every counted run of a side, in order."""

    command: str
    samples: list[Sample] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """The median wall time."""
        return median(sample.seconds for sample in self.samples)

    @property
    def peak(self) -> float:
        """The median peak memory in KiB."""
        return median(sample.peak for sample in self.samples)


Measured = dict[str, Series]
"""The sides of one row by name; `ours` and `theirs` are compared, others are only shown."""


def alternate(
    sides: Sequence[Side],
    rounds: int,
    check: Callable[[], None],
    say: Callable[[str], None] = lambda _line: None,
    *,
    warm_up: bool = True,
) -> Measured:
    """Run all sides once per round, the order reversed each time, after a warm-up round that is not counted.

    `check` looks at what both sides left, after the first and after the last round. Raises what it raises.
    """
    measured = {side.name: Series(side.command) for side in sides}
    first = 0 if warm_up else 1
    for number in range(first, rounds + 1):
        taken = []
        for side in sides if number % 2 else sides[::-1]:
            side.prepare()
            sample = side.run()
            taken.append(f"{side.name} {sample.seconds:.3f} s")
            if number:
                measured[side.name].samples.append(sample)
        say(f"  {f'round {number}' if number else 'warm-up'}: {', '.join(taken)}")
        if number in {first, rounds}:
            check()
    return measured
