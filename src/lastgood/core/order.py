"""The order of an artifact's events: the journal's, with the tags of others in between by their time."""

from collections.abc import Iterable, Iterator

from lastgood.core.events import Event
from lastgood.errors import Finding


def merge(ordered: list[Event], adopted: list[Event]) -> list[Event]:
    """Each adopted event stands before the first journaled one that is later; journaled ones keep their order."""
    merged: list[Event] = []
    waiting = iter(adopted)
    next_adopted = next(waiting, None)
    for event in ordered:
        while next_adopted is not None and next_adopted.when < event.when:
            merged.append(next_adopted)
            next_adopted = next(waiting, None)
        merged.append(event)
    if next_adopted is not None:
        merged.extend((next_adopted, *waiting))
    return merged


def order_findings(events: Iterable[Event], horizon: int) -> Iterator[Finding]:
    """Where GTO and DVC, who go by time, see another newest event of a stage than the journal says.

    Dates after `horizon`, in seconds since 1970, are left out: they are a finding of their own.
    """
    newest: dict[str, Event] = {}
    latest: dict[str, Event] = {}
    for event in events:
        if event.stage is not None:
            newest[event.stage] = event
            if event.when <= horizon and (event.stage not in latest or event.when >= latest[event.stage].when):
                latest[event.stage] = event
    for stage, event in newest.items():
        if event.when <= horizon and latest[stage].version != event.version:  # else all agree on it
            seen = latest[stage].tag
            text = f"by time {seen} is the newest of {stage}, by the journal {event.tag}: gto and dvc answer otherwise"
            yield Finding("order", event.tag, text)


def future_findings(events: Iterable[Event], horizon: int) -> Iterator[Finding]:
    """The events dated after `horizon`, a day from now in seconds since 1970: GTO and DVC take them for the newest."""
    for event in events:
        if event.when > horizon:
            yield Finding(
                "future",
                event.tag,
                f"tag {event.tag} is dated {event.at:%Y-%m-%d}, more than a day ahead: gto and dvc will take it "
                f"for the newest until then; delete it (git push --delete origin refs/tags/{event.tag})",
            )
