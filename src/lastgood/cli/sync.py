"""`lastgood sync`: this machine brought to what the registry says, once or again and again."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lastgood.cli import options
from lastgood.cli.boundary import tell
from lastgood.cli.ending import until_terminated
from lastgood.cli.output import json, text
from lastgood.cli.output.streams import outlet
from lastgood.cli.session import Session, warnings_of
from lastgood.errors import LastgoodError, NotAProjectError, UsageError

if TYPE_CHECKING:
    from lastgood.cli.documents.sync import Document
    from lastgood.operations.sync import Synced

Watch = Annotated[
    float | None,
    typer.Option(
        "--watch",
        metavar="SECONDS",
        min=0.05,
        help="Do it again and again, that far apart; tell when.",
        show_default=False,
    ),
]
Repository = Annotated[
    str | None,
    typer.Option("--repo", metavar="URL", help="The git repository; with --root, the first time.", show_default=False),
]


def sync(
    context: typer.Context,
    stage: options.Stage,
    name: options.Name = None,
    watch: Watch = None,
    root: options.Root = None,
    repository: Repository = None,
    skip_health: options.SkipHealth = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Make the version that a stage is assigned live on this machine, and follow the stage from now on.

    What is missing is fetched, its release built and proved, the link switched by one rename. The health command must
    pass before that, else what is live stays, exit code 5; it is run again while it fails on what is live, exit code 6.
    A live release that is damaged is built anew. A version that is marked failed is not made live: what is live stays,
    exit code 14 (rollback leaves it). With --root and --repo it needs no working tree. With --watch only changes are
    told; SIGTERM ends it, whatever it waits for, with exit code 0.
    """
    if repository and root is None:
        raise UsageError("--repo needs --root", hint="--root DIR")
    if watch is not None and dry_run:
        raise UsageError("--watch and --dry-run cannot be combined", hint="use one of them")
    session = Session.of(context, as_json=as_json)

    def once() -> "Synced":
        from lastgood.operations.sync import sync as bring

        project = session.open(root, repository)
        project.skip_health = skip_health
        with project.ground.cleared_after_failure() if root and project.ground else nullcontext():
            return bring(project, name, stage, dry_run=dry_run, on_published=session.tell_published)

    if watch is None:
        _tell(session, once())
    else:
        session.progress.silent = True
        _repeat(session, once, watch)


def _repeat(session: Session, once: "Callable[[], Synced]", seconds: float) -> None:
    """Sync until SIGTERM. A failure is told once, until it changes; the next turn tries again.

    A full log stops nothing. What could not be written is told again on the next turn.
    """
    with until_terminated():
        _sync_for_ever(session, once, seconds)


def _sync_for_ever(session: Session, once: "Callable[[], Synced]", seconds: float) -> None:
    told: object = None
    first = True
    while True:
        outlet.lost.clear()
        try:
            done = once()
            state: object = (done.version.text, done.version.commit, str(done.release.path), done.settings)
            if state != told or done.damage:
                _tell(session, done, datetime.now(UTC))
        except LastgoodError as error:
            if first and isinstance(error, UsageError | NotAProjectError):
                raise
            state = (error.name, error.message)
            if state != told:
                tell(error, as_json=session.as_json, at=datetime.now(UTC))
        told, first = None if outlet.lost else state, False
        time.sleep(seconds)


def _tell(session: Session, done: "Synced", at: datetime | None = None) -> None:
    """Answer; in a log, with the time `at` which it was, and on one line if it is JSON."""
    session.warn((*warnings_of(done.view, [done.history]), *done.warnings))
    words = _words(done) if at is None else f"{text.stamp(at)} {_words(done)}"
    session.answer(_document(done, at), text.prose(words), one_line=at is not None)


def _path(done: "Synced") -> Path | None:
    return done.release.path if not done.dry_run or not done.changed else None


def _document(done: "Synced", at: datetime | None) -> "Document":
    path = _path(done)
    return {
        "artifact": done.history.artifact,
        "stage": done.stage,
        "version": done.version.text,
        "commit": done.version.commit,
        "former": done.former,
        "changed": done.changed,
        "rebuilt": bool(done.damage) and not done.dry_run,
        "path": str(path) if path else None,
        "link": str(done.link),
        "partial": done.release.partial,
        "offline": [json.published(one) for one in done.published],
        "dry_run": done.dry_run,
        "at": json.moment(at),
        "as_of": json.moment(done.view.as_of),
        "warnings": json.findings((*warnings_of(done.view, [done.history]), *done.warnings)),
    }


def _words(done: "Synced") -> str:
    name = f"{done.history.artifact}@{done.version.text}"
    leaving = f", leaving {done.former}" if done.former and done.former != done.version.text else ""
    if done.damage:
        anew = "would build it anew; nothing was changed" if done.dry_run else f"built anew: {done.release.path}"
        return f"{'dry run: ' if done.dry_run else ''}{name}, live in {done.stage}, was damaged; {anew}"
    if done.dry_run and done.changed:
        return f"dry run: {name} can be restored; would make it live in {done.stage}{leaving}; nothing was changed"
    if not done.changed:
        return f"nothing to do: {name} is live in {done.stage}: {done.release.path}"
    return f"{name} is live in {done.stage}{leaving}: {done.release.path}"
