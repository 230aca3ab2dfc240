"""Adopting: tags that `gto` or people made get their place in the journal, as they are."""

from dataclasses import dataclass

from lastgood.adapters.git import transactions
from lastgood.core.journal import Recorded
from lastgood.core.references import find_history
from lastgood.core.registry import History
from lastgood.core.transaction import adopt_tags
from lastgood.project import Project
from lastgood.registry import recording
from lastgood.registry.view import View, read, retrying


@dataclass(frozen=True)
class Adopted:
    """The artifact and the tags that the journal holds now."""

    history: History
    tags: tuple[str, ...]
    published: bool = False
    dry_run: bool = False
    view: View | None = None


def adopt(project: Project, artifact: str | None, *, dry_run: bool = False) -> Adopted:
    """Write every tag of an artifact without a journal entry into its journal, in one entry. Raises `UnknownError`."""
    if dry_run:
        view = read(project, fetch=True)
        history = find_history(view.registry, artifact)
        return Adopted(history, tuple(name for _, name in adopt_tags(history)), dry_run=True, view=view)
    return retrying(project, lambda view: _adopt(project, view, artifact))


def _adopt(project: Project, view: View, artifact: str | None) -> Adopted:
    history = find_history(view.registry, artifact)
    wanted = tuple(Recorded(oid, name) for oid, name in adopt_tags(history))
    if not wanted:
        return Adopted(history, (), view=view)
    ref = project.journal_ref(history.artifact)
    recording.publish_earlier(project, view, history.journal, ref)
    prepared = transactions.write_adoption(project.git, history.journal, wanted, ref, project.identity, project.now())
    recording.carry(project, prepared)
    return Adopted(history, tuple(tag.name for tag in wanted), project.remote is not None, view=view)
