"""Whether a view is the newest one, and whether something may be recorded on top of it."""

from collections.abc import Iterable

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


def require_newest(project: Project, history: History) -> None:
    """Raise `StaleError` when something was recorded here since the history was read."""
    if not is_newest(project, (history,)):
        raise StaleError(f"the journal of {history.artifact} moved on")


def is_newest(project: Project, histories: Iterable[History]) -> bool:
    """Whether nothing was recorded here since the histories were read."""
    tips = {project.journal_ref(history.artifact): history.journal.tip for history in histories}
    found = refs.list_refs(project.git, project.journal_prefix) if tips else {}
    return all(found.get(ref) == tip for ref, tip in tips.items())


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
