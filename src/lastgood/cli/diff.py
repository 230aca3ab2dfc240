"""`lastgood diff`: what differs between two versions."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import typer

from lastgood.cli import options
from lastgood.cli.output import json, text
from lastgood.cli.session import Session, warnings_of

if TYPE_CHECKING:
    from lastgood.cli.documents import diff as documents
    from lastgood.cli.documents.parts import Finding
    from lastgood.operations.diff import Difference, OutputChange, ValueChange

LETTERS = {"A": "added", "D": "removed", "M": "changed", "T": "changed"}
MOST = 20
"""Files of one directory that the text names; JSON names all."""


def diff(
    context: typer.Context,
    old: options.Reference,
    new: options.Reference,
    fetch: options.Fetch = False,
    root: options.Root = None,
    as_json: options.Json = False,
) -> None:
    """Compare two versions of an artifact: code, data, parameters, metrics, environment package by package."""
    from lastgood.operations.diff import diff as compare

    session = Session.of(context, as_json=as_json)
    project = session.open(root)
    found = compare(project, old, new, fetch=fetch)
    session.warn(warnings_of(found.view, [found.history]))
    for words in found.warnings:
        session.print_beside(f"warning: {text.one_line(words)}")
    session.say_age(project, found.view)
    session.answer(_document(found), _text(found))


def _document(found: "Difference") -> "documents.Document":
    warned: list[Finding] = [
        {"kind": "unknown", "subject": found.new.text, "message": words} for words in found.warnings
    ]
    return {
        "artifact": found.history.artifact,
        "from": {"version": found.old.text, "commit": found.old.commit},
        "to": {"version": found.new.text, "commit": found.new.commit},
        "code": [
            {
                "path": one.path,
                "change": LETTERS.get(one.status, one.status),
                "added": one.added,
                "removed": one.removed,
            }
            for one in found.code
        ],
        "outputs": [_output_document(one) for one in found.outputs],
        "parameters": [_value_document(one) for one in found.parameters],
        "metrics": [_value_document(one) for one in found.metrics],
        "environment": {
            "python": {"from": found.python[0], "to": found.python[1]},
            "packages": [{"name": one.name, "from": one.old, "to": one.new} for one in found.environment],
        },
        "as_of": json.moment(found.view.as_of),
        "warnings": [*json.findings(warnings_of(found.view, [found.history])), *warned],
    }


def _output_document(one: "OutputChange") -> "documents.Output":
    return {
        "path": one.path,
        "change": one.kind,
        "from_size": one.old_size,
        "to_size": one.new_size,
        "files": None
        if one.files_added is None
        else {
            "added": [*one.files_added],
            "removed": [*(one.files_removed or ())],
            "changed": [*(one.files_changed or ())],
        },
    }


def _value_document(one: "ValueChange") -> "documents.Value":
    return {"key": one.key, "from": one.old, "to": one.new}


def _text(found: "Difference") -> str:
    code = [(LETTERS.get(one.status, one.status), one.path, _lines(one.added, one.removed)) for one in found.code]
    packages = [(one.name, one.old or "-", one.new or "-") for one in found.environment]
    if found.python[0] != found.python[1]:
        packages.insert(0, ("python", found.python[0] or "-", found.python[1] or "-"))
    parts = [
        _section("code", code),
        _outputs(found.outputs),
        _section("parameters", [_value(one) for one in found.parameters]),
        _section("metrics", [_value(one) for one in found.metrics]),
        _section("environment", packages),
    ]
    title = f"{found.history.artifact}: from {found.old.text} to {found.new.text}"
    return text.paragraphs(title, *(parts if any(parts) else ["no difference"]))


def _section(title: str, rows: Sequence[Sequence[object]]) -> str:
    return text.paragraphs(f"{title} ({len(rows)})", text.table(rows, indent=2)) if rows else ""


def _lines(added: int | None, removed: int | None) -> str:
    return "binary" if added is None else f"+{added} -{removed}"


def _value(one: "ValueChange") -> tuple[str, str, str]:
    return one.key, text.value(one.old), text.value(one.new)


def _outputs(changes: "Sequence[OutputChange]") -> str:
    lines = []
    for one in changes:
        sizes = f"{text.size(one.old_size)} to {text.size(one.new_size)}"
        lines.append(text.table([(one.kind, one.path, sizes)], indent=2))
        lines.append(text.table(_files(one), indent=6))
    return text.paragraphs(f"outputs ({len(changes)})", *lines) if changes else ""


def _files(one: "OutputChange") -> Iterable[Sequence[str]]:
    kinds = (("added", one.files_added), ("removed", one.files_removed), ("changed", one.files_changed))
    for kind, paths in kinds:
        yield from ((kind, path) for path in (paths or ())[:MOST])
        if paths and len(paths) > MOST:
            yield kind, f"and {len(paths) - MOST} more (--json names all)"
