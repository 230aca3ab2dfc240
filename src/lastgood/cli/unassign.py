"""`lastgood unassign`: a stage without a version."""

from typing import TYPE_CHECKING

import typer

from lastgood.cli import options
from lastgood.cli.output import json, text
from lastgood.cli.session import Session, warnings_of

if TYPE_CHECKING:
    from lastgood.cli.documents.unassign import Document


def unassign(
    context: typer.Context,
    stage: options.Stage,
    name: options.Name = None,
    reason: options.Reason = "",
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Take a stage's only version away from it. It records; on machines that follow the stage what is live stays.

    Refused where the stage had another version before, which GTO would then go back to. DVC knows no unassignment: the
    answer says which version it still gives for the stage.
    """
    from lastgood.operations.unassign import unassign as record_unassignment

    session = Session.of(context, as_json=as_json)
    project = session.open()
    done = record_unassignment(project, name, stage, reason, dry_run=dry_run)
    warned = (*warnings_of(done.view, [done.history]), done.dvc)
    session.warn(warned)
    document: Document = {
        "artifact": done.history.artifact,
        "version": done.version,
        "stage": stage,
        "fulfilled": done.fulfilled,
        **json.record(done.record),
        "dry_run": dry_run,
        "dvc": done.version,
        "warnings": json.findings(warned),
    }
    if done.fulfilled:
        words = text.prose(f"nothing to do: nothing is assigned to {stage} of {done.history.artifact}")
    elif dry_run:
        words = text.prose(f"dry run: would take {done.version} away from {stage}; nothing was changed")
    else:
        words = text.paragraphs(
            f"nothing is assigned to {stage} of {done.history.artifact} any more; it had {done.version}",
            text.fields([("recorded", ", ".join(done.record.tags))], indent=2),
            text.prose(f"machines that follow {stage} keep what is live; their sync exits with 12"),
        )
    session.answer(document, words)
