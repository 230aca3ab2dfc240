"""The outermost boundary: every exception becomes an exit code, a message and, for a bug, a report."""

import errno
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise, takewhile
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from lastgood.cli.output import json, text
from lastgood.cli.output.commands import typed
from lastgood.cli.output.failure import hint, message
from lastgood.cli.output.streams import outlet, write
from lastgood.errors import FindingsError, LastgoodError, UsageError

if TYPE_CHECKING:
    from lastgood.cli.documents.error import Document as ErrorDocument

Unparsable: type[Exception] = typer.BadParameter.__mro__[1]
"""Typer's class for everything that it cannot parse. It does not export it by a name, in 0.26 as in 0.29."""
BUG = 70
INTERRUPTED = 130
ISSUES = "please report it with that file"
OUTSIDE = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.EIO}
)
"""What the machine refuses, wherever it does: rights, room, open files and a broken disk are no bug of ours."""


def guarded(run: Callable[[], int], arguments: Sequence[str]) -> int:
    """The exit code of `run`, whatever happens in it; failures are told on the way."""
    as_json = "--json" in takewhile(lambda one: one != "--", arguments)  # behind it stands the command of `exec`
    try:
        return run()
    except typer.Exit as done:
        return done.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted(as_json=as_json)
    except LastgoodError as error:
        return tell(error, as_json=as_json)
    except Unparsable as error:
        return tell(_usage(error, arguments), as_json=as_json)
    except OSError as error:
        if error.errno not in OUTSIDE:
            return _bug(error, arguments, as_json=as_json)
        return tell(_outside(error), as_json=as_json)
    except Exception as error:  # noqa: BLE001  # the outermost boundary: a bug gets its report here and nowhere else
        if type(error).__module__ == "sqlite3":  # a full or broken disk below a database, ours or DVC's
            return tell(
                LastgoodError(f"a database: {error}; recorded events stay recorded", hint="lastgood status"),
                as_json=as_json,
            )
        return _bug(error, arguments, as_json=as_json)


def tell(error: LastgoodError, *, as_json: bool, at: datetime | None = None) -> int:
    """Say what failed: JSON on standard output, else lines on standard error. Returns the exit code.

    In a log, where a failure is one of many, `at` is when it was; JSON is then one line.
    """
    document = {**json.error(error), **({"at": json.moment(at)} if at else {})}
    if not as_json or not write("stdout", json.dump(document, one_line=at is not None)):
        write("stderr", f"{text.stamp(at)} {format_error(error)}" if at else format_error(error))
    return error.exit_code


def tell_lost(code: int, *, changing: bool) -> int:
    """The exit code of a run whose code is `code`, when the answer on standard output could not be written.

    It stays what was done. Only the 0 of a command whose one product is its answer becomes 1. A closed stream and a
    reader that left are no failure: nobody wanted the answer.
    """
    if "stdout" not in outlet.lost or code:
        return code
    if changing:
        write("stderr", f"warning: cannot write output: {outlet.lost['stdout']}; the command was carried out")
        return code
    write("stderr", f"error: cannot write output: {outlet.lost['stdout']}")
    return 1


def format_error(error: LastgoodError) -> str:
    """The message, the findings as a list, the next command to type."""
    first, *more = text.without_secrets(message(error)).splitlines() or [error.name]
    lines = [f"error: {text.clean(first)}", *(f"  {text.clean(line)}" for line in more)]
    if isinstance(error, FindingsError):
        lines.append(text.bullets(typed(str(one)) for one in error.findings))
    if error.hint:
        lines.append(f"hint: {text.one_line(text.without_secrets(hint(error)))}")
    return text.paragraphs(*lines)


def _usage(error: Exception, arguments: Sequence[str]) -> UsageError:
    """Typer's own errors as ours."""
    formatted = getattr(error, "format_message", lambda: str(error))()
    message, _, meant = " ".join(str(formatted).split()).partition(". Did you mean ")
    message = message.removesuffix(".") or "wrong usage"
    path = _command_path(error, arguments)
    hint = f"{path} --help"
    option = message.removeprefix("No such option: ").partition(" ")[0]
    if meant:
        hint = f"did you mean {meant}"
    elif "unexpected extra argument" in message:
        hint = f"artifact and version are one word, NAME@vX.Y.Z; {hint}"
    elif option == "-C":
        hint = f"-C stands before the command: lastgood -C DIR {path.partition(' ')[2]}"
    elif path == "lastgood" and option in arguments:
        hint = f"a command's options stand after it: lastgood COMMAND {option}"
    return UsageError(f"{message[0].lower()}{message[1:]}", hint=hint)


def _command_path(error: Exception, arguments: Sequence[str]) -> str:
    """`lastgood rollback`, as far as the command line tells: Typer forgets it for an option without its value."""
    path = getattr(getattr(error, "ctx", None), "command_path", None)
    if path is not None:
        return str(path)
    words = [word for before, word in pairwise(("", *arguments)) if before != "-C" and not word.startswith("-")]
    return " ".join(("lastgood", *words[:1]))


def _outside(error: OSError) -> LastgoodError:
    """What the operating system refused, with the file it is about."""
    return LastgoodError(
        f"{error.filename or 'cannot read or write'}: {error.strerror}; recorded events stay recorded",
        hint="lastgood status",
    )


def _interrupted(*, as_json: bool) -> int:
    message = "interrupted; recorded events stay recorded, nothing else changed"
    if as_json:
        document: ErrorDocument = {
            "error": "interrupted",
            "code": INTERRUPTED,
            "message": message,
            "hint": typed("lastgood status"),
        }
        write("stdout", json.dump(document))
    else:
        write("stderr", f"\n{message}; see: {typed('lastgood status')}")
    return INTERRUPTED


def _bug(error: Exception, arguments: Sequence[str], *, as_json: bool) -> int:
    import traceback

    trace = "".join(traceback.format_exception(error))
    report = _write_report(trace, arguments)
    message = f"this is a bug in lastgood: {type(error).__name__}: {text.without_secrets(str(error))}"
    if as_json:
        document: ErrorDocument = {"error": "bug", "code": BUG, "message": message, "hint": ISSUES, "report": report}
        write("stdout", json.dump(document))
    elif report is None:
        write("stderr", f"{text.without_secrets(trace)}error: {text.one_line(message)}")
    else:
        write("stderr", f"error: {text.one_line(message)}\nreport: {report}\nhint: {ISSUES}")
    return BUG


def _write_report(trace: str, arguments: Sequence[str]) -> str | None:
    """The path of a new report, for its owner only: traceback, versions, command line; nothing of the environment."""
    import platform
    import tempfile

    now = datetime.now(UTC)
    lines = [
        f"lastgood {_version('lastgood')}, {now:%Y-%m-%d %H:%M:%S}Z",
        f"python {platform.python_version()}, {platform.platform()}",
        ", ".join(f"{name} {_version(name)}" for name in ("dvc", "dvc-data", "GitPython", "typer")),
        f"command line: lastgood {' '.join(map(repr, arguments))}",
        "",
        trace,
    ]
    content = text.without_secrets("\n".join(lines))
    for directory in (*_places(arguments), Path(tempfile.gettempdir())):
        path = directory / f"bug-{now:%Y%m%dT%H%M%S}-{os.getpid()}.txt"
        with suppress(OSError):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as stream:
                stream.write(content)
            return str(path)
    return None


def _places(arguments: Sequence[str]) -> list[Path]:
    """Our directory in the clone that the command works in, where there is one; or `--root`."""
    given = dict(pairwise(arguments))
    start = Path(given.get("-C", ".")).absolute()
    places = [directory / ".git" / "lastgood" for directory in (start, *start.parents)]
    if "--root" in given:
        places.insert(0, start / given["--root"])
    return [place for place in places if place.is_dir()]


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
