"""What a download is asked for, and what it brought."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass
class Brought:
    """What a download did not bring: objects that the remote lacks, those that are not what their name says, and the
    sizes of those that the version records with another one."""

    absent: set[str] = field(default_factory=set)
    corrupted: set[str] = field(default_factory=set)
    wrong: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """Objects to bring: about how many bytes each has, and whether it may have so many as the remote says."""

    sizes: Mapping[str, int]
    fits: Callable[[str, int, bool], bool]
