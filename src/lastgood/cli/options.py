"""Arguments and options that several commands share, each with the one text that explains it."""

from pathlib import Path
from typing import Annotated

import typer

from lastgood.cli.output.commands import host
from lastgood.core import subset as parts
from lastgood.errors import UsageError

Name = Annotated[
    str | None,
    typer.Argument(metavar="[NAME]", help="The artifact; not needed where there is only one.", show_default=False),
]
Reference = Annotated[
    str,
    typer.Argument(
        metavar="REF",
        help="A version: NAME@v1.2.0, NAME@latest (the newest release, no pre-release), NAME#STAGE; "
        "with one artifact v1.2.0 will do.",
        show_default=False,
    ),
]
Stage = Annotated[str, typer.Option("--stage", metavar="S", help="The stage, as in prod.", show_default=False)]
Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why; it is recorded with the event.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON object.")]


def _leave_nothing(context: typer.Context, dry_run: bool) -> bool:
    """Have a dry run remove the place that it was the first to make."""
    if dry_run:
        context.call_on_close(context.obj.discard)
    return dry_run


DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done and change nothing.", callback=_leave_nothing)
]
Fetch = Annotated[bool, typer.Option("--fetch", help="Ask the git remote for news first.")]


def _remember_host(context: typer.Context, root: Path | None) -> Path | None:
    """The directory as an absolute path, for the commands that the answer names (`output.commands`)."""
    host.root = root and context.obj.directory / root
    return host.root


Root = Annotated[
    Path | None,
    typer.Option(
        "--root",
        metavar="DIR",
        help="The directory of a serving host, which has no working tree.",
        show_default=False,
        callback=_remember_host,
    ),
]
Subset = Annotated[
    str | None,
    typer.Option(
        "--subset",
        metavar="N/M",
        help="With --deep: of the objects on remote and in cache only the N-th of M parts, the same ones every time.",
        show_default=False,
    ),
]

SkipHealth = Annotated[
    bool, typer.Option("--skip-health", help="Do not run the health command: it fails, or cannot be run, and is wrong.")
]


def parse_subset(text: str | None, *, deep: bool) -> parts.Subset | None:
    """The part of the objects that is asked for. Raises `UsageError`."""
    if text is None:
        return None
    if not deep:
        raise UsageError("--subset is a part of what --deep hashes", hint="add --deep")
    return parts.Subset.parse(text)
