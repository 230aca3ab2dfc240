"""`lastgood where`: the path of what is live here."""

from typing import TYPE_CHECKING

import typer

from lastgood.cli import options
from lastgood.cli.output.commands import typed
from lastgood.cli.session import Session

if TYPE_CHECKING:
    from lastgood.cli.documents.where import Document


def where(
    context: typer.Context,
    stage: options.Stage,
    name: options.Name = None,
    root: options.Root = None,
    as_json: options.Json = False,
) -> None:
    """Print the directory of the release that is live in a stage on this machine, with the link resolved.

    Nothing but that path is printed. It names one complete release for as long as it exists, whatever is switched.
    """
    from lastgood.operations.show import where as find_live

    session = Session.of(context, as_json=as_json)
    project = session.look(root)
    found = find_live(project, name, stage)
    release = found.release
    document: Document = {
        "artifact": release.artifact,
        "stage": found.stage,
        "version": release.version,
        "commit": release.commit,
        "path": str(release.path),
        "link": str(project.place.live_link(release.artifact, found.stage)),
        "partial": release.partial,
        "followed": found.followed,
        "switched_at": found.switched_at,
    }
    if not found.followed:
        follow = typed(f"lastgood sync {release.artifact} --stage {stage}")
        session.print_beside(f"this machine does not follow {found.stage}: {follow}")
    session.answer(document, str(release.path))
