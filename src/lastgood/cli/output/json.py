"""JSON for programs: `"schema": 1` first, times as ISO 8601, and the values that several commands show alike."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias, cast

from lastgood.cli.output.commands import typed
from lastgood.cli.output.failure import hint, message
from lastgood.errors import Finding, FindingsError, LastgoodError, NoGoodVersionError

if TYPE_CHECKING:
    from lastgood.cli.documents import parts
    from lastgood.cli.documents.error import Document as ErrorDocument
    from lastgood.core.added import Added
    from lastgood.core.events import Event
    from lastgood.core.manifest import Output
    from lastgood.core.offline import Act
    from lastgood.core.registry import History, Version
    from lastgood.machine.offline import Published
    from lastgood.registry.recording import Record

SCHEMA = 1
Document: TypeAlias = Mapping[str, object]
_line = json.JSONEncoder(default=str).encode
_SPREAD = frozenset({dict, list, tuple})


def dump(document: Document, *, one_line: bool = False) -> str:
    """The document as text. ASCII only, so that no terminal and no locale can change what it says."""
    whole = {"schema": SCHEMA, **document}
    return _line(whole) if one_line else "".join(_parts(whole, "\n"))


def _parts(value: Mapping[str, object] | Iterable[object], blank: str) -> Iterator[str]:
    """Over several lines, but for what holds plain values alone: an event is a line.

    Python's own indentation is made in Python and takes most of the time of 40,000 events; a line is made in C. The
    parts are joined once, by the caller: each copy of the whole text takes 16 MB of their memory.
    """
    before, end = "{}" if isinstance(value, Mapping) else "[]"
    named = ((f"{_line(key)}: ", one) for key, one in value.items()) if isinstance(value, Mapping) else None
    for name, one in named or (("", one) for one in value):
        if _is_line(one):
            yield f"{before}{blank}  {name}{_line(one)}"
        else:
            yield f"{before}{blank}  {name}"
            yield from _parts(one, f"{blank}  ")  # type: ignore[arg-type]  # what is no line holds others
        before = ","
    yield f"{blank}{end}"


def _is_line(value: object) -> bool:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return _SPREAD.isdisjoint(map(type, inside)) or not any(one for one in inside if type(one) in _SPREAD)


def moment(when: datetime | None) -> str | None:
    """A time as ISO 8601 with its offset."""
    return when.isoformat() if when else None


def findings(found: Iterable[Finding]) -> "list[parts.Finding]":
    """Findings as objects."""
    return [{"kind": one.kind, "subject": one.subject, "message": typed(one.message)} for one in found]


def error(raised: LastgoodError) -> "ErrorDocument":
    """What every failure answers (refs.md, "JSON and exit codes"). `changed` is null where the message says it."""
    document: ErrorDocument = {
        "error": raised.name,
        "code": raised.exit_code,
        "message": message(raised),
        "hint": hint(raised) or None,
        "changed": False if raised.unchanged else None,
    }
    if isinstance(raised, FindingsError):
        document["findings"] = findings(raised.findings)
    if isinstance(raised, NoGoodVersionError):
        document["candidates"] = [{"version": one.version, "why": one.why} for one in raised.candidates]
    return document


def failure(raised: LastgoodError | None) -> "parts.Failure":
    """What a command that failed adds to its own document. Findings come with it, if the failure has any: the
    documents of the commands that fail so have that key, too."""
    return cast("parts.Failure", error(raised)) if raised else {}


def event(one: "Event", history: "History", added: "Added | None" = None) -> "parts.Event":
    """One event of a history; `added` says why, if lastgood added it by itself."""
    said = one.message.trailers
    return {
        "kind": one.kind,
        "artifact": one.artifact,
        "version": one.version,
        "stage": one.stage,
        "from": said.get("From"),
        "actor": one.actor,
        "at": one.at.isoformat(),
        "reason": added.reason if added else one.reason,
        "trigger": one.trigger,
        "tag": one.tag or None,
        "added_by": "lastgood" if added else None,
        "added_with": added.tag if added else None,
        "adopted": one.tag in history.adopted,
        "external": one.tag in history.external,
        "commit": one.commit or None,
        "occurred": said.get("Occurred"),
        "superseded_by": said.get("Superseded"),
        "cause": said.get("Cause"),
    }


def act(one: "Act") -> "parts.Act":
    """A rollback done here that is not published yet."""
    return {
        "id": one.id,
        "artifact": one.artifact,
        "stage": one.stage,
        "from": one.leaving,
        "to": one.target,
        "actor": one.actor,
        "reason": one.reason,
        "occurred": moment(one.at),
        "finish": typed(one.finish),
    }


def published(one: "Published") -> "parts.Published":
    """A rollback done here earlier that origin has now, and what became of it."""
    return {**act(one.act), "outcome": one.outcome, "assigned": one.assigned, **record(one.record)}


def version(one: "Version", metrics: Mapping[str, object] | None) -> "parts.Version":
    """One version in a list."""
    return {
        "version": one.text,
        "commit": one.commit,
        "mark": one.judgement,
        "stages": list(one.stages),
        "registered_at": moment(one.event.at),
        "registered_by": one.event.actor,
        "metrics": None if metrics is None else dict(metrics),
        "adopted": one.adopted,
        "external": one.external,
        "deregistered": one.deregistered,
    }


def output(one: "Output") -> "parts.Output":
    """One output of a manifest."""
    return {
        "path": str(one.path),
        "md5": one.md5,
        "sha256": one.sha256,
        "size": one.size,
        "files": one.files,
        "storage": one.storage,
    }


def record(written: "Record") -> "parts.Recorded":
    """What was recorded."""
    return {"tags": list(written.tags), "published": written.published}
