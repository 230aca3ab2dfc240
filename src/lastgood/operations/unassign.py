"""Taking a stage's only version away from it. It records; what is live on machines that follow the stage stays."""

from dataclasses import dataclass, field, replace

from lastgood.core.events import Kind
from lastgood.core.preflight import require_reason
from lastgood.core.references import find_history
from lastgood.core.registry import History
from lastgood.core.stages import require_possible
from lastgood.core.transaction import Draft
from lastgood.errors import Finding, Flaw, RefusedError
from lastgood.project import Project
from lastgood.registry import recording
from lastgood.registry.recording import Record
from lastgood.registry.view import View, read, retrying


@dataclass(frozen=True)
class Unassigned:
    """The stage, the version that it had, and what was written; nothing when it has none already."""

    history: History
    stage: str
    version: str
    record: Record = field(default_factory=Record)
    fulfilled: bool = False
    dry_run: bool = False
    view: View | None = None

    @property
    def dvc(self) -> Finding:
        """What DVC goes on answering: it reads the newest assignment and knows no tag that takes it back."""
        name, stage = self.history.artifact, self.stage
        text = f"dvc artifacts get --stage {stage} does not know that and still answers {name} {self.version}"
        return Finding(Flaw.DVC, stage, text)


def unassign(project: Project, artifact: str | None, stage: str, reason: str, *, dry_run: bool = False) -> Unassigned:
    """Leave a stage without a version; said twice, the second time writes nothing.

    Raises `UsageError` for what is no stage or without a reason, `UnknownError` where nothing was ever assigned,
    `RefusedError` where the stage would fall back to a version that it had before.
    """
    require_possible(stage, "lastgood mark REF stable|failed --reason TEXT")
    require_reason(reason, "an unassignment", dry_run=dry_run)
    if dry_run:
        return _prepare(read(project, fetch=True), artifact, stage, dry_run=True)

    def attempt(view: View) -> Unassigned:
        prepared = _prepare(view, artifact, stage, dry_run=False)
        if prepared.fulfilled:
            recording.complete(project, view, prepared.history.artifact)
            return prepared
        draft = Draft(prepared.history, recording.author(project, reason))
        draft.unassign(prepared.history.version(prepared.version), stage)
        subject = f"Unassign {prepared.history.artifact} {prepared.version} from {stage}"
        record = recording.record(project, view, draft.finish(subject))
        recording.outwait(project, record)
        return replace(prepared, record=record)

    return retrying(project, attempt)


def _prepare(view: View, artifact: str | None, stage: str, *, dry_run: bool) -> Unassigned:
    history = find_history(view.registry, artifact)
    newest = history.newest(stage)
    if stage not in history.assigned and newest is not None and newest.kind is Kind.UNASSIGNED:
        return Unassigned(history, stage, newest.version, fulfilled=True, dry_run=dry_run, view=view)
    version = history.assigned_version(stage)
    others = [event.version for event in history.standing[stage] if event.version != version.text]
    if others:
        raise RefusedError(
            f"without {version.text}, {stage} of {history.artifact} would go back to {others[-1]}, which it had",
            hint=f"lastgood assign {history.artifact}@VERSION --stage {stage} --reason TEXT",
        )
    return Unassigned(history, stage, version.text, dry_run=dry_run, view=view)
