"""`lastgood prune`: releases that are no longer needed here."""

from typing import TYPE_CHECKING, Annotated

import typer

from lastgood.cli import options
from lastgood.cli.output import json, text
from lastgood.cli.session import Session, warnings_of

if TYPE_CHECKING:
    from lastgood.cli.documents.prune import Document, Environment, Release
    from lastgood.operations.prune import Pruned

Keep = Annotated[
    int | None,
    typer.Option(
        "--keep", metavar="N", min=0, help="Keep the last N versions; else as lastgood.toml says.", show_default=False
    ),
]


def prune(
    context: typer.Context,
    name: options.Name = None,
    keep: Keep = None,
    root: options.Root = None,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Remove the releases here that nothing needs any more, and tell of each why it stays or goes.

    What stays: what is live, was live within the last day, is in use, is assigned to a stage that this machine follows,
    or is named by unfinished work; every stable version; the last ones. On a serving host, environments that no release
    needs and objects in its own cache that nothing refers to go, too. DVC's cache in a working clone is never touched,
    and no version is lost: a release can be built again. Without NAME it looks at all artifacts.
    """
    from lastgood.operations.prune import prune as remove

    session = Session.of(context, as_json=as_json)
    done = remove(session.open(root), name, keep=keep, dry_run=dry_run)
    session.warn(warnings_of(done.view, done.histories))
    session.answer(_document(done), _text(done))


def _document(done: "Pruned") -> "Document":
    releases: list[Release] = [
        {
            "artifact": one.release.artifact,
            "version": one.release.version,
            "commit": one.release.commit,
            "partial": one.release.partial,
            "path": str(one.release.path),
            "kept": one.kept,
            "why": one.why,
            "bytes": one.freed,
        }
        for one in done.releases
    ]
    environments: list[Environment] = [
        {"path": str(one.path), "kept": one.kept, "why": one.why, "bytes": one.freed} for one in done.environments
    ]
    cache = done.cache
    return {
        "keep": done.policy.keep,
        "stable": done.policy.stable,
        "releases": releases,
        "environments": environments,
        "cache": None if cache is None else {"objects": len(cache.paths), "bytes": cache.freed, "why": cache.why},
        "removed": sum(not one.kept for one in done.releases),
        "bytes": done.freed,
        "dry_run": done.dry_run,
        "as_of": json.moment(done.view.as_of),
        "warnings": json.findings(warnings_of(done.view, done.histories)),
    }


def _text(done: "Pruned") -> str:
    goes = "would go" if done.dry_run else "removed"
    rows = [
        (
            f"{one.release.artifact}@{one.release.version}{' (partial)' if one.release.partial else ''}",
            "kept" if one.kept else goes,
            "-" if one.kept else text.size(one.freed),
            one.why,
        )
        for one in done.releases
    ]
    for environment in done.environments:
        here, freed = ("kept", "-") if environment.kept else (goes, text.size(environment.freed))
        rows.append((f"environment {environment.path.name[:12]}", here, freed, environment.why))
    if done.cache is not None:
        count = text.count(len(done.cache.paths), "cached object")
        rows.append((count, goes if done.cache.paths else "kept", text.size(done.cache.freed), done.cache.why))
    return text.paragraphs(
        text.table(rows, ("RELEASE", "HERE", "FREES", "WHY")) if rows else "",
        _summary(done),
    )


def _summary(done: "Pruned") -> str:
    removed = sum(not one.kept for one in done.releases)
    found = f"{removed} of {text.count(len(done.releases), 'release')}"
    if done.dry_run:
        return f"dry run: would remove {found} and free {text.size(done.freed)}; nothing was changed"
    beside = (done.cache and done.cache.paths) or not all(one.kept for one in done.environments)
    if not removed and not beside:
        return "nothing to do: every release here is needed"
    return f"removed {found}, {text.size(done.freed)} freed"
