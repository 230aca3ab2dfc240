"""The order of an artifact's events: the journal's order, with external tags in between by their time."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from lastgood.core.events import RESERVED_STAGES, Event
from lastgood.errors import Finding, Flaw

MARKS = "mark"


def merge(ordered: list[Event], adopted: list[Event]) -> list[Event]:
    """All events in order: each adopted event comes before the first journaled one that is later; journaled ones keep
    their order.

    A journaled event happened no later than those that follow it in the journal, so its date counts only up to theirs.
    One date that is a year ahead therefore moves no event of another stage. In its own stage it counts as long as no
    event follows it there, as it does for GTO and DVC.
    """
    if not adopted or not ordered:
        return ordered or adopted
    whole = _happened(ordered)
    stages: dict[str | None, list[int]] = defaultdict(list)
    for index, event in enumerate(ordered):
        stages[_group(event)].append(index)
    times = {group: _happened([ordered[index] for index in indices]) for group, indices in stages.items()}
    before: dict[int, list[Event]] = defaultdict(list)
    for event in adopted:
        index = bisect_right(whole, event.when)
        group = _group(event)
        if group is not None and group in stages:
            first = bisect_right(times[group], event.when)
            index = min([index, *stages[group][first : first + 1]])
        before[index].append(event)
    merged: list[Event] = []
    for index, event in enumerate(ordered):
        merged += (*before[index], event)
    return [*merged, *before[len(ordered)]]


def _group(event: Event) -> str | None:
    """The group in which an event's order matters: the events of a stage, or all marks, of which the last one
    counts."""
    return MARKS if event.stage in RESERVED_STAGES else event.stage


def _happened(ordered: Sequence[Event]) -> list[int]:
    """The latest time at which each event can have happened, given the dates of those that follow; it never
    decreases."""
    times = [event.when for event in ordered]
    for index in range(len(times) - 2, -1, -1):
        times[index] = min(times[index], times[index + 1])
    return times


def order_findings(events: Iterable[Event]) -> Iterator[Finding]:
    """Findings for stages where GTO and DVC, which order by time, see another newest event than the journal."""
    newest: dict[str, Event] = {}
    latest: dict[str, Event] = {}
    for event in events:
        if event.stage is not None:
            newest[event.stage] = event
            if event.stage not in latest or event.when >= latest[event.stage].when:
                latest[event.stage] = event
    for stage, event in newest.items():
        if latest[stage].version != event.version:  # else all agree on it
            seen = latest[stage].tag
            text = f"by time {seen} is the newest of {stage}, by the journal {event.tag}: gto and dvc answer otherwise"
            yield Finding(Flaw.ORDER, event.tag, text)
