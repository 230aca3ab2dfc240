"""`lastgood adopt`: tags that others made get their place in the journal."""

from typing import TYPE_CHECKING

import typer

from lastgood.cli import options
from lastgood.cli.output import json, text
from lastgood.cli.session import Session, warnings_of
from lastgood.errors import Flaw

if TYPE_CHECKING:
    from lastgood.cli.documents.adopt import Document


def adopt(
    context: typer.Context,
    name: options.Name = None,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Write the tags that gto or people made into the artifact's journal, as they are.

    They count without it, too; from then on it is noticed when one of them is moved or deleted.
    """
    from lastgood.operations.adopt import adopt as record_tags

    session = Session.of(context, as_json=as_json)
    project = session.open()
    done = record_tags(project, name, dry_run=dry_run)
    warned = tuple(one for one in warnings_of(done.view, [done.history]) if one.kind != Flaw.UNJOURNALED)  # adopted now
    session.warn(warned)
    document: Document = {
        "artifact": done.history.artifact,
        "tags": list(done.tags),
        "published": done.published,
        "dry_run": dry_run,
        "warnings": json.findings(warned),
    }
    if not done.tags:
        words = text.prose(f"nothing to do: the journal of {done.history.artifact} holds every tag")
    else:
        said = "dry run: would adopt" if dry_run else "adopted"
        words = text.paragraphs(f"{said} {text.count(len(done.tags), 'tag')}", text.few(done.tags))
    session.answer(document, words)
