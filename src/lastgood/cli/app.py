"""The command line: one Typer application, its commands from one module each, and `main`, the program's entry."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from lastgood import __version__
from lastgood.cli.boundary import guarded, tell_lost
from lastgood.cli.output import streams
from lastgood.cli.output.commands import host
from lastgood.cli.session import Session
from lastgood.errors import NotAProjectError

NAME = "lastgood"
app = typer.Typer(
    name=NAME,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
COMMANDS: dict[str, str] = {
    "status": "Show what is assigned, live and checked out.",
    "list": "List the versions of an artifact.",
    "show": "Show one version and what it pins.",
    "diff": "Compare two versions.",
    "history": "Show the events of an artifact.",
    "where": "Print the directory of the live release.",
    "verify": "Check that every version can be restored.",
    "init": "Prepare a project.",
    "register": "Register the commit as a version.",
    "adopt": "Record existing GTO tags in the journal.",
    "mark": "Mark a version stable or failed.",
    "assign": "Assign a stage to a version.",
    "unassign": "Remove the assignment of a stage.",
    "discount": "Discount an event dated in the future.",
    "resolve": "Record why a version failed.",
    "rollback": "Roll a stage back to the last good version.",
    "checkout": "Check out a version in the working tree.",
    "sync": "Switch this machine to a stage's version.",
    "guard": "Watch what is live and roll back by itself.",
    "exec": "Run a command in a version.",
    "prune": "Remove releases this machine does not need.",
    "gc": "Remove unneeded objects from the DVC remote.",
    "repair": "Restore what verify reports as missing.",
}
"""The commands in the order in which help lists them, each with its module's name and what it is for."""

FUNCTIONS = {"list": "list_versions", "exec": "execute"}
"""The functions that are not named like their module, whose names Python has taken."""

READING = frozenset({"status", "list", "show", "diff", "history", "where", "verify"})
"""The commands whose only product is their answer."""


def _show_version(wanted: bool) -> None:
    if wanted:
        streams.write("stdout", f"{NAME} {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    directory: Annotated[
        Path, typer.Option("-C", metavar="DIR", help="Work in DIR, as with git.", show_default=False)
    ] = Path(),
    version: Annotated[  # noqa: ARG001  # handled by its callback
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the program's version.")
    ] = False,
) -> None:
    """Bring the last good system back: code, data, model and environment, from git and DVC.

    A version is an annotated tag that pins them together; a rollback goes to the last version marked stable.
    """
    if context.invoked_subcommand not in READING:
        streams.outlet.patience = streams.PATIENCE
    context.obj = Session(_absolute(directory))
    if context.invoked_subcommand is None:
        streams.write("stderr", context.get_help())
        raise typer.Exit(2)


def _absolute(directory: Path) -> Path:
    """The directory to work in. Raises `NotAProjectError` where the current one was deleted."""
    try:
        return directory.absolute()
    except FileNotFoundError as error:
        raise NotAProjectError(
            "the current directory was deleted",
            hint="cd to one that exists, or name it with -C DIR",
        ) from error


class Commands(Mapping[str, Any]):
    """Typer's own commands by name, each made when it is asked for: to import and to read all of them takes 20 ms."""

    def __getitem__(self, name: str) -> Any:
        return _make(name, COMMANDS[name])

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


@cache
def _make(name: str, short: str) -> Any:
    function = getattr(import_module(f"lastgood.cli.{name}"), FUNCTIONS.get(name, name))
    alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    alone.command(name, short_help=short)(function)
    return typer.main.get_command(alone)


@cache
def group() -> TyperGroup:
    """The application as Typer's own command object, made once."""
    command = typer.main.get_command(app)
    if not isinstance(command, TyperGroup):
        raise TypeError(f"{command} is not a group of commands")
    command.commands = Commands()  # type: ignore[assignment]  # a mapping that nobody writes to
    return command


def forbid_others() -> None:
    """Let nothing that we write be writable by everybody. A umask that keeps others out stays as it is: who shares a
    group says so by it, and who hides files too."""
    mask = os.umask(0o022)
    os.umask(mask if mask & 0o002 else mask | 0o022)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns its exit code, for `sys.exit`."""
    given = [*(sys.argv[1:] if arguments is None else arguments)]
    streams.begin()
    host.root = None
    forbid_others()
    code = guarded(lambda: _run(given), given)
    streams.close()
    looks = {"--dry-run", "--help", "-h"}.intersection(takewhile(lambda one: one != "--", given))
    return tell_lost(code, changing=streams.outlet.patience is not None and not looks)


def _run(arguments: Sequence[str]) -> int:
    """Without Typer's own `main`, which would turn a lost pipe or an interrupt into silence."""
    command = group()
    with command.make_context(NAME, [*arguments]) as context:
        command.invoke(context)
    return 0


if __name__ == "__main__":
    sys.exit(main())
