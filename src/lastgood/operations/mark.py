"""Judging a version: `stable` or `failed`, with `#stable` kept on the last good one in the same push."""

from dataclasses import dataclass, field, replace

from lastgood.core.events import Event, Mark
from lastgood.core.failed import leave_command, mark_event
from lastgood.core.preflight import require_as_registered, require_reason
from lastgood.core.references import find_named
from lastgood.core.registry import History, Version
from lastgood.core.transaction import Draft
from lastgood.errors import Finding, Flaw
from lastgood.project import Project
from lastgood.registry import recording
from lastgood.registry.recording import Record
from lastgood.registry.view import View, read, retrying


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
    def overrides(self) -> Event | None:
        """The event of the other mark, which no longer counts."""
        return None if self.version.mark is self.mark else mark_event(self.history, self.version)

    @property
    def assigned(self) -> tuple[str, ...]:
        """The stages that are assigned what is failed now."""
        return self.version.stages if self.mark is Mark.FAILED else ()

    @property
    def next(self) -> tuple[str, ...]:
        """The commands with which those stages leave it."""
        return tuple(leave_command(self.history, stage, self.version.text) for stage in self.assigned)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What a person should know after a `failed`: what goes on being assigned, whether a good version is left."""
        name, text = self.history.artifact, self.version.text
        left = [
            Finding(
                Flaw.FAILED,
                stage,
                f"{stage} of {name} is assigned {text}: where it is live it stays live until it is left",
            )
            for stage in self.assigned
        ]
        others = (one for one in self.history.versions if one.mark is Mark.STABLE and one.text != text)
        if self.mark is Mark.FAILED and all(one.deregistered for one in others):
            words = f"no version of {name} is marked stable now: a rollback has nowhere to go"
            left.append(Finding(Flaw.STABLE, text, words))
        return tuple(left)


def mark(project: Project, reference: str, mark: Mark, reason: str, *, dry_run: bool = False) -> Marked:
    """Mark a version; said twice, the second time writes nothing.

    Raises `UsageError` without a reason and for a reference that names no version, `UnknownError`, `FindingsError`.
    """
    require_reason(reason, "a mark", dry_run=dry_run)
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
    history, version = find_named(view.registry, reference)
    require_as_registered(history, version)
    return Marked(history, version, mark, fulfilled=version.mark is mark, dry_run=dry_run, view=view)
