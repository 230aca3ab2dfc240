"""Events that lastgood adds by itself: tags that put `#stable` back on the last good version, which nobody judged
again."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lastgood.core import tags
from lastgood.core.events import Event, Kind, Mark
from lastgood.core.messages import Message

ADDED_WITH = "Added-with"
"""The trailer of an added tag. It has the name of the tag whose mark caused it."""


class Added(NamedTuple):
    """An event that lastgood added: the reason, and the tag of the mark that caused it."""

    reason: str
    tag: str


def format_kept(artifact: str, version: str, judged: tuple[str, str], tag: str) -> Message:
    """The message of a tag that keeps `#stable` on `version` after another version was marked. `judged` is that version
    with its mark, `tag` is the mark's tag."""
    return Message(_subject(artifact, version), _reason(*judged), None, {ADDED_WITH: tag})


def find_added(events: Sequence[Event]) -> Mapping[str, Added]:
    """The events that lastgood added, by the names of their tags.

    The trailer alone is no evidence: its mark must exist, be about another version and have the same actor.
    """
    named = [(event, names) for event in events if (names := _tags_with(event))]  # few: there may be 40,000 events
    wanted = {name for _, names in named for name in names}
    there = [event for event in events if event.tag in wanted]
    marks = {event.tag: event for event in there if event.kind is Kind.MARKED and event.message.is_own}
    added = {}
    for event, names in named:
        mark = next(filter(None, map(marks.get, names)), None)
        if mark is not None and mark.version != event.version and mark.actor == event.actor:
            added[event.tag] = Added(_reason(mark.version, str(mark.stage)), mark.tag)
    return added


def _tags_with(event: Event) -> tuple[str, ...]:
    """The possible names of the mark's tag. Older versions of lastgood wrote no trailer, but the same subject for every
    added tag, and gave the mark the number before. A person's own mark has another subject."""
    if event.kind is not Kind.MARKED or event.stage != Mark.STABLE or not event.message.is_own:
        return ()
    if ADDED_WITH in event.message.trailers:
        return (event.message.trailers[ADDED_WITH],)
    if event.counter is None or event.message.subject != _subject(event.artifact, event.version):
        return ()
    return tuple(tags.stage_tag(event.artifact, mark, event.counter - 1) for mark in Mark)


def _subject(artifact: str, version: str) -> str:
    return f"Keep {Mark.STABLE} on {artifact} {version}"


def _reason(version: str, mark: str) -> str:
    return f"added by lastgood because {version} was marked {mark}"
