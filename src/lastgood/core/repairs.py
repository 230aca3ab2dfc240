"""The results of a repair as values, and which findings of `verify` a repair can fix."""

from collections.abc import Iterable
from dataclasses import dataclass

from lastgood.errors import Finding, Flaw

MENDABLE = frozenset(
    {
        Flaw.MOVED,
        Flaw.DELETED,
        Flaw.UNJOURNALED,
        Flaw.BEHIND,
        Flaw.GONE_BACK,
        Flaw.MISSING,
        Flaw.CORRUPTED,
        Flaw.CHANGED,
        Flaw.BROKEN_RELEASE,
        Flaw.WRITABLE,
    }
)
"""Kinds of findings that `lastgood repair` works on; it reports which of them it cannot fix."""


@dataclass(frozen=True, slots=True)
class Mended:
    """One repaired thing: its kind (`tag`, `journal`, `object`, `release`), its name, what was done, and the source."""

    kind: str
    subject: str
    done: str
    source: str


def may_mend(findings: Iterable[Finding]) -> bool:
    """Whether a repair could fix one of these findings."""
    return any(finding.kind in MENDABLE for finding in findings)
