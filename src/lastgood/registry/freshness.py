"""Whether a view is the newest one, and whether something may be recorded on top of it."""

from lastgood.adapters.git import refs
from lastgood.core.registry import History
from lastgood.errors import (
    Flaw,
    LastgoodError,
    RefusedError,
    StaleError,
)
from lastgood.project import Project
from lastgood.registry import seen
from lastgood.registry.view import View


def require_newest(project: Project, *histories: History) -> None:
    """Raise `StaleError` if something was recorded here since the histories were read. git is asked once for all."""
    tips = {project.journal_ref(history.artifact): history for history in histories}
    found = refs.list_refs(project.git, project.journal_prefix) if tips else {}
    for ref, history in tips.items():
        if found.get(ref) != history.journal.tip:
            raise StaleError(f"the journal of {history.artifact} moved on")


def require_nothing_lost(view: View, artifact: str) -> None:
    """Raise `RefusedError` for a journal that has gone back (I7: the registry may have left what it names now)."""
    history = view.registry.artifacts.get(artifact)
    for finding in history.findings if history else ():
        if finding.kind == Flaw.GONE_BACK:
            raise RefusedError(f"{finding.message}", hint=seen.hint(finding))


def require_agreement(view: View, artifact: str) -> None:
    """Refuse to write on top of a journal that origin does not share, or that lost entries. Raises `LastgoodError`."""
    require_nothing_lost(view, artifact)
    history = view.registry.artifacts.get(artifact)
    for finding in history.findings if history else ():
        if finding.kind == Flaw.JOURNAL:
            raise LastgoodError(f"{finding.message}", hint=f"git log {finding.subject}", unchanged=True)
