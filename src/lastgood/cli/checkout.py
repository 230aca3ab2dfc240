"""`lastgood checkout`: a version in the working tree."""

from typing import TYPE_CHECKING, Annotated

import typer

from lastgood.cli import options
from lastgood.cli.output import json, text
from lastgood.cli.session import Session, warnings_of
from lastgood.cli.show import manifest_document
from lastgood.errors import named

if TYPE_CHECKING:
    from lastgood.cli.documents.checkout import Document
    from lastgood.operations.checkout import CheckedOut


def checkout(
    context: typer.Context,
    reference: options.Reference,
    save: Annotated[
        bool, typer.Option("--save", help="First put aside, below .git/lastgood/saved, what would be lost; say where.")
    ] = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Bring code, data and model of a version into the working tree, and prove that they are its.

    It is safe but not atomic: refused before anything changes when edited or untracked files would be lost;
    interrupted, it says what state the tree is in, and the same command finishes it.
    """
    from lastgood.operations.checkout import checkout as check_out

    session = Session.of(context, as_json=as_json)
    project = session.open()
    done = check_out(project, reference, save=save, dry_run=dry_run)
    warned = warnings_of(done.view, [done.history])
    session.warn(warned)
    document: Document = {
        "artifact": done.history.artifact,
        "version": done.version.text,
        "commit": done.version.commit,
        "changed": done.changed,
        "resumed": done.resumed,
        "saved": {"directories": list(map(str, done.saved)), "paths": list(done.work.paths)},
        "manifest": manifest_document(done.manifest),
        "dry_run": dry_run,
        "warnings": json.findings(warned),
    }
    session.answer(document, _text(done))


def _text(done: "CheckedOut") -> str:
    name = f"{done.history.artifact}@{done.version.text}"
    outputs = text.count(len(done.manifest.outputs), "output")
    if not done.changed:
        return text.prose(f"nothing to do: code, data and model are {name} already")
    work = named([text.one_line(path) for path in done.work.paths])
    if done.dry_run:
        aside = f", after putting aside {work}" if work else ""
        return text.prose(f"dry run: would bring the working tree to {name} ({outputs}){aside}; nothing was changed")
    resumed = " (finishing an interrupted checkout)" if done.resumed else ""
    return text.paragraphs(
        f"code, data and model are {name}{resumed}",
        text.fields(
            [
                ("commit", done.version.commit),
                ("proved", outputs),
                *([("put aside", work)] if work else ()),
                *(("into", text.one_line(str(place))) for place in done.saved),
            ],
            indent=2,
        ),
    )
