"""`lastgood assign`: where a version should run."""

from typing import TYPE_CHECKING, Annotated

import typer

from lastgood.cli import options
from lastgood.cli.output import json, text
from lastgood.cli.session import Session, warnings_of

if TYPE_CHECKING:
    from lastgood.cli.documents.assign import Document

NewStage = Annotated[bool, typer.Option("--new-stage", help="The stage is new and meant as it is written.")]


def assign(
    context: typer.Context,
    reference: options.Reference,
    stage: options.Stage,
    reason: options.Reason = "",
    new_stage: NewStage = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Assign a stage to a version that can be restored. It records; machines that follow the stage switch by sync.

    A version must be named; NAME@latest is the greatest one that is neither a pre-release nor deregistered, marked
    stable or not. A new stage that is one slip from another one (pord, Prod) is refused unless --new-stage is said;
    [registry] stages, or stages in GTO's .gto, allow what they list and nothing else.
    """
    from lastgood.operations.assign import assign as record_assignment

    session = Session.of(context, as_json=as_json)
    project = session.open()
    done = record_assignment(project, reference, stage, reason, dry_run=dry_run, new_stage=new_stage)
    warned = warnings_of(done.view, [done.history])
    session.warn(warned)
    document: Document = {
        "artifact": done.history.artifact,
        "version": done.version.text,
        "stage": stage,
        "former": done.former,
        "fulfilled": done.fulfilled,
        **json.record(done.record),
        "dry_run": dry_run,
        "warnings": json.findings(warned),
    }
    name, leaving = f"{done.history.artifact}@{done.version.text}", f", leaving {done.former}" if done.former else ""
    if done.fulfilled:
        words = text.prose(f"nothing to do: {stage} is assigned to {name} already")
    elif dry_run:
        words = text.prose(f"dry run: {name} can be restored; would assign {stage} to it{leaving}; nothing was changed")
    else:
        words = text.paragraphs(
            f"{stage} is assigned to {name}{leaving}",
            text.fields([("recorded", ", ".join(done.record.tags))], indent=2),
            f"recorded; machines following {stage} switch at their next sync",
        )
    session.answer(document, words)
