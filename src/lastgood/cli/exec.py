"""`lastgood exec`: a command in a version's own code, data, model and environment."""

from typing import TYPE_CHECKING, Annotated

import typer

from lastgood.cli import options
from lastgood.cli.session import Session, warnings_of

if TYPE_CHECKING:
    from lastgood.operations.exec import Prepared

Command = Annotated[
    list[str], typer.Argument(metavar="-- CMD…", help="The command, with its arguments.", show_default=False)
]


def execute(
    context: typer.Context,
    reference: options.Reference,
    command: Command,
    fetch: options.Fetch = False,
    root: options.Root = None,
) -> None:
    """Run a command in a version: its code, data and model in a scratch directory, its environment first on PATH.

    The directory may be written to and is removed afterwards; the release stays as it is, and nothing is switched.
    What is missing is fetched and built first. The command sees LASTGOOD_ARTIFACT, LASTGOOD_VERSION and
    LASTGOOD_RELEASE. The exit code is the command's own, 128+n when signal n ended it, 127 when it is not found;
    signals are passed on. stdout is the command's: there is no --json.
    """
    from lastgood.operations import exec as operation

    session = Session.of(context, as_json=False)
    project = session.open(root)

    def tell(prepared: "Prepared") -> None:
        session.warn((*warnings_of(prepared.view, [prepared.history]), *prepared.warnings))
        session.progress.clear()

    try:
        code = operation.execute(project, reference, command, fetch=fetch, on_ready=tell)
    except operation.CommandError as error:
        session.print_beside(f"error: {error}")
        code = error.code
    raise typer.Exit(code)
