"""The breaker: no automatic rollback of a stage after too many, or where the last one did not help. Told by the
events in git alone, so that every machine agrees; rollbacks by hand are never blocked by it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from lastgood.core.dates import clock_of, format_time, parse_time
from lastgood.core.events import Event, Kind, Mark
from lastgood.core.messages import Message, format_message
from lastgood.core.registry import History, Version
from lastgood.core.transaction import Author
from lastgood.errors import RefusedError

TRIGGER = "guard"
"""What the trailer `Trigger` says of an automatic rollback."""


class Cause(StrEnum):
    """Why a version failed."""

    MODEL = "model"
    CODE = "code"
    DATA = "data"
    ENVIRONMENT = "environment"
    INFRASTRUCTURE = "infrastructure"


@dataclass(frozen=True, slots=True)
class Rule:
    """So many automatic rollbacks of a stage within so many seconds open the breaker."""

    rollbacks: int = 2
    window: int = 86_400


@dataclass(frozen=True, slots=True)
class Resolution:
    """The cause that somebody recorded for a version that failed: in one stage, or in all of them (`None`).

    `place` is its place in the journal, `occurred` in seconds since 1970.
    """

    version: str
    stage: str | None
    cause: Cause
    reason: str
    actor: str
    occurred: int
    place: int

    def is_about(self, version: str, stage: str | None) -> bool:
        """Whether it resolves what failed there; `None` is all stages."""
        return self.version == version and self.stage in {None, stage}


@dataclass(frozen=True, slots=True)
class Stopped:
    """Why no automatic rollback is allowed: the guard's rollbacks that count, oldest first."""

    artifact: str
    stage: str
    rollbacks: tuple[Event, ...]
    rule: Rule
    helpless: bool = False
    """The last rollback did not help: the version was not the cause."""

    @classmethod
    def find(cls, history: History, stage: str, rule: Rule) -> Self | None:
        """The open breaker of a stage, or `None`. It stays open until a cause is recorded, however long that takes."""
        waiting = unresolved(history, stage)
        for last in range(rule.rollbacks, len(waiting) + 1):
            several = waiting[last - rule.rollbacks : last]
            clocks = [clock_of(event) for event in several]
            if max(clocks) - min(clocks) <= rule.window:
                return cls(history.artifact, stage, several, rule)
        return None

    @classmethod
    def find_helpless(cls, history: History, stage: str, rule: Rule, now: int) -> Self | None:
        """What to say if the live version is unhealthy though the guard itself has just rolled back to it."""
        waiting = unresolved(history, stage)
        assigned = history.assigned.get(stage)
        if not waiting or assigned is None or waiting[-1] is not assigned:
            return None
        if now - clock_of(assigned) > rule.window:
            return None
        return cls(history.artifact, stage, waiting[-1:], rule, helpless=True)

    @property
    def hint(self) -> str:
        """The command that allows automatic rollbacks again."""
        left = _left(self.rollbacks[-1])
        causes = "|".join(Cause)
        return f"lastgood resolve {self.artifact}@{left} --stage {self.stage} --cause {causes} --reason TEXT"

    def __str__(self) -> str:
        what = f"{self.stage} of {self.artifact}"
        if self.helpless:
            last = self.rollbacks[-1]
            return (
                f"the guard rolled {what} back from {_left(last)} to {last.version} at {last.at:%Y-%m-%d %H:%M}Z, "
                f"and {last.version} is unhealthy, too: the version is not the cause"
            )
        left = ", ".join(f"{_left(one)} at {one.at:%Y-%m-%d %H:%M}Z" for one in self.rollbacks)
        hours = f"{self.rule.window / 3600:g} h"
        return (
            f"the breaker of {what} is open: {len(self.rollbacks)} automatic rollbacks within {hours} "
            f"(from {left}); no cause is recorded"
        )


def unresolved(history: History, stage: str) -> tuple[Event, ...]:
    """The guard's rollbacks of a stage after which nobody recorded a cause for the version that was left."""
    automatic = tuple(event for event in history.events if _is_automatic(history, event, stage))
    recorded = resolutions(history) if automatic else ()
    return tuple(event for event in automatic if not _is_resolved(history, event, recorded))


def resolutions(history: History) -> tuple[Resolution, ...]:
    """The causes that were recorded, oldest first. One that names an unknown cause or no time counts for nothing."""
    return tuple(_resolutions(history))


def _resolutions(history: History) -> Iterator[Resolution]:
    for place, entry in enumerate(history.journal.entries):
        said = entry.resolved
        if said and said.get("Cause") in list(Cause) and (occurred := parse_time(said.get("Occurred", ""))):
            yield Resolution(
                version=said["Resolved"],
                stage=said.get("Stage"),
                cause=Cause(said["Cause"]),
                reason=said.get("Reason", ""),
                actor=said["Actor"],
                occurred=occurred,
                place=place,
            )


def find_resolution(history: History, version: Version, stage: str | None) -> Resolution | None:
    """The cause that was recorded for a version since it last failed in a stage, or in any (`None`)."""
    since = max((_place(history, event) for event in _failures(history, version, stage)), default=-1)
    found = [one for one in resolutions(history) if one.is_about(version.text, stage) and one.place > since]
    return found[-1] if found else None


def require_failure(history: History, version: Version, stage: str | None) -> None:
    """Raise `RefusedError` for a version that never failed: there is nothing to record a cause for."""
    if not _failures(history, version, stage):
        where = f" in {stage}" if stage else ""
        raise RefusedError(
            f"{history.artifact} {version.text} has no failure to resolve: it was neither marked failed "
            f"nor rolled back from{where}",
            hint=f"lastgood history {history.artifact}",
        )


def format_resolution(  # of what, why, by whom
    artifact: str, version: str, stage: str | None, cause: Cause, author: Author
) -> str:
    """The message of the journal entry that records a cause. It has no tag, so that nothing changes for GTO and DVC.

    The reason stands on one line behind its name: a line of it could pass for one of the entry's own.
    """
    trailers = {
        "Artifact": artifact,
        "Stage": stage or "",
        "Actor": author.actor,
        "Trigger": author.trigger,
        "Run": author.run or "",
        "Reason": author.reason,
        "Occurred": format_time(author.when),
        "Resolved": version,
        "Cause": cause,
    }
    return format_message(Message(f"Resolve {artifact} {version}: {cause}", trailers=trailers))


def _is_resolved(history: History, event: Event, recorded: tuple[Resolution, ...]) -> bool:
    about = [one.place for one in recorded if one.is_about(_left(event), str(event.stage))]
    return bool(about) and max(about) > _place(history, event)


def _failures(history: History, version: Version, stage: str | None) -> list[Event]:
    """What says that a version failed in a stage, or in any: it was marked failed, or rolled back from."""
    return [
        event
        for event in history.events
        if (event.kind is Kind.MARKED and (event.version, event.stage) == (version.text, Mark.FAILED))
        or (stage in {None, event.stage} and _left(event) == version.text and _went_down(history, event))
    ]


def _is_automatic(history: History, event: Event, stage: str) -> bool:
    return (
        event.kind is Kind.ASSIGNED
        and event.stage == stage
        and event.message.trailers.get("Trigger") == TRIGGER
        and _went_down(history, event)
    )


def _went_down(history: History, event: Event) -> bool:
    left, there = history.by_name.get(_left(event)), history.by_name.get(event.version)
    return event.kind is Kind.ASSIGNED and left is not None and there is not None and there.name.key < left.name.key


def _left(event: Event) -> str:
    return event.message.trailers.get("From") or ""


def _place(history: History, event: Event) -> int:
    """The event's place in the journal; the end for one that is not there (an offline rollback that still waits)."""
    entries = history.journal.entries
    found = (place for place, entry in enumerate(entries) if any(tag.oid == event.oid for tag in entry.tags))
    return next(found, len(entries))
