"""Taking an event that a wrong clock dated ahead out of count: in the journal for lastgood, by deletion for gto."""

from dataclasses import dataclass, field, replace

from lastgood.core import tags as grammar
from lastgood.core.dates import DAY, FEW, clock_of, is_slow
from lastgood.core.events import RESERVED_STAGES, Event
from lastgood.core.journal import Discount
from lastgood.core.preflight import require_reason
from lastgood.core.references import find_history
from lastgood.core.registry import History
from lastgood.core.tags import TagName
from lastgood.core.transaction import Draft
from lastgood.errors import RefusedError, UnknownError, UsageError
from lastgood.project import Project
from lastgood.registry import recording
from lastgood.registry.discounted import must_be_signed
from lastgood.registry.recording import Record
from lastgood.registry.view import View, read, retrying


@dataclass(frozen=True)
class Discounted:
    """The tags that no longer count, and what their stage was and is assigned now. `later` had to be dated after the
    first one; what they said stands, and is said again with today's date where that is needed (`record`)."""

    history: History
    tag: str
    stage: str
    later: tuple[str, ...] = ()
    before: str | None = None
    after: str | None = None
    record: Record = field(default_factory=Record)
    fulfilled: bool = False
    dry_run: bool = False
    view: View | None = None


def discount(
    project: Project, tag: str, reason: str, *, dry_run: bool = False, clock_is_right: bool = False
) -> Discounted:
    """Take a tag that is dated more than a day ahead out of count; said twice, the second time writes nothing.

    `clock_is_right`: do it though most of the newest events say that it is this machine's clock that is wrong. Raises
    `UsageError` for what names no event of a stage, `UnknownError`, `RefusedError` for a date that is not ahead, a
    doubtful clock, and an event that must be signed.
    """
    require_reason(reason, "a discount", dry_run=dry_run)
    name = _parse(tag)
    if must_be_signed(project, tag):
        raise RefusedError(
            f"{tag} must be signed, and nothing could sign that it no longer counts",
            hint="a rollback counts all the same; who is no longer an allowed signer takes his events along",
        )

    def attempt(view: View) -> Discounted:
        prepared, draft, found = _prepare(project, view, tag, name, reason, clock_is_right=clock_is_right)
        if dry_run or draft is None:
            return replace(prepared, dry_run=dry_run)
        record = recording.record(project, view, draft.discount(found))
        recording.outwait(project, record)
        return replace(prepared, record=record)

    return attempt(read(project, fetch=True)) if dry_run else retrying(project, attempt)


def _parse(tag: str) -> TagName:
    name = grammar.parse(tag)
    if name is None or name.stage is None:
        raise UsageError(
            f"{tag!r} is not a tag of an assignment or mark",
            hint="name it in full, as in 'flights#prod#7'; a version is never taken out of count, mark it failed",
        )
    return name


def _prepare(  # what, of what, why
    project: Project, view: View, tag: str, name: TagName, reason: str, *, clock_is_right: bool
) -> tuple[Discounted, Draft | None, tuple[Discount, ...]]:
    history = find_history(view.registry, name.artifact)
    stage = str(name.stage)
    standing = history.assigned.get(stage)
    before = standing.version if standing else None
    known = [one for one in history.journal.discounted.values() if one.name == tag]
    if known:
        there = view.origin is not None and view.origin.tag(tag) == known[0].oid
        prepared = Discounted(history, tag, stage, before=before, after=before, fulfilled=not there, view=view)
        author = recording.author(project, reason) if there else None
        return prepared, Draft(history, author) if author else None, tuple(known)
    event = next((one for one in history.events if one.tag == tag), None)
    if event is None:
        raise UnknownError(f"no tag {tag} counts", hint=f"lastgood history {history.artifact}")
    _require_ahead(project, history, event, clock_is_right=clock_is_right)
    later = _later(project, history, event)
    without = history.without({tag}).assigned.get(stage)
    after = without.version if without else None
    reduced = history.without({tag, *(one.tag for one in later)})
    left = reduced.assigned.get(stage)
    draft = Draft(reduced, recording.author(project, reason))
    if later and after is not None and (left.version if left else None) != after:
        draft.assign(history.version(after), stage, leaving=before)
    found = tuple(Discount(one.oid, one.tag, one.version or "-") for one in (event, *later))
    names = tuple(one.tag for one in later)
    return Discounted(history, tag, stage, names, before, after, view=view), draft, found


def _later(project: Project, history: History, event: Event) -> tuple[Event, ...]:
    """The events of the same stage that had to be dated after it. Marks stay: each is about a version of its own."""
    stage = event.stage
    without = history.without({event.tag}).assigned.get(str(stage))
    if stage in RESERVED_STAGES or without is None:
        return ()
    place = history.events.index(event)
    horizon = project.now() + DAY
    return tuple(
        one for one in history.events[place + 1 :] if one.stage == stage and one.when > horizon >= clock_of(one)
    )


def _require_ahead(project: Project, history: History, event: Event, *, clock_is_right: bool) -> None:
    now = project.now()
    if event.when <= now + DAY:
        raise RefusedError(
            f"{event.tag} is dated {event.at:%Y-%m-%d %H:%M}Z, not more than a day ahead",
            hint=f"another event takes its place: lastgood assign {history.artifact}@VERSION --stage {event.stage}",
        )
    if is_slow(history.events[-FEW:], now) and not clock_is_right:
        raise RefusedError(
            f"most of the newest events of {history.artifact} are dated ahead of this machine's clock: it seems to be "
            "slow, and the tag right",
            hint="look at `date -u` first; if the clock is right, say --clock-is-right",
        )
