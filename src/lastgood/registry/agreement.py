"""Findings about differences between origin, the local refs and the journal."""

from lastgood.adapters.git import refs, repository
from lastgood.core.journal import Entry, Journal, Recorded
from lastgood.errors import Finding, Flaw
from lastgood.project import Project


def compare(project: Project, journal: Journal, origin: refs.Origin | None) -> list[Finding]:
    """Findings for recorded tags that differ on origin or are missing there. A tag that was never published cannot be
    missing."""
    if origin is None:
        return []
    there = origin.refs.get(project.journal_ref(journal.artifact))
    commits = [entry.commit for entry in journal.entries]
    published = len(commits) if there is not None else 0
    if there in commits:
        published = commits.index(there) + 1
    later = {tag.name for entry in journal.entries[published:] for tag in entry.tags}
    found = refs.compare_with_origin(journal, origin)
    return [one for one in found if not (one.kind == Flaw.DELETED and one.subject in later)]


def describe(recorded: Recorded, found: str | None) -> Finding:
    """A sentence about a recorded tag that was deleted or moved here."""
    if found is None:
        return Finding(
            Flaw.DELETED,
            recorded.name,
            f"tag {recorded.name} was deleted; the journal has it as {recorded.oid[:12]}",
        )
    text = f"tag {recorded.name} was moved: {found[:12]} here, {recorded.oid[:12]} in the journal"
    return Finding(Flaw.MOVED, recorded.name, text)


def diverged(project: Project, journal: Journal, origin: refs.Origin | None) -> list[Finding]:
    """The finding that origin's journal does not continue the local one: it was rewritten, or written twice without a
    remote."""
    ref = project.journal_ref(journal.artifact)
    there = origin.refs.get(ref) if origin is not None else None
    if there is None or there == journal.tip:
        return []
    if repository.is_ancestor(project.git, there, str(journal.tip)):
        return []
    text = f"the journal {ref} on origin is not a continuation of the one here"
    return [Finding(Flaw.JOURNAL, ref, text)]


def find_behind(project: Project, journal: Journal, origin: refs.Origin | None) -> tuple[Entry, ...]:
    """The local entries that origin's journal lacks, if the local journal continues origin's."""
    there = origin.refs.get(project.journal_ref(journal.artifact)) if origin is not None else journal.tip
    if journal.tip in {None, there}:
        return ()
    commits = [entry.commit for entry in journal.entries]
    if there in commits:
        return journal.entries[commits.index(there) + 1 :]
    older = there is None or repository.is_ancestor(project.git, there, str(journal.tip))
    return journal.entries if older else ()
