"""Assigning a stage: where a version should run. It records; machines switch by `sync`."""

from dataclasses import dataclass, field, replace

from lastgood.adapters import gto
from lastgood.core.config import FILE
from lastgood.core.events import Mark
from lastgood.core.failed import describe_failed, leave_command
from lastgood.core.preflight import require_reason
from lastgood.core.references import find_named
from lastgood.core.registry import History, Registry, Version
from lastgood.core.stages import require_meant, require_possible
from lastgood.core.transaction import Draft
from lastgood.errors import RefusedError
from lastgood.project import Project
from lastgood.registry import recording
from lastgood.registry.recording import Record
from lastgood.registry.view import View, read, retrying
from lastgood.versions.restorable import require_restorable


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


def assign(  # what goes where, why
    project: Project, reference: str, stage: str, reason: str, *, dry_run: bool = False, new_stage: bool = False
) -> Assigned:
    """Assign a stage to a version that can be restored; said twice, the second time writes nothing.

    `new_stage` says that the stage is meant as it is written, though it resembles another one. Raises `UsageError` for
    a stage that cannot be, a reference that names no version or no reason; `RefusedError` for a failed version and a
    stage that is not meant; `FindingsError`.
    """
    require_possible(stage, f"lastgood mark {reference} {stage} --reason TEXT")
    require_reason(reason, "an assignment", dry_run=dry_run)
    if dry_run:
        view = read(project, fetch=True)
        return replace(_prepare(project, view, reference, stage, new_stage=new_stage), dry_run=True)

    def attempt(view: View) -> Assigned:
        prepared = _prepare(project, view, reference, stage, new_stage=new_stage)
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


def _prepare(project: Project, view: View, reference: str, stage: str, *, new_stage: bool) -> Assigned:
    history, version = find_named(view.registry, reference)
    standing = history.assigned.get(stage)
    former = standing.version if standing else None
    _require_good(history, version, stage, former)
    if former == version.text:
        return Assigned(history, version, stage, former, fulfilled=True, view=view)
    require_meant(stage, _known(project, view.registry), _lists(project), new=new_stage)
    require_restorable(project, history, version, here=False, stage=stage)
    return Assigned(history, version, stage, former, view=view)


def _require_good(history: History, version: Version, stage: str, former: str | None) -> None:
    """Refuse what is deregistered or failed; where the stage is assigned it already, the way out is to leave it."""
    if version.mark is Mark.FAILED and former == version.text:
        raise RefusedError(
            f"{describe_failed(history, stage, version)}",
            hint=leave_command(history, stage, version.text),
        )
    if version.deregistered or version.mark is Mark.FAILED:
        why = "deregistered" if version.deregistered else "marked failed"
        allow = f"lastgood mark {history.artifact}@{version.text} stable --reason TEXT"
        raise RefusedError(
            f"{history.artifact} {version.text} is {why}",
            hint="" if version.deregistered else allow,
        )


def _known(project: Project, registry: Registry) -> frozenset[str]:
    """The stages that something is assigned to, and those that the configuration speaks of."""
    assigned = {stage for history in registry.artifacts.values() for stage in history.assigned}
    configured = {stage for stage, _ in project.config.release}
    return frozenset({*assigned, *configured, project.config.rollback.stage})


def _lists(project: Project) -> dict[str, tuple[str, ...]]:
    """The stages that the trusted configuration allows, and those that GTO's own does, where they say."""
    ours = project.config.registry.stages
    theirs = gto.read_stages(project.root) if project.root is not None else None
    return {
        **({f"[registry] stages in {FILE}": ours} if ours else {}),
        **({f"stages in {gto.FILE}": theirs} if theirs is not None else {}),
    }
