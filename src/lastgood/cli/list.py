"""`lastgood list`: the versions of an artifact."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from lastgood.cli import options
from lastgood.cli.output import json, text
from lastgood.cli.session import Session, warnings_of

if TYPE_CHECKING:
    from lastgood.cli.documents.list import Document
    from lastgood.core.registry import History, Version
    from lastgood.operations.show import Listed


def list_versions(
    context: typer.Context,
    name: options.Name = None,
    fetch: options.Fetch = False,
    root: options.Root = None,
    as_json: options.Json = False,
) -> None:
    """List the versions of an artifact, or of all, lowest first: mark, stages, who registered them and when."""
    from lastgood.operations.show import list_versions as read_versions

    session = Session.of(context, as_json=as_json)
    project = session.open(root)
    listed = read_versions(project, name, fetch=fetch)
    session.warn(warnings_of(listed.view, listed.histories))
    session.say_age(project, listed.view)
    if as_json:  # only the one that is asked for: each takes as long as reading 40,000 events
        session.answer(_document(listed), "")
    else:
        session.answer({}, "\n\n".join(_text(listed, history) for history in listed.histories))
    if not listed.histories:
        session.print_beside("no version here yet; the first one: lastgood register")


def _document(listed: "Listed") -> "Document":
    from lastgood.operations.show import metrics_of

    return {
        "artifacts": [
            {
                "name": history.artifact,
                "deprecated": history.deprecated,
                "versions": [
                    {
                        **json.version(version, metrics_of(version)),
                        "partial": bool(stages := listed.partial_in(version)),
                        "partial_in": list(stages),
                    }
                    for version in history.versions
                ],
            }
            for history in listed.histories
        ],
        "as_of": json.moment(listed.view.as_of),
        "warnings": json.findings(warnings_of(listed.view, listed.histories)),
    }


def _text(listed: "Listed", history: "History") -> str:
    rows = [
        (
            version.text,
            "deregistered" if version.deregistered else version.judgement,
            _stages(version, listed.partial_in(version)),
            version.commit[:12],
            text.when(version.event.at),
            text.person(version.event.actor) + text.source(adopted=version.adopted, external=version.external),
        )
        for version in history.versions
    ]
    title = f"{text.one_line(history.artifact)}{' (deprecated)' if history.deprecated else ''}"
    return f"{title}\n{text.table(rows, ('VERSION', 'MARK', 'STAGES', 'COMMIT', 'REGISTERED', 'BY'), indent=2)}"


def _stages(version: "Version", partial: Sequence[str]) -> str:
    """The stages that a version is assigned, and where a partial release of it is live here, assigned or not."""
    named = [f"{stage} (partial here)" if stage in partial else stage for stage in version.stages]
    return ", ".join([*named, *(f"partial in {one} here" for one in partial if one not in version.stages)]) or "-"
