"""Records one transaction: to origin in one atomic push and then into the local refs, or nowhere."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lastgood.adapters.git import transactions
from lastgood.adapters.git.identity import Start, find_start
from lastgood.adapters.git.refs import Origin
from lastgood.adapters.git.restoring import Astray, push_tags, rebuild
from lastgood.adapters.git.transactions import Prepared
from lastgood.core.dates import DAY
from lastgood.core.events import Event
from lastgood.core.journal import Journal, Recorded
from lastgood.core.manifest import Manifest
from lastgood.core.registry import History
from lastgood.core.transaction import Author, Transaction
from lastgood.errors import LockedError, PushRefusedError, StaleError
from lastgood.project import Project
from lastgood.registry import seen
from lastgood.registry.fetching import PUSHING
from lastgood.registry.freshness import require_agreement
from lastgood.registry.signatures import signer_for
from lastgood.registry.view import View
from lastgood.releases import durable

PATIENCE = 3
"""Seconds to wait until the clock passes an event that had to be dated ahead. A neighbour's next event is then
later."""


@dataclass(frozen=True, slots=True)
class Record:
    """The result of recording: the tags' names, whether origin has them (there may be no remote), the newest one's
    date."""

    tags: tuple[str, ...] = ()
    published: bool = False
    latest: int = 0


def author(project: Project, reason: str, trigger: str = "", run: str | None = None) -> Author:
    """The actor and the trigger: `trigger` and `run` if given, otherwise from the environment.

    Raises `LastgoodError` if git has no identity, before anything is written.

    The time is one second back. A neighbour's event right after this one is then later by whole seconds, by which gto
    and dvc order, and nobody has to wait.
    """
    start = Start(trigger, run) if trigger else find_start()
    return Author(str(project.identity), project.now() - 1, reason, start.trigger, start.run)


def record(project: Project, view: View, transaction: Transaction, *, more: Sequence[str] = ()) -> Record:
    """Write a transaction that was drafted on `view`.

    Raises `StaleError` if somebody else wrote first: read again, plan again. Then, and if origin refuses
    (`PushRefusedError`) or is silent (`UnreachableError`), no ref has changed, here or there.
    """
    journal, ref = _ready(project, view, transaction.artifact)
    sign = signer_for(project, [tag.name for tag in transaction.tags])
    prepared = transactions.write_objects(project.git, transaction, journal, ref, project.identity, sign=sign)
    there = view.origin.tags if view.origin is not None else {}
    gone = tuple(one for one in transaction.discounts if there.get(one.name) == one.oid)
    carry(project, replace(prepared, gone=gone), more=more)
    transactions.drop_tags(
        project.git, transaction.discounts
    )  # after a crash before this, the next reading command does it
    names = tuple(tag.name for tag in prepared.tags)
    return Record(names, published=project.remote is not None, latest=transaction.latest)


def record_entry(project: Project, view: View, artifact: str, message: str) -> Record:
    """Write a journal entry without tags, which changes nothing. Raises as `record` does."""
    journal, ref = _ready(project, view, artifact)
    prepared = transactions.write_entry(project.git, journal, message, ref, project.identity, project.now())
    carry(project, prepared)
    return Record(published=project.remote is not None)


def _ready(project: Project, view: View, artifact: str) -> tuple[Journal, str]:
    """The journal to write on top of, which origin shares completely, and its ref."""
    journal = journal_of(view, artifact)
    require_agreement(view, artifact)
    ref = project.journal_ref(artifact)
    publish_earlier(project, view, journal, ref)
    if complete(project, view, artifact):
        raise StaleError(f"the last transaction of {artifact} was incomplete on origin and is complete now")
    project.on_step("objects")
    return journal, ref


def carry(project: Project, prepared: Prepared, *, more: Sequence[str] = ()) -> None:
    """Push to origin, then write the local refs. After a crash in between, a push marker makes the next read fetch."""
    marker = project.place.create().root / PUSHING
    if project.remote is not None:
        project.on_step("push")
        durable.touch(marker)  # its existence is all it says
        durable.fsync_directory(marker.parent)
        try:
            transactions.publish(project.git, prepared, project.remote, project.deadline, more=more)
        except (LockedError, PushRefusedError, StaleError):
            marker.unlink(missing_ok=True)
            raise
    project.on_step("refs")
    if transactions.land(project.git, prepared, accepted=project.remote is not None):
        marker.unlink(missing_ok=True)
    if project.remote is not None:
        seen.remember_own(project, prepared)


def journal_of(view: View, artifact: str) -> Journal:
    """The artifact's journal in a view; an empty one before its first event."""
    history = view.registry.artifacts.get(artifact)
    return history.journal if history else Journal(artifact)


def publish_earlier(project: Project, view: View, journal: Journal, ref: str) -> None:
    """Push the entries that were recorded while there was no remote, one by one and each as a whole."""
    if project.remote is None or view.origin is None:
        return
    there = view.origin.refs.get(ref)
    if there == journal.tip or journal.tip is None:
        return
    known = [index for index, entry in enumerate(journal.entries) if entry.commit == there]
    previous = there
    for entry in journal.entries[known[0] + 1 if known else 0 :]:
        counting = tuple(tag for tag in entry.tags if tag.oid not in journal.discounted)
        prepared = Prepared(journal.artifact, counting, ref, entry.commit, previous)
        transactions.publish(project.git, prepared, project.remote, project.deadline)
        previous = entry.commit


def complete(project: Project, view: View, artifact: str) -> bool:
    """Complete the last transaction on origin, then here, if origin accepted only part of it (ordering.md, I4). Returns
    whether anything was missing.

    A disk that fails during the push leaves the entry without its tags, or the tags without their entry. The command
    has not succeeded before both are there. Raises `PushRefusedError`, `UnreachableError`.
    """
    history = view.registry.artifacts.get(artifact)
    if project.remote is None or view.origin is None or history is None:
        return False
    return _give_tags(project, view.origin, history.journal) or _give_entry(project, view, history)


def _give_tags(project: Project, origin: Origin, journal: Journal) -> bool:
    newest = journal.entries[-1] if journal.entries else None
    if newest is None or newest.adoption:
        return False
    if origin.refs.get(project.journal_ref(journal.artifact)) != newest.commit:
        return False
    lacking = [Astray(newest, tag, tag.oid, None) for tag in newest.tags if origin.tag(tag.name) is None]
    lacking = [tag for tag in lacking if rebuild(project.git, tag)]
    refused = push_tags(project.git, str(project.remote), lacking, project.deadline) if lacking else {}
    if refused:
        refusals = "; ".join(f"{name}: {why}" for name, why in refused.items())
        raise PushRefusedError(
            f"{project.remote} has the newest journal entry without all its tags, and does not accept them: {refusals}",
            hint=f"lastgood repair {journal.artifact}",
        )
    transactions.put_tags(project.git, [tag.recorded for tag in lacking])
    return bool(lacking)


def _give_entry(project: Project, view: View, history: History) -> bool:
    """Record tags of lastgood that lack an entry, if they are newer than everything in the journal; `repair` handles
    the others."""
    own = own_unjournaled(view, history)
    journaled = [event.when for event in history.events if event.tag not in history.unjournaled] if own else []
    newest = max((when for when in journaled if when <= project.now() + DAY), default=0)
    late = [event for event in own if event.when >= newest]
    if history.journal.tip is None or not late:
        return False
    enter(project, view, history, late)
    return True


def own_unjournaled(view: View, history: History) -> list[Event]:
    """The events of lastgood that are equal here and on origin, and have no journal entry."""
    own = [event for event in history.events if event.tag in history.unjournaled and event.message.is_own]
    return [event for event in own if view.origin is None or view.origin.tag(event.tag) == event.oid]


def enter(project: Project, view: View, history: History, events: Sequence[Event]) -> None:
    """Write tags as they are into the journal, in one entry, with the manifest in a version's tag.

    Raises as `record` does.
    """
    require_agreement(view, history.artifact)
    ref = project.journal_ref(history.artifact)
    publish_earlier(project, view, history.journal, ref)
    prepared = transactions.write_adoption(
        project.git,
        history.journal,
        tuple(Recorded(event.oid, event.tag) for event in events),
        ref,
        project.identity,
        project.now(),
        manifest=_manifest(events[0]),
    )
    carry(project, prepared)


def _manifest(event: Event) -> Manifest | None:
    """The whole manifest from the message of a version's tag, if it had room for it."""
    try:
        manifest = Manifest.from_json(json.loads(event.message.manifest or ""))
    except ValueError:
        return None
    return manifest if manifest.digest == event.message.trailers.get("Manifest") else None


def outwait(project: Project, record: Record) -> None:
    """Wait until the second of an event that had to be dated later is over: gto and dvc order by whole seconds.

    This is the last thing a command does, so that nothing waits for it. If the clock was set back further, it does not
    wait; lastgood's next event is dated after this one again.
    """
    ahead = record.latest + 1 - project.now()
    if 0 < ahead <= PATIENCE:
        time.sleep(ahead)
