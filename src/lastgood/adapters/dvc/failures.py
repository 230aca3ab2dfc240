"""Errors of a worker as one JSON object, and back: the parent raises the child's error."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from lastgood.errors import (
    AbsentRemoteError,
    Finding,
    FindingsError,
    LastgoodError,
    LockedError,
    NotAProjectError,
    UnreachableError,
)

ERRORS: dict[str, type[LastgoodError]] = {
    error.__name__: error
    for error in (AbsentRemoteError, LastgoodError, LockedError, NotAProjectError, UnreachableError)
}


def describe(error: LastgoodError) -> dict[str, Any]:
    """An error as JSON, for `restore`."""
    findings = [asdict(finding) for finding in error.findings] if isinstance(error, FindingsError) else []
    return {"error": type(error).__name__, "message": error.message, "hint": error.hint, "findings": findings}


def restore(document: Mapping[str, Any]) -> LastgoodError:
    """The error that `describe` described; an unknown kind is a plain `LastgoodError`."""
    message, hint = str(document["message"]), str(document["hint"])
    if document["error"] == FindingsError.__name__:
        findings = [Finding.from_json(finding) for finding in document["findings"]]
        return FindingsError(message, findings, hint=hint)
    return ERRORS.get(document["error"], LastgoodError)(message, hint=hint)
