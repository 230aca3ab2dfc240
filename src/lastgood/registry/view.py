"""Reads the registry from the local refs, after a fetch if a command wants one, and restores local tags that a crash
left out."""

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from lastgood.adapters.git import refs, repository
from lastgood.adapters.git.transactions import put_tags
from lastgood.core import tags as grammar
from lastgood.core.building import build_registry
from lastgood.core.events import TagObject
from lastgood.core.journal import Journal, Recorded, find_lost
from lastgood.core.registry import History, Registry
from lastgood.core.tags import TAGS
from lastgood.errors import (
    Finding,
    Flaw,
    LockedError,
    StaleError,
    UnreachableError,
)
from lastgood.project import Project
from lastgood.registry import agreement, discounted, fetching, origin_tags, seen, signatures
from lastgood.registry.origin_tags import Corrections
from lastgood.registry.races import repeat
from lastgood.releases import pending

T = TypeVar("T")


@dataclass(frozen=True)
class View:
    """The registry as read now. `origin` has the remote's refs, if it was read; `as_of` the time of the last fetch;
    `pending` the acts that were done offline and are in no registry yet."""

    registry: Registry
    origin: refs.Origin | None = None
    as_of: datetime | None = None
    pending: tuple[Finding, ...] = ()

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The warnings that every command must print."""
        return (*self.registry.findings, *self.pending)


def read(project: Project, *, fetch: bool, offline: bool = False) -> View:
    """The registry; with `fetch`, after fetching tags and journals from origin. Raises `UnreachableError`.

    It is also fetched while the mirror is empty, and after a command that crashed during its push. With `offline` it is
    never fetched, and what is unknown becomes a finding. Origin's refs and the local ones are of one moment: they are
    read again if another command here has recorded in between.
    """
    if fetch and project.remote is None:
        fetching.require_no_remote(project)
    return repeat(lambda: _read(project, fetch=fetch, offline=offline))


def _read(project: Project, *, fetch: bool, offline: bool) -> View:
    last = seen.read(project)  # before all else: what others on this machine see meanwhile is no step back
    untold: tuple[Finding, ...] = ()
    origin: refs.Origin | None = None
    before: Mapping[str, str] = {}
    if offline and fetching.is_uncertain(project):
        untold = (Finding(Flaw.UNREACHABLE, str(project.remote), "the result of the last push is unknown"),)
    elif project.remote and (fetch or fetching.is_uncertain(project)):
        try:
            origin, before = fetching.fetch_refs(project)
        except (LockedError, UnreachableError) as error:
            if fetch:
                raise
            untold = (Finding(Flaw.UNREACHABLE, project.remote, f"the newest records are unknown: {error.message}"),)
    with _uncollected():
        walks: dict[str, Iterator[bytes]] = {}

        def begin(ref: str, tip: str) -> None:
            if not walks:  # the only one, most often: git walks over it while it reads the tags
                walks[ref] = refs.walk_journal(project.git, tip)

        tags = refs.read_tags(project.git, project.journal_prefix, begin)
        listed = tags.more
        journals = _read_journals(project, listed, walks)
        if project.remote is None or origin is not None:
            tags = _put_unfinished(project, tags, journals, origin)
            tags = discounted.drop(project, tags, journals, origin)
        corrections = _correct(project, tags, journals, origin)
        registry = _build(project, tags, journals, (origin, corrections), last)
    _require_one_moment(project, registry, listed, origin, before)
    if origin is not None:
        seen.remember(project, journals, origin, seen.read(project))
        corrections.remember(project)
        origin_tags.remember_absent(project, _absent(tags.objects, journals, origin))
    waiting = tuple(finding for one in pending.read(project.place) for finding in one.findings)
    return View(replace(registry, findings=(*untold, *registry.findings)), origin, fetching.as_of(project), waiting)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Pause the garbage collector: a registry has no cycles, and scanning up to a million values costs a quarter of the
    run time."""
    enabled = gc.isenabled()
    gc.unfreeze()  # what the last reading has left alone
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


def retrying(project: Project, attempt: Callable[[View], T]) -> T:
    """The result of `attempt` on a fresh view, repeated whenever somebody else was faster. Raises `RaceError`."""
    return repeat(lambda: attempt(read(project, fetch=True)))


def _require_one_moment(
    project: Project,
    registry: Registry,
    journals: Mapping[str, str],
    origin: refs.Origin | None,
    before: Mapping[str, str],
) -> None:
    """Raise `StaleError` if another command here recorded during this read, and it shows: a journal is neither the
    earlier one nor origin's, or there are findings."""
    moved = origin is not None and any(
        tip not in {before.get(ref), origin.refs.get(ref)} for ref, tip in journals.items()
    )
    told = [*registry.findings, *(one for history in registry.artifacts.values() for one in history.findings)]
    if moved or (told and refs.list_refs(project.git, project.journal_prefix) != journals):
        raise StaleError("a journal moved on while it was read")


def _read_journals(
    project: Project, found: Mapping[str, str], walks: Mapping[str, Iterator[bytes]]
) -> dict[str, Journal]:
    journals = {}
    for ref, tip in found.items():
        artifact = project.journal_of(ref)
        if grammar.is_artifact(artifact):
            journal = refs.read_journal(project.git, artifact, ref, tip, walks.get(ref))
            journals[artifact] = journal.honouring(lambda name: not discounted.must_be_signed(project, name))
    return journals


def _put_unfinished(
    project: Project, tags: refs.Tags, journals: Mapping[str, Journal], origin: refs.Origin | None
) -> refs.Tags:
    """Write the local tags of a recorded transaction whose process crashed before it wrote them."""
    absent: list[Recorded] = []
    for journal in journals.values():
        newest = {tag.oid for tag in journal.entries[-1].tags} if journal.entries else set()
        for lost in find_lost(journal, dict(tags.objects), dict(tags.others)):
            accepted = (
                lost.recorded.oid in newest if origin is None else origin.tag(lost.recorded.name) == lost.recorded.oid
            )
            if lost.found is None and accepted:
                absent.append(lost.recorded)
    put_tags(project.git, absent)
    return refs.read_tags(project.git) if absent else tags


def _correct(
    project: Project, tags: refs.Tags, journals: Mapping[str, Journal], origin: refs.Origin | None
) -> Corrections:
    """Apply origin's tags, current or remembered, where this clone has others."""
    there = origin.tags if origin is not None else origin_tags.recall(project)
    corrections = Corrections.find(project, tags, there, _recorded_names(journals))
    if origin is not None:
        corrections.require_whole()
    return corrections


def _build(
    project: Project,
    tags: refs.Tags,
    journals: Mapping[str, Journal],
    asked: tuple[refs.Origin | None, Corrections],
    last: seen.Seen,
) -> Registry:
    objects = dict(tags.objects)
    origin, corrections = asked
    findings: dict[str, list[Finding]] = {}
    for artifact, journal in seen.with_lost(project, journals, last).items():
        lost = find_lost(journal, objects, dict(tags.others))
        told = [agreement.describe(one.recorded, one.found) for one in lost]
        told += agreement.compare(project, journal, origin)
        told += agreement.diverged(project, journal, origin)
        told += seen.compare(project, journal, origin, last)
        findings[artifact] = list({(one.kind, one.subject): one for one in told}.values())
        objects.update(refs.read_recorded(project.git, lost))
    corrections.apply(objects)
    for artifact, finding in discounted.take_out(journals, objects, origin):
        findings.setdefault(artifact, []).append(finding)
    for artifact, finding in corrections.findings(project):
        findings.setdefault(artifact, []).append(finding)
    strays: list[Finding] = []
    for name in _unpublished(project, objects, journals, origin):
        text = f"tag {name} is only in this clone and is ignored (git push origin refs/tags/{name})"
        strays.append(Finding(Flaw.UNPUBLISHED, name, text))
        objects.pop(name)
    for artifact, finding in origin_tags.withdrawn(tags.objects, objects):
        findings.setdefault(artifact, []).append(finding)
    taken = frozenset((_names(tags, origin) | discounted.names(journals)) - objects.keys())
    verdicts = signatures.judge_tags(project, objects.values(), journals)
    registry = build_registry(objects.values(), journals, project.now(), taken=taken, verdicts=verdicts)

    if origin is None and project.remote is not None and fetching.as_of(project) is None:
        for artifact, finding in _unread(tags.others, journals):
            if artifact in registry.artifacts:
                findings.setdefault(artifact, []).append(finding)

    artifacts = {
        name: replace(history, findings=(*findings.get(name, ()), *_known(project, history, origin)))
        for name, history in registry.artifacts.items()
    }
    strays += [one for name, told in findings.items() if name not in artifacts for one in told]
    return replace(registry, artifacts=artifacts, findings=(*registry.findings, *strays))


def _known(project: Project, history: History, origin: refs.Origin | None) -> tuple[Finding, ...]:
    """A history's findings, without those that cannot be known here: that the journal lacks a tag.

    `git pull` brings tags without their journal, a shallow clone has only its end.
    """
    others = tuple(one for one in history.findings if one.kind != Flaw.UNJOURNALED)
    if others == history.findings:
        return others
    whole = (origin is not None or project.remote is None) and not repository.is_shallow(project.git)
    return history.findings if whole else others


def _names(tags: refs.Tags, origin: refs.Origin | None) -> set[str]:
    """The names of all tags, here and on origin."""
    there = origin.refs if origin is not None else {}
    return {*tags.objects, *tags.others, *(ref.removeprefix(TAGS) for ref in there if ref.startswith(TAGS))}


def _unpublished(
    project: Project, objects: Mapping[str, TagObject], journals: Mapping[str, Journal], origin: refs.Origin | None
) -> list[str]:
    """Tags that no journal holds and that origin lacks, or lacked when it was last asked.

    They were left by a rejected push, never pushed, or deleted on origin: no other machine sees them (facts.md, T8).
    """
    if project.remote is None:
        return []
    if origin is not None:
        return list(_absent(objects, journals, origin))
    recorded, known = _recorded_names(journals), origin_tags.recall_absent(project)
    return [
        name for name, oid in known.items() if name not in recorded and name in objects and objects[name].oid == oid
    ]


def _absent(objects: Mapping[str, TagObject], journals: Mapping[str, Journal], origin: refs.Origin) -> dict[str, str]:
    """The tags that no journal holds and that origin lacks; ids by name."""
    recorded = _recorded_names(journals)
    return {
        name: tag.oid
        for name, tag in objects.items()
        if name not in recorded and origin.tag(name) is None and grammar.parse(name) is not None
    }


def _unread(others: Mapping[str, str], journals: Mapping[str, Journal]) -> Iterator[tuple[str, Finding]]:
    """Tags that would be events but are not annotated here, while origin was never read."""
    recorded = _recorded_names(journals)
    for name in others:
        if name not in recorded and (parsed := grammar.parse(name)) is not None:
            text = f"tag {name} is not annotated here: its meaning is unknown until origin is read (use --fetch)"
            yield parsed.artifact, Finding(Flaw.UNREAD, name, text)


def _recorded_names(journals: Mapping[str, Journal]) -> set[str]:
    """The names that the journals know, also those of discounted tags."""
    return {tag.name for journal in journals.values() for _, tag in journal.recorded} | discounted.names(journals)
