"""The timeline of a history for people: its events, with superseded acts and discounted tags in their places."""

from collections.abc import Iterator, Mapping

from lastgood.core import tags
from lastgood.core.dates import parse_time
from lastgood.core.events import Event, Kind
from lastgood.core.journal import Discount, Entry
from lastgood.core.messages import Message
from lastgood.core.registry import History


def timeline(history: History) -> tuple[Event, ...]:
    """Every event of a history in order, with superseded acts, discounted tags and recorded causes in their
    places."""
    entries = history.journal.entries
    waiting = [(index, event) for index, entry in enumerate(entries) for event in _beside(history, entry)]
    if not waiting:
        return history.events
    indices = {tag.oid: index for index, entry in enumerate(entries) if not entry.adoption for tag in entry.tags}
    events: list[Event] = []
    for event in history.events:
        while waiting and waiting[0][0] < indices.get(event.oid, -1):
            events.append(waiting.pop(0)[1])
        events.append(event)
    return (*events, *(event for _, event in waiting))


def _beside(history: History, entry: Entry) -> Iterator[Event]:
    if entry.superseded:
        yield _superseded(history, entry.superseded)
    if entry.resolved:
        yield _resolved(history, entry.resolved)
    for one in entry.discounts:
        yield _discounted(history, one, entry.said)


def _resolved(history: History, said: Mapping[str, str]) -> Event:
    return _event(history, Kind.RESOLVED, (said["Resolved"], said.get("Stage")), said)


def _discounted(history: History, one: Discount, said: Mapping[str, str]) -> Event:
    name = tags.parse(one.name)
    about = one.version, name.stage if name else None
    return _event(history, Kind.DISCOUNTED, about, said)._replace(tag=one.name, oid=one.oid)


def _superseded(history: History, said: Mapping[str, str]) -> Event:
    return _event(history, Kind.SUPERSEDED, (said.get("To", ""), said.get("Stage")), said)


def _event(history: History, kind: Kind, about: tuple[str, str | None], said: Mapping[str, str]) -> Event:
    """What a journal entry without tags says of a version and stage, as an event."""
    version, stage = about
    there = history.by_name.get(version)
    return Event(
        kind=kind,
        artifact=history.artifact,
        version=version,
        stage=stage,
        commit=there.commit if there else "",
        tree="",
        when=parse_time(said.get("Occurred", "")),
        actor=said.get("Actor", ""),
        message=Message(str(kind), said.get("Reason", ""), None, said),
        tag="",
        oid="",
    )
