"""Repairing what git keeps: the journal on origin from this clone, tags from the journal, its entries from our tags."""

from collections.abc import Mapping
from functools import partial

from lastgood.adapters.git import refs, restoring
from lastgood.adapters.git.restoring import Astray
from lastgood.core.events import Event, Kind
from lastgood.core.registry import History
from lastgood.core.repairs import Mended
from lastgood.core.tags import TAGS
from lastgood.errors import Finding, Flaw, RefusedError
from lastgood.project import Project
from lastgood.registry import recording
from lastgood.registry.agreement import find_behind
from lastgood.registry.view import View, retrying

Results = list[Mended | Finding]


def mend_journal(project: Project, view: View, history: History, *, dry_run: bool) -> tuple[Results, dict[str, str]]:
    """Bring origin's journal forward to ours, with those of its tags that origin lacks, in one push.

    Never by force: another's entries there stay. With the results origin's refs as they are then.
    """
    journal = history.journal
    there = dict(view.origin.refs) if view.origin is not None else {}
    entries = find_behind(project, journal, view.origin)
    if not entries or project.remote is None:
        return [], there
    ref = project.journal_ref(journal.artifact)
    lacking = {
        TAGS + tag.name: tag.oid
        for entry in entries
        for tag in entry.tags
        if TAGS + tag.name not in there and tag.oid not in journal.discounted
    }
    if not dry_run:
        project.on_step("push journal")
        refused = restoring.push_together(
            project.git, project.remote, {**lacking, ref: str(journal.tip)}, project.deadline
        )
        if refused:
            text = f"the journal {ref} cannot be restored: {project.remote} refused it: {refused}"
            return [Finding(Flaw.BEHIND, ref, text)], there
    beside = f", with {len(lacking)} tags" if lacking else ""
    done = f"{len(entries)} of {len(journal.entries)} entries restored on {project.remote}{beside}"
    return [Mended("journal", history.artifact, done, "this clone")], {**there, **lacking, ref: str(journal.tip)}


def mend_tags(project: Project, history: History, there: Mapping[str, str], *, moved: bool, dry_run: bool) -> Results:
    """Put back tags that the journal has and that are deleted or moved, on origin and here (ordering.md, O4).

    One that was moved on origin is forced back only with `moved`; what it was is fetched before.
    """
    recorded = history.journal.recorded
    asked = there if project.remote is not None else None
    astray = restoring.find_astray(recorded, refs.list_refs(project.git, TAGS), asked)
    whole = [tag for tag in astray if restoring.rebuild(project.git, tag)]
    results: Results = [
        Finding(Flaw.DELETED, tag.name, f"tag {tag.name} cannot be restored: the journal does not hold its bytes")
        for tag in astray
        if tag not in whole
    ]
    forced = [tag for tag in whole if tag.is_moved_there]
    sent = [tag for tag in whole if tag.there != tag.recorded.oid and (moved or not tag.is_moved_there)]
    if not moved:
        hint = "a forced push, `lastgood repair --moved`, restores it"
        results += [Finding(Flaw.MOVED, tag.name, f"tag {tag.name} was moved on origin: {hint}") for tag in forced]
    refused: dict[str, str] = {}
    if sent and not dry_run:
        project.on_step("push tags")
        _keep(project, [tag for tag in sent if tag.is_moved_there])
        refused = restoring.push_tags(project.git, str(project.remote), sent, project.deadline)
    text = f"cannot be restored: {project.remote} refused it"
    results += [Finding(Flaw.REFUSED, name, f"tag {name} {text}: {why}") for name, why in refused.items()]
    here = [tag for tag in whole if tag.here != tag.recorded.oid and tag.name not in refused]
    if here and not dry_run:
        project.on_step("put tags")
        restoring.put_here(project.git, here)
    return results + [
        _mended(project, tag, sent, here) for tag in whole if tag in here or (tag in sent and tag.name not in refused)
    ]


def _mended(project: Project, tag: Astray, sent: list[Astray], here: list[Astray]) -> Mended:
    places = [*([f"on {project.remote}"] if tag in sent else []), *(["here"] if tag in here else [])]
    former = sorted({str(one)[:12] for one in (tag.here, tag.there) if one not in {None, tag.recorded.oid}})
    was = f"; it was {' and '.join(former)}" if former else ""
    return Mended("tag", tag.name, f"restored {' and '.join(places)}{was}", "the journal")


def _keep(project: Project, moved: list[Astray]) -> None:
    """Have what origin's moved tags are in this clone before that is overwritten there; no ref leads to it."""
    absent = [TAGS + tag.name for tag in moved if project.git.objects.read(str(tag.there)) is None]
    if absent:
        refs.fetch(project.git, str(project.remote), absent, project.deadline * 10)


def mend_differing(project: Project, history: History, *, dry_run: bool) -> Results:
    """Replace tags here by those of origin, where no journal holds them and origin has other objects."""
    events = {event.tag for event in history.events}
    names = [one.subject for one in history.findings if one.kind == Flaw.DIFFERS and one.subject in events]
    if not names:
        return []
    before = refs.list_refs(project.git, TAGS)
    if not dry_run:
        project.on_step("put tags")
        specs = [f"+{TAGS}{name}:{TAGS}{name}" for name in names]
        refs.fetch(project.git, str(project.remote), specs, project.deadline * 10)
    after = before if dry_run else refs.list_refs(project.git, TAGS)
    results: Results = []
    for name in names:
        was = before.get(TAGS + name)
        if dry_run or after.get(TAGS + name) != was:
            former = f"; it was {was[:12]}" if was else ""
            results.append(Mended("tag", name, f"replaced here by the tag of {project.remote}{former}", "origin"))
        else:
            text = f"tag {name} cannot be written here: another tag's name may be in its way"
            results.append(Finding(Flaw.REFUSED, name, text))
    return results


def mend_entries(project: Project, view: View, history: History, *, dry_run: bool) -> Results:
    """Give tags of ours that the journal lacks an entry: each version one with its manifest, all others one."""
    known = recording.own_unjournaled(view, history)
    versions = [event for event in known if event.kind is Kind.REGISTERED]
    groups = [[event] for event in versions] + [[event for event in known if event not in versions]]
    results: Results = []
    for group in filter(None, groups):
        try:
            if not dry_run:
                retrying(project, partial(_enter, project, history.artifact, group))
        except RefusedError as error:  # this machine has seen a longer journal, which another clone may have still
            return [*results, Finding(Flaw.REFUSED, history.artifact, error.message)]
        results += [Mended("journal", event.tag, "entered into the journal again", "the tag") for event in group]
    return results


def _enter(project: Project, artifact: str, events: list[Event], view: View) -> None:
    history = view.registry.history(artifact)
    left = [event for event in events if event.tag in history.unjournaled]
    if left:  # else somebody else, or our former self that died, has entered them
        recording.enter(project, view, history, left)
