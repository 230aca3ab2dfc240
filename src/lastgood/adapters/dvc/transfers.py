"""What a download is asked for, and what it brought."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass
class Brought:
    """The objects that a download did not bring: missing ones, corrupted ones, and the sizes of those with another
    recorded size."""

    absent: set[str] = field(default_factory=set)
    corrupted: set[str] = field(default_factory=set)
    wrong: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """Objects to download: the approximate bytes of each, and whether the remote's reported size fits."""

    sizes: Mapping[str, int]
    fits: Callable[[str, int, bool], bool]
