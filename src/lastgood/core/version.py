"""Semantic versions with GTO's leading `v`: parsing, order, the next one. Judged in tests by the `semver` package.

Written here because the order of 10,000 versions is on every command's path: a key of tuples sorts them in
milliseconds, comparing objects takes most of a second.
"""

import re
from dataclasses import dataclass
from functools import cache, total_ordering
from typing import Literal, Self

_NUMBER = r"(?:0|[1-9][0-9]*)"
_IDENTIFIER = rf"(?:{_NUMBER}|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)"
PATTERN = (
    rf"v{_NUMBER}\.{_NUMBER}\.{_NUMBER}"
    rf"(?:-{_IDENTIFIER}(?:\.{_IDENTIFIER})*)?"
    r"(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?"
)
_VERSION = re.compile(PATTERN)

Bump = Literal["major", "minor", "patch"]
Key = tuple[int, int, int, tuple[int, tuple[tuple[int, int, str], ...]]]


@total_ordering
@dataclass(frozen=True, slots=True)
class SemanticVersion:
    """A version by semver.org 2.0.0, clause 11: ordered by precedence, build metadata apart."""

    text: str
    key: Key

    @classmethod
    @cache
    def parse(cls, text: str) -> Self | None:
        """The version that `text` (with its `v`) names, or `None`."""
        if len(text) > 255 or not _VERSION.fullmatch(text):  # a tag longer than a file name cannot exist
            return None
        core, _, _ = text[1:].partition("+")
        numbers, dash, pre_release = core.partition("-")
        major, minor, patch = map(int, numbers.split("."))
        identifiers = tuple(_identifier(part) for part in pre_release.split(".")) if dash else ()
        return cls(text, (major, minor, patch, (0 if dash else 1, identifiers)))

    @property
    def is_pre_release(self) -> bool:
        """Whether the version has a pre-release part (`v2.0.0-rc.1`)."""
        return self.key[3][0] == 0

    def bump(self, part: Bump) -> str:
        """The text of the next version; a pre-release becomes the release it announces, as in semver's own tools."""
        major, minor, patch = self.key[:3]
        if part == "major":
            return self.release if self.is_pre_release and minor == patch == 0 else f"v{major + 1}.0.0"
        if part == "minor":
            return self.release if self.is_pre_release and patch == 0 else f"v{major}.{minor + 1}.0"
        return self.release if self.is_pre_release else f"v{major}.{minor}.{patch + 1}"

    @property
    def release(self) -> str:
        """The same version without pre-release and build metadata."""
        return "v" + ".".join(map(str, self.key[:3]))

    def __lt__(self, other: Self) -> bool:
        return self.key < other.key

    def __str__(self) -> str:
        return self.text


def _identifier(text: str) -> tuple[int, int, str]:
    return (0, int(text), "") if text.isdigit() else (1, 0, text)
