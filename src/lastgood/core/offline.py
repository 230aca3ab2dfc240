"""Offline rollbacks, done on one machine while origin was down: the outcome of publishing each, and the history with
them."""

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Self

from lastgood.core import tags
from lastgood.core.dates import format_time
from lastgood.core.events import Event, Kind, Mark
from lastgood.core.messages import Message, format_message
from lastgood.core.registry import History
from lastgood.core.version import SemanticVersion

_HEX = re.compile(r"[0-9a-f]{16,64}")
_LATEST = 253402300799
"""The last second of the calendar."""


@dataclass(frozen=True, slots=True)
class Act:
    """One offline rollback that is not published yet. `id` is its identity on origin, so that it is recorded once.

    `occurred` is in seconds since 1970, `mark` is whether the version that was left is to be marked failed, `seen` is
    the journal's tip that this clone knew.
    """

    id: str
    artifact: str
    stage: str
    leaving: str
    leaving_commit: str
    target: str
    target_commit: str
    mark: bool
    reason: str
    actor: str
    occurred: int
    trigger: str = "manual"
    run: str | None = None
    seen: str | None = None

    @classmethod
    def parse(cls, document: object) -> Self:
        """The act in a JSON object. Raises `ValueError` with what is wrong with it."""
        if not isinstance(document, dict) or not document.keys() >= {field.name for field in fields(cls)}:
            raise ValueError("it lacks what an act says of itself")
        said = {field.name: document[field.name] for field in fields(cls)}
        for name, value in said.items():
            wanted = {"mark": bool, "occurred": int}.get(name, str)
            if type(value) is not wanted and not (value is None and name in {"run", "seen"}):
                raise ValueError(f"its {name} is {value!r}")
        act = cls(**said)
        wrong = [one for one in (act.id, act.leaving_commit, act.target_commit) if not _HEX.fullmatch(one)]
        wrong += [one for one in (act.leaving, act.target) if SemanticVersion.parse(one) is None]
        if not tags.is_artifact(act.artifact) or not tags.is_stage(act.stage):
            wrong.append(f"{act.artifact}@{act.stage}")
        if wrong or not 0 <= act.occurred <= _LATEST:
            raise ValueError(f"it names {', '.join(map(repr, wrong)) or 'no time'}")
        return act

    def document(self) -> dict[str, object]:
        """The JSON object that `parse` reads."""
        return asdict(self)

    @property
    def at(self) -> datetime:
        """The time of the act, with time zone."""
        return datetime.fromtimestamp(self.occurred, UTC)

    @property
    def finish(self) -> str:
        """The command that publishes it."""
        return f"lastgood sync {self.artifact} --stage {self.stage}"

    def __str__(self) -> str:
        return (
            f"{self.stage} of {self.artifact} was rolled back here from {self.leaving} to {self.target} "
            f"at {self.at:%Y-%m-%d %H:%M:%S}Z while origin was out of reach"
        )


class Outcome(StrEnum):
    """The outcome of publishing an act."""

    RECORDED = "recorded"
    """The act still applies: it is recorded as a new transaction."""
    FULFILLED = "fulfilled"
    """Somebody else assigned the stage to the same version: history only."""
    SUPERSEDED = "superseded"
    """The stage has moved elsewhere, or the target is no longer good: history only, and this machine follows."""


def judge(history: History, act: Act) -> Outcome:
    """The outcome of publishing the act on this view of the registry; the past outcome, if origin has the act
    already."""
    if any(event.message.trailers.get("Offline") == act.id for event in history.events):
        return Outcome.RECORDED
    entries = (entry.superseded for entry in history.journal.entries if entry.superseded)
    published = next((entry for entry in entries if entry.get("Offline") == act.id), None)
    assigned = history.assigned.get(act.stage)
    by = published["Superseded"] if published else assigned.version if assigned else None
    if by == act.target:
        return Outcome.FULFILLED
    target = history.by_name.get(act.target)
    good = target is not None and not target.deregistered and target.mark is not Mark.FAILED
    same = target is not None and target.commit == act.target_commit
    holds = assigned is not None and (assigned.version, assigned.commit) == (act.leaving, act.leaving_commit)
    return Outcome.RECORDED if holds and good and same and published is None else Outcome.SUPERSEDED


def is_published(history: History, act: Act) -> bool:
    """Whether origin has the act already, as an event or as superseded history."""
    return any(event.message.trailers.get("Offline") == act.id for event in history.events) or any(
        entry.superseded.get("Offline") == act.id for entry in history.journal.entries if entry.superseded
    )


def foresee(history: History, acts: Iterable[Act]) -> History:
    """The history after the acts that still apply are published. This machine uses it until then."""
    for act in acts:
        if judge(history, act) is Outcome.RECORDED and not is_published(history, act):
            history = replace(history, events=(*history.events, *_events(history, act)))
    return history


def _events(history: History, act: Act) -> Iterable[Event]:
    moves = {"From": act.leaving, "To": act.target}
    if act.mark:
        yield _event(history, act, act.leaving, (Kind.MARKED, Mark.FAILED), {})
    yield _event(history, act, act.target, (Kind.ASSIGNED, act.stage), moves)


def _event(history: History, act: Act, version: str, what: tuple[Kind, str], more: dict[str, str]) -> Event:
    there = history.by_name[version]
    message = Message(str(act), act.reason, None, {**_trailers(act), **more})
    kind, stage = what
    return Event(
        kind, act.artifact, version, stage, there.commit, there.event.tree, act.occurred, act.actor, message, "", ""
    )


def format_superseded(act: Act, assigned: str | None) -> str:
    """The message of the journal entry that keeps an act as history. It has no tag, so it changes nothing.

    The reason is on one line after its name. On a line of its own it could look like one of the entry's own lines.
    """
    trailers = {
        **_trailers(act),
        "From": act.leaving,
        "To": act.target,
        "Reason": act.reason,
        "Superseded": assigned or "nothing",
    }
    subject = f"Superseded: roll back {act.artifact} {act.stage} from {act.leaving} to {act.target}"
    return format_message(Message(subject, trailers=trailers))


def _trailers(act: Act) -> dict[str, str]:
    return {
        "Artifact": act.artifact,
        "Stage": act.stage,
        "Actor": act.actor,
        "Trigger": act.trigger,
        "Run": act.run or "",
        "Occurred": format_time(act.occurred),
        "Offline": act.id,
    }
