"""What a repair did or would do, as values, and which findings of `verify` one can mend."""

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
"""Kinds of findings that `lastgood repair` looks at; it says itself what it cannot mend."""


@dataclass(frozen=True, slots=True)
class Mended:
    """One thing put right: its kind (`tag`, `journal`, `object`, `release`), its name, what was done, and from what."""

    kind: str
    subject: str
    done: str
    source: str


def may_mend(findings: Iterable[Finding]) -> bool:
    """Whether a repair could mend one of these."""
    return any(finding.kind in MENDABLE for finding in findings)
