"""Recording why a version failed: it closes the breaker of the stage. No tag is written, so nothing else changes."""

from dataclasses import dataclass, field, replace

from lastgood.core.breaker import Cause, find_resolution, format_resolution, require_failure
from lastgood.core.preflight import require_reason
from lastgood.core.references import find_named
from lastgood.core.registry import History, Version
from lastgood.core.stages import require_possible
from lastgood.project import Project
from lastgood.registry import recording
from lastgood.registry.recording import Record
from lastgood.registry.view import View, read, retrying


@dataclass(frozen=True)
class Resolved:
    """The version, the stage (`None`: all of them) and the cause; `fulfilled` if that is recorded already."""

    history: History
    version: Version
    stage: str | None
    cause: Cause
    record: Record = field(default_factory=Record)
    fulfilled: bool = False
    dry_run: bool = False
    view: View | None = None


def resolve(  # what failed, where, why
    project: Project, reference: str, cause: Cause, reason: str, *, stage: str | None = None, dry_run: bool = False
) -> Resolved:
    """Record the cause of a failure; running it again with the same cause is a no-op.

    Raises `UsageError` for what is no version or stage, or without a reason; `UnknownError`; `RefusedError` for a
    version that did not fail.
    """
    require_reason(reason, "a cause", dry_run=dry_run)
    if stage is not None:
        require_possible(stage, f"lastgood resolve {reference} --cause {cause} --reason TEXT")
    if dry_run:
        return replace(_prepare(read(project, fetch=True), reference, cause, stage), dry_run=True)

    def attempt(view: View) -> Resolved:
        prepared = _prepare(view, reference, cause, stage)
        artifact = prepared.history.artifact
        if prepared.fulfilled:
            recording.complete(project, view, artifact)
            return prepared
        author = recording.author(project, reason)
        message = format_resolution(artifact, prepared.version.text, stage, cause, author)
        return replace(prepared, record=recording.record_entry(project, view, artifact, message))

    return retrying(project, attempt)


def _prepare(view: View, reference: str, cause: Cause, stage: str | None) -> Resolved:
    history, version = find_named(view.registry, reference)
    require_failure(history, version, stage)
    known = find_resolution(history, version, stage)
    return Resolved(history, version, stage, cause, fulfilled=known is not None and known.cause is cause, view=view)
