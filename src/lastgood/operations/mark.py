"""Judging a version: `stable` or `failed`, with `#stable` kept on the last good one in the same push."""

from dataclasses import dataclass, field, replace

from lastgood.core.events import Mark
from lastgood.core.preflight import require_as_registered
from lastgood.core.references import find_version
from lastgood.core.registry import History, Version
from lastgood.core.transaction import Draft
from lastgood.errors import Finding
from lastgood.operations import recording
from lastgood.operations.reading import View, read, retrying
from lastgood.operations.recording import Record
from lastgood.project import Project


@dataclass(frozen=True)
class Marked:
    """The version, its mark, and what was written; nothing when it had that mark already."""

    history: History
    version: Version
    mark: Mark
    record: Record = field(default_factory=Record)
    fulfilled: bool = False
    dry_run: bool = False
    view: View | None = None

    @property
    def warning(self) -> Finding | None:
        """What a person should know: after a `failed`, whether a last good version is left."""
        others = (one for one in self.history.versions if one.mark is Mark.STABLE and one.text != self.version.text)
        if self.mark is Mark.STABLE or any(not one.deregistered for one in others):
            return None
        text = f"no version of {self.history.artifact} is marked stable now: a rollback has nowhere to go"
        return Finding("stable", self.version.text, text)


def mark(project: Project, reference: str, mark: Mark, reason: str, *, dry_run: bool = False) -> Marked:
    """Mark a version; said twice, the second time writes nothing. Raises `UnknownError`, `FindingsError`."""
    if dry_run:
        return _prepare(read(project, fetch=True), reference, mark, dry_run=True)

    def attempt(view: View) -> Marked:
        prepared = _prepare(view, reference, mark, dry_run=False)
        if prepared.fulfilled:
            recording.complete(project, view, prepared.history.artifact)
            return prepared
        draft = Draft(prepared.history, recording.author(project, reason))
        draft.mark(prepared.version, mark)
        subject = f"Mark {prepared.history.artifact} {prepared.version.text} {mark}"
        record = recording.record(project, view, draft.finish(subject))
        recording.outwait(project, record)
        return replace(prepared, record=record)

    return retrying(project, attempt)


def _prepare(view: View, reference: str, mark: Mark, *, dry_run: bool) -> Marked:
    history, version = find_version(view.registry, reference)
    require_as_registered(history, version)
    return Marked(history, version, mark, fulfilled=version.mark is mark, dry_run=dry_run, view=view)
