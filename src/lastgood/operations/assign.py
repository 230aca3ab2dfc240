"""Assigning a stage: where a version should run. It records; machines switch by `sync`."""

from dataclasses import dataclass, field, replace

from lastgood.core.events import RESERVED_STAGES, Mark
from lastgood.core.preflight import require_no_future
from lastgood.core.references import find_version
from lastgood.core.registry import History, Version
from lastgood.core.tags import is_stage
from lastgood.core.transaction import Draft
from lastgood.errors import RefusedError, UsageError
from lastgood.operations import recording
from lastgood.operations.facts import require_restorable
from lastgood.operations.reading import View, read, retrying
from lastgood.operations.recording import Record
from lastgood.project import Project


@dataclass(frozen=True)
class Assigned:
    """The version, its stage, the version it takes the place of, and what was written."""

    history: History
    version: Version
    stage: str
    former: str | None
    record: Record = field(default_factory=Record)
    fulfilled: bool = False
    dry_run: bool = False
    view: View | None = None


def assign(project: Project, reference: str, stage: str, reason: str, *, dry_run: bool = False) -> Assigned:
    """Assign a stage to a version that can be restored; said twice, the second time writes nothing.

    Raises `UsageError` for a stage that cannot be, `RefusedError` for a failed version, `FindingsError`.
    """
    if not is_stage(stage) or stage in RESERVED_STAGES:
        hint = f"lastgood mark {reference} {stage}" if stage in RESERVED_STAGES else "letters, digits, -, _ and /"
        raise UsageError(f"{stage!r} cannot be a stage; nothing was changed", hint=hint)
    if dry_run:
        return _prepare(project, read(project, fetch=True), reference, stage, dry_run=True)

    def attempt(view: View) -> Assigned:
        prepared = _prepare(project, view, reference, stage, dry_run=False)
        if prepared.fulfilled:
            recording.complete(project, view, prepared.history.artifact)
            return prepared
        draft = Draft(prepared.history, recording.author(project, reason))
        draft.assign(prepared.version, stage, leaving=prepared.former)
        subject = f"Assign {prepared.history.artifact} {prepared.version.text} to {stage}"
        record = recording.record(project, view, draft.finish(subject))
        recording.outwait(project, record)
        return replace(prepared, record=record)

    return retrying(project, attempt)


def _prepare(project: Project, view: View, reference: str, stage: str, *, dry_run: bool) -> Assigned:
    history, version = find_version(view.registry, reference)
    standing = history.assigned.get(stage)
    former = standing.version if standing else None
    if former == version.text:
        return Assigned(history, version, stage, former, fulfilled=True, dry_run=dry_run, view=view)
    if version.deregistered or version.mark is Mark.FAILED:
        why = "deregistered" if version.deregistered else "marked failed"
        raise RefusedError(
            f"{history.artifact} {version.text} is {why}; nothing was changed",
            hint=f"lastgood mark {history.artifact}@{version.text} stable" if not version.deregistered else "",
        )
    require_no_future(history, (stage,), project.now(), "this")
    require_restorable(project, history, version, here=False, stage=stage)
    return Assigned(history, version, stage, former, dry_run=dry_run, view=view)
