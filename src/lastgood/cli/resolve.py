"""`lastgood resolve`: why a version failed."""

from typing import TYPE_CHECKING, Annotated

import typer

from lastgood.cli import options
from lastgood.cli.output import json, text
from lastgood.cli.session import Session, warnings_of
from lastgood.errors import UsageError

if TYPE_CHECKING:
    from lastgood.cli.documents.resolve import Document

CAUSES = "model|code|data|environment|infrastructure"
Why = Annotated[str, typer.Option("--cause", metavar=CAUSES, help="What was at fault.", show_default=False)]
Stage = Annotated[
    str | None,
    typer.Option("--stage", metavar="S", help="The stage it failed in; every stage without it.", show_default=False),
]


def resolve(
    context: typer.Context,
    reference: options.Reference,
    cause: Why,
    stage: Stage = None,
    reason: options.Reason = "",
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Record why a version failed. This allows automatic rollbacks of the stage again.

    After too many automatic rollbacks of a stage the guard stops until the cause of one of them is recorded. It is an
    entry of the journal without a tag: for gto and dvc nothing changes, and the version's mark stays.
    """
    from lastgood.core.breaker import Cause
    from lastgood.operations.resolve import resolve as record_cause

    if cause not in list(Cause):
        raise UsageError(f"{cause!r} is not a cause", hint=f"--cause {CAUSES}")
    session = Session.of(context, as_json=as_json)
    done = record_cause(session.open(), reference, Cause(cause), reason, stage=stage, dry_run=dry_run)
    warned = warnings_of(done.view, [done.history])
    session.warn(warned)
    document: Document = {
        "artifact": done.history.artifact,
        "version": done.version.text,
        "stage": stage,
        "cause": cause,
        "reason": reason,
        "fulfilled": done.fulfilled,
        "published": done.record.published,
        "dry_run": dry_run,
        "warnings": json.findings(warned),
    }
    what = f"{done.history.artifact}@{done.version.text}"
    where = f" in {stage}" if stage else ""
    if done.fulfilled:
        words = f"nothing to do: {cause} is recorded already as the cause for {what}{where}"
    elif dry_run:
        words = f"dry run: would record {cause} as the cause for {what}{where}; nothing was changed"
    else:
        words = f"recorded: {what} failed{where}, and the cause was: {cause}"
    session.answer(document, text.prose(words))
