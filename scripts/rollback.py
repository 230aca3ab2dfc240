"""Roll back from CI: `lastgood rollback`, always with `--from`, so that a job run twice leaves the state of one run.

Empty values are what a form of a workflow gives for a field that was left out.
"""

import sys
from typing import Annotated

import typer

from lastgood.cli.app import main

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def rollback(
    leaving: Annotated[str, typer.Option("--from", metavar="vX", help="The version to leave.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; it is recorded with the event.")] = "",
    artifact: Annotated[str, typer.Option(metavar="NAME", help="Not needed where there is only one.")] = "",
    stage: Annotated[str, typer.Option(metavar="S", help="The stage; prod unless lastgood.toml says.")] = "",
    to: Annotated[str, typer.Option(metavar="vY", help="The version to go back to; else the last good one.")] = "",
    record_only: Annotated[bool, typer.Option("--record-only", help="Do not switch this machine.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Act here though the git remote is down.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done and change nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer with one JSON object.")] = False,
) -> None:
    """Roll a stage back to the last good version; the exit codes are those of `lastgood rollback`."""
    given = {"--stage": stage, "--to": to, "--reason": reason}
    flags = {"--record-only": record_only, "--offline": offline, "--dry-run": dry_run, "--json": as_json}
    options = [f"{name}={value}" for name, value in given.items() if value]
    options += [name for name, wanted in flags.items() if wanted]
    sys.exit(main(["rollback", f"--from={leaving}", *options, *(["--", artifact] if artifact else [])]))


if __name__ == "__main__":
    app()
