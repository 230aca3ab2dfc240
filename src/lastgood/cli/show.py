"""`lastgood show`: one version, whole."""

from typing import TYPE_CHECKING, cast

import typer

from lastgood.cli import options
from lastgood.cli.history import describe
from lastgood.cli.output import json, text
from lastgood.cli.session import Session, warnings_of

if TYPE_CHECKING:
    from lastgood.cli.documents import parts
    from lastgood.cli.documents.show import Document
    from lastgood.core.manifest import Manifest, Output
    from lastgood.operations.show import Shown


def show(
    context: typer.Context,
    reference: options.Reference,
    fetch: options.Fetch = False,
    root: options.Root = None,
    as_json: options.Json = False,
) -> None:
    """Show a version: its mark and stages, and what its manifest pins.

    That is outputs, data, metrics, parameters and environment; then the events that concern it.
    """
    from lastgood.operations.show import show as read_version

    session = Session.of(context, as_json=as_json)
    project = session.open(root)
    shown = read_version(project, reference, fetch=fetch)
    session.warn((*warnings_of(shown.view, [shown.history]), *shown.findings))
    session.say_age(project, shown.view)
    session.answer(_document(shown), _text(shown))


def _document(shown: "Shown") -> "Document":
    version = shown.version
    metrics = shown.manifest.metrics if shown.manifest else None
    return {
        "artifact": shown.history.artifact,
        **json.version(version, metrics),
        "tag": version.event.tag,
        "reason": version.event.reason,
        "manifest": manifest_document(shown.manifest) if shown.manifest else None,
        "events": [json.event(event, shown.history, shown.added.get(event.tag)) for event in shown.events],
        "as_of": json.moment(shown.view.as_of),
        "findings": json.findings(shown.findings),
        "warnings": json.findings(warnings_of(shown.view, [shown.history])),
    }


def manifest_document(manifest: "Manifest") -> "parts.Manifest":
    """What a version pins, with its digest."""
    outputs = [json.output(one) for one in manifest.outputs]
    return cast("parts.Manifest", {**manifest.to_json(), "outputs": outputs, "digest": manifest.digest})


def manifest_text(manifest: "Manifest", *, registered: str = "") -> str:
    """What a version pins, for people; and who registered it when."""
    environment = manifest.environment
    lock = f"{environment.lock} {(environment.digest or '')[:19]}" if environment.lock else None
    outputs = [
        (one.path, text.count(one.files, "file") if one.files is not None else "-", text.size(one.size), _pinned(one))
        for one in manifest.outputs
    ]
    return text.paragraphs(
        text.fields(
            [
                ("registered", registered),
                ("commit", manifest.commit),
                ("path", manifest.path),
                ("trained on", ", ".join(manifest.data)),
                ("python", environment.python),
                ("environment", lock),
            ],
            indent=2,
        ),
        "outputs" if outputs else "",
        text.table(outputs, indent=2),
        _values("metrics", manifest.metrics),
        _values("parameters", manifest.parameters),
    )


def _pinned(output: "Output") -> str:
    place = {"git": " in git", "url": " at its URL"}.get(output.storage, "")
    return f"md5 {output.md5[:12]}{place}"


def _values(title: str, values: "json.Document") -> str:
    rows = [(key, text.value(value)) for key, value in sorted(values.items())]
    return text.paragraphs(title, text.table(rows, indent=2)) if rows else ""


def _text(shown: "Shown") -> str:
    version = shown.version
    stages = f", assigned to {', '.join(version.stages)}" if version.stages else ""
    state = "deregistered" if version.deregistered else version.judgement
    source = text.source(adopted=version.adopted, external=version.external)
    registered = f"{text.when(version.event.at)} by {version.event.actor}{source}"
    events = [describe(event, shown.history, shown.added.get(event.tag)) for event in shown.events]
    return text.paragraphs(
        f"{text.one_line(shown.history.artifact)}@{version.text}: {state}{text.one_line(stages)}",
        text.block(version.event.reason) if version.event.reason else "",
        manifest_text(shown.manifest, registered=registered)
        if shown.manifest
        else text.fields([("registered", registered), ("commit", version.commit)], indent=2),
        "events",
        text.table(events, indent=2),
    )
