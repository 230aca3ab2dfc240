"""`lastgood verify`: whether every version can still be restored."""

from typing import TYPE_CHECKING, Annotated

import typer

from lastgood.cli import options
from lastgood.cli.output import json, text
from lastgood.cli.output.commands import typed
from lastgood.cli.output.failure import hint, message
from lastgood.cli.session import Session
from lastgood.core.repairs import may_mend
from lastgood.errors import Finding, FindingsError, Flaw, LastgoodError

if TYPE_CHECKING:
    from lastgood.cli.documents.verify import Document
    from lastgood.operations.verify import Verified

Deep = Annotated[
    bool, typer.Option("--deep", help="Read and hash what the DVC remote and the cache hold, and every release here.")
]

AllowUnknown = Annotated[
    bool,
    typer.Option("--allow-unknown", help="Do not fail for what cannot be told, as where history is cut off."),
]


def verify(
    context: typer.Context,
    name: options.Name = None,
    deep: Deep = False,
    subset: options.Subset = None,
    allow_unknown: AllowUnknown = False,
    root: options.Root = None,
    as_json: options.Json = False,
) -> None:
    """Check every version: its tag equals its journal entry, its commit and every object on the remote are there.

    Exits with 3 when something was found, with 1 when a DVC remote could not be asked. A version of which something
    cannot be told for another reason, as in a shallow clone, is no success either: 3, unless --allow-unknown is given.
    """
    from lastgood.operations.verify import verify as check

    session = Session.of(context, as_json=as_json)
    part = options.parse_subset(subset, deep=deep)
    project = session.open(root)
    done = check(project, name, deep=deep, subset=part)
    failure: LastgoodError | None = done.silent
    if done.all_findings:
        failure = FindingsError(
            f"verify found {text.count(len(done.all_findings), 'finding')}",
            done.all_findings,
            hint=_hint(name, deep=deep, subset=subset) if may_mend(done.all_findings) else "",
        )
    elif failure is None and not allow_unknown:
        failure = _untold(done)
    session.answer(_document(done, failure), _text(done))
    if failure is not None:
        if not as_json:
            session.print_beside(f"error: {message(failure)}" + (f"\nhint: {hint(failure)}" if failure.hint else ""))
        raise typer.Exit(failure.exit_code)


def _untold(done: "Verified") -> LastgoodError | None:
    """The failure to tell something of a version, which must not pass for a success."""
    versions = [one for one in done.versions if one.unknown]
    if not versions:
        return None
    found = [Finding(Flaw.UNKNOWN, f"{one.artifact}@{one.version}", "; ".join(one.unknown)) for one in versions]
    names = text.count(len(versions), "version")
    advice = "see why above; lastgood verify --allow-unknown, if that is expected"
    return FindingsError(f"verify cannot tell whether {names} can be restored", found, hint=advice)


def _hint(name: str | None, *, deep: bool, subset: str | None) -> str:
    part = ["--subset", subset] if subset else []
    return " ".join(["lastgood repair", *([name] if name else []), *(["--deep"] if deep else []), *part])


def _document(done: "Verified", failure: LastgoodError | None) -> "Document":
    return {
        **json.failure(failure),
        "versions": [
            {
                "artifact": one.artifact,
                "version": one.version,
                "findings": json.findings(one.findings),
                "unknown": list(one.unknown),
            }
            for one in done.versions
        ],
        "findings": json.findings(done.all_findings),
        "as_of": json.moment(done.view.as_of),
    }


def _text(done: "Verified") -> str:
    rows = []
    for one in done.versions:
        unknown = [f"cannot tell: {why}" for why in one.unknown] if one.findings else one.unknown
        words = [*(typed(str(found)) for found in one.findings), *unknown]
        state = text.count(len(one.findings), "finding") if one.findings else "cannot tell" if words else "ok"
        rows.append((f"{one.artifact}@{one.version}", state, words[0] if words else ""))
        rows += [("", "", more) for more in words[1:]]
    general = text.bullets(typed(str(one)) for one in done.findings)
    return text.paragraphs(text.table(rows), "registry and this machine" if general else "", general)
