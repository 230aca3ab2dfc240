"""`lastgood repair`: what `verify` misses, put back."""

from typing import TYPE_CHECKING, Annotated

import typer

from lastgood.cli import options
from lastgood.cli.output import json, text
from lastgood.cli.output.commands import typed
from lastgood.cli.output.failure import message
from lastgood.cli.session import Session
from lastgood.errors import FindingsError

if TYPE_CHECKING:
    from lastgood.cli.documents.repair import Document
    from lastgood.operations.repair import Repaired

Deep = Annotated[
    bool, typer.Option("--deep", help="Read and hash what the DVC remote, the cache and every release here hold.")
]
Moved = Annotated[
    bool, typer.Option("--moved", help="Also put back tags that were moved on origin, by a forced push of each.")
]


def repair(
    context: typer.Context,
    name: options.Name = None,
    deep: Deep = False,
    subset: options.Subset = None,
    moved: Moved = False,
    root: options.Root = None,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Restore what verify reports as missing: tags, journal entries and objects.

    Tags come from the journal, the journal from this clone, objects from the cache and the releases.

    With --deep what is corrupted on the remote is replaced from there, too.

    Each thing is named, with what it comes from. What cannot be put back is named, too, and the exit code is then 3. It
    can be said again at any time. A damaged release is removed, or built anew where it is live. With --root a serving
    host repairs its releases, tags and journals; objects of the DVC remote need a full clone.
    """
    from lastgood.operations.repair import repair as mend
    from lastgood.operations.repair.objects import Reach

    session = Session.of(context, as_json=as_json)
    reach = Reach(deep, options.parse_subset(subset, deep=deep), dry_run)
    done = mend(session.open(root), name, reach, moved=moved)
    failure = None
    if done.left:
        failure = FindingsError(
            f"{text.count(len(done.left), 'finding')} that cannot be repaired here", done.left, unchanged=dry_run
        )
    if done.left_out:
        session.print_beside(f"warning: {done.left_out}")
    session.answer(_document(done, failure), _text(done))
    if failure is not None:
        if not as_json:
            session.print_beside(f"error: {message(failure)}\n{text.few([typed(str(one)) for one in done.left])}")
        raise typer.Exit(failure.exit_code)


def _document(done: "Repaired", failure: FindingsError | None) -> "Document":
    return {
        **json.failure(failure),
        "repaired": [
            {"kind": one.kind, "subject": one.subject, "done": one.done, "from": one.source} for one in done.mended
        ],
        "findings": json.findings(done.left),
        "dry_run": done.dry_run,
        "left_out": done.left_out or None,
        "as_of": json.moment(done.view.as_of),
    }


def _text(done: "Repaired") -> str:
    rows = [(one.kind, one.subject, one.source, one.done) for one in done.mended]
    header = ("WHAT", "NAME", "FROM", "WOULD BE" if done.dry_run else "DONE")
    table = text.table(rows, header) if rows else ""
    things = text.count(len(rows), "thing")
    if not rows:
        return "nothing to do: nothing that can be restored is missing" if not done.left else ""
    last = f"dry run: would repair {things}; nothing was changed" if done.dry_run else f"repaired {things}"
    return text.paragraphs(table, last)
