"""The reference of the command line, made from the application itself: `python -m lastgood.cli.reference`."""

import inspect
import sys
from collections.abc import Iterator
from typing import Any

from lastgood import errors
from lastgood.cli.app import NAME, group
from lastgood.cli.boundary import BUG, INTERRUPTED

HEAD = """\
# The command line

Made from the program by `python -m lastgood.cli.reference > docs/cli.md`; a test keeps it current.

stdout is the answer, stderr is progress, warnings and errors. With `--json` the answer is one document with
`"schema": 1`, and a failure is one, too: `{"schema": 1, "error": NAME, "code": N, "message": …, "hint": …}`, with
`findings` or `candidates` where there are some. The JSON Schema of every document is in `docs/schema/COMMAND.json`,
that of a failure in `docs/schema/error.json`; keys are only ever added. An exit code that is not listed is a failure.

Output decides nothing. A command does the same when stdout or stderr is full, closed or not read, and its exit code
says what was done. One thing differs: where the answer is all that a command makes (`status`, `list`, `show`, `diff`,
`history`, `where`, `verify`, and every `--dry-run`), 0 becomes 1 when the answer cannot be written to stdout. A closed
stdout, or a reader that left (`| head`), is no failure.
"""


def reference() -> str:
    """The whole page, in Markdown."""
    return "\n".join([HEAD, *_exit_codes(), *_global(), *_commands()]).rstrip("\n") + "\n"


def _exit_codes() -> Iterator[str]:
    yield "## Exit codes\n\n| code | name | meaning |\n|--:|---|---|"
    kinds = {one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, errors.LastgoodError)}
    codes = {one.exit_code: (one.name, _first(one.__doc__)) for one in kinds if one.exit_code != 1}
    codes |= {
        0: ("", "Done, or nothing to do."),
        1: ("failed", f"{_first(errors.LastgoodError.__doc__)} Or the answer could not be written."),
        BUG: ("bug", "A bug; a report was written, and its path is printed."),
        INTERRUPTED: ("interrupted", "Interrupted from the keyboard; `lastgood status` tells where everything stands."),
    }
    for code, (name, meaning) in sorted(codes.items()):
        yield f"| {code} | {name} | {meaning} |"
    yield ""


def _first(docstring: str | None) -> str:
    return " ".join((docstring or "").partition("\n\n")[0].split()).removesuffix(" Exit code 1.")


def _global() -> Iterator[str]:
    yield f"## {NAME}\n"
    yield f"    {NAME} [-C DIR] COMMAND …\n"
    yield from _parameters(group())


def _commands() -> Iterator[str]:
    for name, command in group().commands.items():
        yield f"## {NAME} {name}\n"
        arguments = [one.metavar or "" for one in command.params if one.param_type_name == "argument"]
        required = [f"{one.opts[0]} {one.metavar}" for one in command.params if _is_required_option(one)]
        last = [one for one in arguments if one.startswith("--")]  # the command of `exec`: nothing comes after it
        first = [one for one in arguments if one not in last]
        yield f"    {' '.join([NAME, name, *first, *required, '[OPTIONS]', *last])}\n"
        yield f"{inspect.cleandoc(command.help or '')}\n"
        yield from _parameters(command)


def _is_required_option(parameter: Any) -> bool:
    return parameter.param_type_name == "option" and bool(parameter.required)


def _parameters(command: Any) -> Iterator[str]:
    """One line an argument or option. Typer's own classes have no public name, hence `Any`."""
    for one in command.params:
        names = ", ".join(f"`{name}`" for name in one.opts)
        if one.param_type_name == "argument":
            yield f"- `{one.metavar}`: {one.help}"
        elif getattr(one, "is_flag", False):
            yield f"- {names}: {one.help}"
        else:
            yield f"- {names} `{one.metavar}`: {one.help}"
    yield ""


if __name__ == "__main__":
    sys.stdout.write(reference())
