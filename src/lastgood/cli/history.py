"""`lastgood history`: the events of an artifact."""

from typing import TYPE_CHECKING

import typer

from lastgood.cli import options
from lastgood.cli.output import json, text
from lastgood.cli.session import Session, warnings_of

if TYPE_CHECKING:
    from lastgood.cli.documents.history import Document
    from lastgood.core.added import Added
    from lastgood.core.events import Event
    from lastgood.core.registry import History
    from lastgood.operations.show import Told


def history(
    context: typer.Context,
    name: options.Name = None,
    fetch: options.Fetch = False,
    root: options.Root = None,
    as_json: options.Json = False,
) -> None:
    """Show every event of an artifact, or of all, newest first: what, when, who and why."""
    from lastgood.operations.show import history as read_events

    session = Session.of(context, as_json=as_json)
    project = session.open(root)
    told = read_events(project, name, fetch=fetch)
    session.warn(warnings_of(told.view, told.histories))
    session.say_age(project, told.view)
    if as_json:  # only the one that is asked for: each takes as long as reading 40,000 events
        session.answer(_document(told), "")
    else:
        session.answer({}, _text(told))
    if not told.events:
        session.print_beside("no event here yet; the first one: lastgood register")


def describe(event: "Event", history: "History", added: "Added | None" = None) -> tuple[str, str, str, str]:
    """When, what, who and why, as cells of a table; `added` says why, if lastgood added the event by itself."""
    occurred = event.message.trailers.get("Occurred")
    how = "offline" if "Offline" in event.message.trailers else "and dated after a tag dated ahead,"
    beside = {"superseded", "discounted", "resolved"}
    note = f"(done {how} {occurred})" if occurred and event.kind not in beside else ""
    what = f"{event.version} {'is #stable again' if added else _words(event)}".strip()
    adopted, external = event.tag in history.adopted, event.tag in history.external
    who = text.person("lastgood" if added else event.actor) + text.source(adopted=adopted, external=external)
    return text.when(event.at), what, who, f"{added.reason if added else event.reason} {note}".strip()


def _words(event: "Event") -> str:
    former = event.message.trailers.get("From")
    if event.kind == "marked":
        return f"marked {event.stage}"
    if event.kind == "assigned":
        return f"assigned to {event.stage}" + (f", leaving {former}" if former else "")
    if event.kind == "unassigned":
        return f"unassigned from {event.stage}"
    if event.kind == "superseded":
        return f"superseded in {event.stage}, leaving {former}"
    if event.kind == "resolved":
        where = f" in {event.stage}" if event.stage else ""
        return f"resolved{where}: the cause was {event.message.trailers.get('Cause')}"
    if event.kind == "discounted":
        return f"in {event.stage}: {event.tag} taken out of count"
    return str(event.kind)


def _document(told: "Told") -> "Document":
    histories = {one.artifact: one for one in told.histories}
    return {
        "events": [json.event(event, histories[event.artifact], told.added.get(event.tag)) for event in told.events],
        "as_of": json.moment(told.view.as_of),
        "warnings": json.findings(warnings_of(told.view, told.histories)),
    }


def _text(told: "Told") -> str:
    histories = {one.artifact: one for one in told.histories}
    rows = []
    for event in told.events:
        at, what, who, why = describe(event, histories[event.artifact], told.added.get(event.tag))
        rows.append((at, f"{event.artifact}@{what}" if len(histories) > 1 else what, who, why))
    return text.table(rows, ("WHEN", "EVENT", "BY", "WHY")) if rows else ""
