"""`lastgood init`: a project made ready."""

from typing import TYPE_CHECKING

import typer

from lastgood.cli import options
from lastgood.cli.output import text
from lastgood.cli.session import Session
from lastgood.core.config import FILE

if TYPE_CHECKING:
    from lastgood.cli.documents.init import Document
    from lastgood.operations.init import Initialized


def init(context: typer.Context, dry_run: options.DryRun = False, as_json: options.Json = False) -> None:
    """Write lastgood.toml with every setting at its default, and .git/lastgood/; what is there stays as it is."""
    from lastgood.operations.init import init as prepare

    session = Session.of(context, as_json=as_json)
    project = session.open()
    done = prepare(project, dry_run=dry_run)
    document: Document = {
        "created": list(done.created),
        "existed": list(done.existed),
        "artifacts": list(done.artifacts),
        "notes": list(done.notes),
        "dry_run": dry_run,
    }
    made = "would create" if dry_run else "created"
    rows = [*((made, name) for name in done.created), *(("is there", name) for name in done.existed)]
    words = text.paragraphs(
        text.table(rows),
        text.fields([("artifacts", ", ".join(done.artifacts))]),
        *(f"note: {text.one_line(note)}" for note in done.notes),
        "" if done.notes else f"next: {_next(done)}",
    )
    session.answer(document, words)


def _next(done: "Initialized") -> str:
    name = done.artifacts[0] if len(done.artifacts) == 1 else "NAME"
    register = f"lastgood register {name}"
    return (
        f"git add {FILE} && git commit -m 'Configure lastgood', then {register}" if FILE in done.created else register
    )
