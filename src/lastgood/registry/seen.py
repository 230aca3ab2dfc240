"""What this machine has seen of each journal. A journal that has less later has gone back, whatever the cause."""

from collections.abc import Mapping

from lastgood.adapters.git import refs, repository
from lastgood.adapters.git.transactions import Prepared
from lastgood.core import tags as grammar
from lastgood.core.journal import Journal
from lastgood.errors import Finding, Flaw
from lastgood.project import Project
from lastgood.registry.memory import load, save

SEEN = "seen.json"
"""A file below lastgood's directory: by journal ref, the newest entry seen and the number of events up to it.

A new clone, or one whose directory was removed, has seen nothing.
"""
Seen = Mapping[str, tuple[str, int]]


def read(project: Project) -> Seen:
    """The remembered entries; empty if they cannot be read."""
    document = load(project, SEEN)
    pairs = document.items() if isinstance(document, dict) else ()
    return {
        ref: (one[0], one[1])
        for ref, one in pairs
        if isinstance(one, list) and [type(part) for part in one] == [str, int]
    }


def with_lost(project: Project, journals: Mapping[str, Journal], last: Seen) -> dict[str, Journal]:
    """The journals, with an empty one for each that was seen and has no local ref any more."""
    names = [project.journal_of(ref) for ref in last if ref.startswith(project.journal_prefix)]
    return {**{name: Journal(name) for name in names if grammar.is_artifact(name)}, **journals}


def compare(project: Project, journal: Journal, origin: refs.Origin | None, last: Seen) -> list[Finding]:
    """Findings for a journal, here or on origin, that lacks entries seen before."""
    ref = project.journal_ref(journal.artifact)
    if ref not in last:
        return []
    tip, events = last[ref]
    if not any(entry.commit == tip for entry in reversed(journal.entries)):
        return [_gone(ref, events - len(journal.recorded), "the one here")]
    there = origin.refs.get(ref) if origin is not None else journal.tip
    if there == journal.tip or (there is not None and _holds(project, there, tip)):
        return []
    return [_gone(ref, events - _count(journal, there), f"the one on {project.remote}")]


def remember(project: Project, journals: Mapping[str, Journal], origin: refs.Origin, last: Seen) -> None:
    """Remember what origin has now, unless it has gone back."""
    fresh = dict(last)
    for journal in journals.values():
        ref = project.journal_ref(journal.artifact)
        if journal.entries and origin.refs.get(ref) == journal.tip and not compare(project, journal, origin, last):
            fresh[ref] = (journal.entries[-1].commit, len(journal.recorded))
    if fresh != last:
        save(project, SEEN, fresh)


def remember_own(project: Project, prepared: Prepared) -> None:
    """Remember what this machine has just recorded."""
    if not prepared.tags:
        return  # an entry for people, without an event
    last = read(project)
    events = last.get(prepared.journal_ref, ("", 0))[1] + len(prepared.tags)
    save(project, SEEN, {**last, prepared.journal_ref: (prepared.journal, events)})


def hint(finding: Finding) -> str:
    """The command that restores the lost entries, or accepts the loss."""
    accept = f'rm "$(git rev-parse --git-common-dir)/lastgood/{SEEN}" (below --root on a serving host)'
    return f"git push origin {finding.subject}, in a clone that has it; to accept it: {accept}"


def _gone(ref: str, events: int, which: str) -> Finding:
    fewer = f"{events} events" if events > 0 else "it was written anew"
    text = f"the journal {ref} has gone back: {which} lacks what this machine has seen ({fewer})"
    return Finding(Flaw.GONE_BACK, ref, text)


def _count(journal: Journal, commit: str | None) -> int:
    """The number of events up to an entry; 0 if it is not in the journal."""
    commits = [entry.commit for entry in journal.entries]
    known = commits.index(commit) + 1 if commit in commits else 0
    return sum(len(entry.tags) for entry in journal.entries[:known])


def _holds(project: Project, there: str, tip: str) -> bool:
    return repository.is_ancestor(project.git, tip, there)
