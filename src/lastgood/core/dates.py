"""Dates of events: what GTO and DVC can read, which clock is wrong, and what they will answer. It orders nothing."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime

from lastgood.core.events import Event
from lastgood.errors import Finding, Flaw

DAY = 86400
LAST_YEAR_ENDS = 253_402_300_799
"""The last second of Python's `datetime`, with which GTO and DVC read dates. After one tag beyond it, every command of
GTO ends with `year 10000 is out of range`."""
LATEST = LAST_YEAR_ENDS - 2 * DAY
"""The last date that lastgood gives an event: two days before the end, because GTO and DVC may add a time zone."""
FEW = 5
"""How many of an artifact's newest events decide whether this machine's clock is slow."""


def format_time(seconds: int) -> str:
    """Seconds since 1970, formatted for a trailer."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def parse_time(text: str) -> int:
    """The inverse of `format_time`; 0 for anything else."""
    try:
        return int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp())
    except ValueError:
        return 0


def clock_of(event: Event) -> int:
    """The time on the writer's clock. An event that had to be dated later has it in its trailer `Occurred`."""
    return parse_time(event.message.trailers.get("Occurred", "")) or event.when


def is_slow(newest: Sequence[Event], now: int) -> bool:
    """Whether this machine's clock is slow: most of the newest events come from clocks more than a day ahead of
    `now`."""
    ahead = sum(clock_of(event) > now + DAY for event in newest)
    return ahead > 1 and 2 * ahead > len(newest)


def date_findings(histories: Iterable[Sequence[Event]], now: int) -> Iterator[Finding]:
    """Findings about dates more than a day ahead of `now`, in seconds since 1970.

    There is one finding for each stage, about its first such event. If most of the newest events are ahead, there is
    only one, about this machine's clock.
    """
    several = [events for events in histories if any(event.when > now + DAY for event in events)]
    if not several:
        return
    newest = [event for events in several for event in events[-FEW:]]
    if is_slow(newest, now):
        ahead = sum(clock_of(event) > now + DAY for event in newest)
        text = (
            f"this machine's clock says {_moment(now)}, but {ahead} of the newest {len(newest)} events are dated more "
            "than a day later: it seems to be slow, set it; what is recorded here is dated after them"
        )
        yield Finding(Flaw.CLOCK, "clock", text)
        return
    for events in several:
        yield from _future(events, now)


def _future(events: Sequence[Event], now: int) -> Iterator[Finding]:
    told = set()
    for index, event in enumerate(events):
        group = event.stage or event.tag
        if event.when <= now + DAY or group in told:
            continue
        told.add(group)
        text = f"tag {event.tag} is dated {event.at:%Y-%m-%d}, more than a day ahead"
        if all(clock_of(later) > now + DAY for later in events[index:]):
            text += f" (or this machine's clock, {_moment(now)}, is slow)"
        if event.stage is not None:
            text += f": {_effect(event)}; lastgood discount '{event.tag}' --reason TEXT takes it out of count"
        yield Finding(Flaw.FUTURE, event.tag, text)


def _effect(event: Event) -> str:
    if event.when > LAST_YEAR_ENDS:
        return "gto cannot read that date, and all its commands fail; lastgood goes by the journal"
    if event.when >= LATEST:
        return f"gto and dvc take it for the newest of {event.stage}; lastgood goes by the journal"
    return (
        f"until then gto and dvc take it for the newest of {event.stage}; lastgood dates what it records after it, "
        "and assignments by others with today's date do not count"
    )


def foretell(events: Iterable[Event], stages: Collection[str], now: int) -> Iterator[Finding]:
    """Messages for stages with a date in the way: what GTO and DVC will answer after an event of today is recorded."""
    latest: dict[str, Event] = {}
    for event in events:
        if event.stage in stages and event.when > now + DAY:
            stage = str(event.stage)
            latest[stage] = max(latest.get(stage, event), event, key=lambda one: one.when)
    for stage, event in latest.items():
        if event.when > LAST_YEAR_ENDS:
            text = f"gto fails on the date of {event.tag}, and dvc with it; what is recorded of {stage} counts here"
        elif event.when >= LATEST:
            text = (
                f"gto and dvc will go on answering {event.version} for {stage}: {event.tag} is dated "
                f"{event.at:%Y-%m-%d}, and they read no later date; what is recorded counts here"
            )
        else:
            text = (
                f"what is recorded of {stage} is dated a second after {event.tag}, {event.at:%Y-%m-%d}, "
                "so that gto and dvc agree"
            )
        yield Finding(Flaw.DATED, event.tag, text)


def _moment(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}Z"
