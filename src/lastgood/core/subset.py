"""A part of all objects: one run of several hashes one part, and together they hash everything."""

import re
from dataclasses import dataclass

from lastgood.errors import UsageError

_FORM = re.compile(r"([0-9]{1,6})/([0-9]{1,6})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Subset:
    """The `part`-th of `parts`, from 1; every object is in exactly one part, always the same."""

    part: int
    parts: int

    @classmethod
    def parse(cls, text: str) -> "Subset":
        """`1/7`, as restic writes it. Raises `UsageError`."""
        found = _FORM.fullmatch(text)
        subset = cls(int(found[1]), int(found[2])) if found else cls(0, 0)
        if not 1 <= subset.part <= subset.parts:
            raise UsageError(f"{text!r} is not a part of the objects", hint="--subset 1/7, then 2/7 …")
        return subset

    def __str__(self) -> str:
        return f"{self.part}/{self.parts}"

    def has(self, md5: str) -> bool:
        """Whether an object is in this part. md5 spreads objects evenly, and a new object moves no other."""
        return int(md5[:8], 16) % self.parts == self.part - 1
