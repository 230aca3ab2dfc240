"""`lastgood mark`: a judgement on a version."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lastgood.cli import options
from lastgood.cli.output import json, text
from lastgood.cli.output.commands import typed
from lastgood.cli.session import Session, warnings_of

if TYPE_CHECKING:
    from lastgood.cli.documents.mark import Document
    from lastgood.operations.mark import Marked

Judgement = Annotated[
    Literal["stable", "failed"], typer.Argument(metavar="stable|failed", help="The mark; the last one counts.")
]


def mark(
    context: typer.Context,
    reference: options.Reference,
    judgement: Judgement,
    reason: options.Reason = "",
    root: options.Root = None,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Mark a version stable or failed. A rollback goes to versions marked stable, never by itself to a failed one.

    What is failed does not become live by itself. A stage that is assigned it is named with the command that leaves it;
    so is who gave the version the other mark before, and why.
    """
    from lastgood.core.events import Mark
    from lastgood.operations.mark import mark as record_mark

    session = Session.of(context, as_json=as_json)
    project = session.open(root)
    done = record_mark(project, reference, Mark(judgement), reason, dry_run=dry_run)
    warned = (*warnings_of(done.view, [done.history]), *done.warnings)
    session.warn(warned)
    document: Document = {
        "artifact": done.history.artifact,
        "version": done.version.text,
        "mark": judgement,
        "former": done.version.judgement,
        "overrides": json.event(done.overrides, done.history) if done.overrides else None,
        "assigned": list(done.assigned),
        "next": [typed(command) for command in done.next],
        "fulfilled": done.fulfilled,
        **json.record(done.record),
        "dry_run": dry_run,
        "warnings": json.findings(warned),
    }
    name = f"{done.history.artifact}@{done.version.text}"
    if done.fulfilled:
        words = text.prose(f"nothing to do: {name} is marked {judgement} already")
    elif dry_run:
        words = text.prose(
            f"dry run: would mark {name} {judgement} (it is {done.version.judgement}); nothing was changed"
        )
    else:
        tags = text.fields([("recorded", ", ".join(done.record.tags))], indent=2)
        words = text.paragraphs(f"{name} is marked {judgement}", tags)
    session.answer(
        document, text.paragraphs(words, _overrides(done), *(f"next: {typed(command)}" for command in done.next))
    )


def _overrides(done: "Marked") -> str:
    """Who gave the version the other mark, when and why: that is what this one sets aside."""
    event = done.overrides
    if event is None:
        return ""
    reason = f": {event.reason}" if event.reason.strip() else ""
    told = f"{event.stage}, by {text.person(event.actor)} on {text.when(event.at)}{reason}"
    return text.fields([("overrides", text.one_line(told))], indent=2)
