"""`lastgood rollback`: back to the last version recorded as good."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from lastgood.cli import options
from lastgood.cli.output import json, text
from lastgood.cli.output.commands import typed
from lastgood.cli.session import Session, warnings_of
from lastgood.core.failed import leave_command
from lastgood.core.rollback import MOST_SHOWN
from lastgood.core.version import SemanticVersion
from lastgood.errors import UnfinishedError, UsageError

if TYPE_CHECKING:
    from lastgood.cli.documents.rollback import Document, Environment
    from lastgood.core.manifest import EnvironmentChange
    from lastgood.core.rollback import Plan
    from lastgood.operations.rollback import Result
    from lastgood.project import Project
    from lastgood.registry.view import View

MOST = 10
"""Packages that the plan names."""

Stage = Annotated[
    str | None,
    typer.Option("--stage", metavar="S", help="The stage; prod unless lastgood.toml says.", show_default=False),
]
Leaving = Annotated[
    str | None,
    typer.Option("--from", metavar="vX", help="The version to leave; safe to repeat with it.", show_default=False),
]
To = Annotated[
    str | None,
    typer.Option("--to", metavar="vY", help="The version to go back to; else the last good one.", show_default=False),
]
NoMark = Annotated[bool, typer.Option("--no-mark", help="Do not mark the version that is left failed.")]
Here = Annotated[bool, typer.Option("--here", help="Switch this machine too, though it does not follow the stage.")]
RecordOnly = Annotated[bool, typer.Option("--record-only", help="Record only, though this machine follows the stage.")]
Again = Annotated[bool, typer.Option("--again", help="Go back once more, though the stage was rolled back just now.")]
Offline = Annotated[
    bool, typer.Option("--offline", help="Do not ask the git remote: act here, publish at the next sync or rollback.")
]
PreReleases = Annotated[bool, typer.Option("--pre", help="Accept pre-releases that never ran in the stage.")]


def rollback(
    context: typer.Context,
    name: options.Name = None,
    stage: Stage = None,
    leaving: Leaving = None,
    to: To = None,
    reason: options.Reason = "",
    no_mark: NoMark = False,
    here: Here = False,
    record_only: RecordOnly = False,
    again: Again = False,
    pre: PreReleases = False,
    offline: Offline = False,
    skip_health: options.SkipHealth = False,
    root: options.Root = None,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Roll a stage back to the last good version, after proving that it can be restored.

    The version that is left is marked failed, the stage assigned to the target, both in one push with the reason. A
    machine that follows the stage switches at once if it is this one, else at its next sync. With --offline this
    machine switches though the git remote is down, and exits with 7 until a sync or rollback has published it.
    """
    _require_artifact(name)
    _require_versions({"--from": leaving, "--to": to})
    from lastgood.core.preflight import require_reason

    require_reason(reason, "a rollback", dry_run=dry_run)
    if here and record_only:
        raise UsageError("--here and --record-only cannot be combined", hint="use one of them")
    from lastgood.core.rollback import Request
    from lastgood.operations.rollback import rollback as roll_back

    session = Session.of(context, as_json=as_json)
    project = session.open(root)
    project.skip_health = skip_health
    switch = True if here else False if record_only else None
    request = Request(name, reason, stage, leaving, to, not no_mark, switch, again, pre, offline)

    def show(view: "View", plan: "Plan") -> None:
        if offline:
            session.say_age(project, view)
        session.warn((*warnings_of(view, [plan.history]), *plan.warnings))
        if not as_json and not plan.fulfilled:
            session.answer({}, _plan(plan))

    result = roll_back(project, request, dry_run=dry_run, on_plan=show, on_published=session.tell_published)
    failure = _failure(result)
    document: Document = {**json.failure(failure), **_document(project, result)}
    session.answer(document, _outcome(project, result))
    if failure is not None:
        raise typer.Exit(failure.exit_code)


def _failure(result: "Result") -> UnfinishedError | None:
    """What is done here and known nowhere else is not all that was asked for."""
    if not result.unpublished or result.dry_run:
        return None
    last = result.unpublished[-1]
    return UnfinishedError(f"{last}; not published yet", hint=last.finish)


def _require_artifact(name: str | None) -> None:
    """Refuse `rollback v2.0.0`, which could mean the version to leave as well as the one to go back to."""
    artifact, at, version = (name or "").rpartition("@")
    plain = version.removeprefix("v")
    if at or SemanticVersion.parse(f"v{plain}"):
        named = f"{artifact} " if artifact else ""
        raise UsageError(
            f"{name} is ambiguous: use --from or --to",
            hint=f"lastgood rollback {named}--from v{plain} --reason TEXT leaves it; --to v{plain} goes back to it",
        )


def _require_versions(options_given: Mapping[str, str | None]) -> None:
    """Refuse an option that is there and empty, as a form or a variable of a script leaves it."""
    for option, given in options_given.items():
        if given is not None and not given.strip():
            raise UsageError(f"{option} names no version", hint=f"{option} vX.Y.Z")


def _document(project: "Project", result: "Result") -> "Document":
    plan = result.plan
    return {
        "artifact": plan.history.artifact,
        "stage": plan.stage,
        "from": plan.leaving.text,
        "to": plan.target.text,
        "skipped": [{"version": one.version, "why": one.why} for one in plan.skipped],
        "reason": plan.request.reason,
        "fulfilled": plan.fulfilled,
        "tags": list(result.record.tags),
        "published": result.record.published
        or (plan.fulfilled and project.remote is not None and not result.unpublished),
        "applies": "here" if plan.here else "at next sync",
        "live": result.live,
        "seconds": round(result.seconds, 3),
        "dry_run": result.dry_run,
        "environment": _environment_document(plan.environment),
        "pending": [json.act(one) for one in result.unpublished],
        "offline": [json.published(one) for one in result.published],
        "marks": {plan.leaving.text: "failed"} if _marks(plan) else {},
        "warnings": json.findings((*warnings_of(result.view, [plan.history]), *plan.warnings)),
    }


def _marks(plan: "Plan") -> bool:
    return plan.request.mark and plan.leaving.judgement != "failed" and not plan.fulfilled


def _plan(plan: "Plan") -> str:
    note = f"{plan.leaving.judgement}, to be marked failed" if _marks(plan) else plan.leaving.judgement
    by = text.person(plan.target.event.actor)
    target = f"{plan.target.judgement}, registered {text.when(plan.target.event.at)} by {by}"
    more = len(plan.skipped) - MOST_SHOWN
    rows = [
        ("leaving", plan.leaving.text, note),
        *(("skipped", one.version, one.why) for one in plan.skipped[:MOST_SHOWN]),
        *([("skipped", f"{more} more", "--json names all")] if more > 0 else []),
        ("target", plan.target.text, target),
    ]
    return text.paragraphs(
        f"{plan.history.artifact}, stage {plan.stage}: from {plan.leaving.text} to {plan.target.text}",
        text.table(rows, indent=2),
        _environment(plan),
    )


def _environment(plan: "Plan") -> str:
    """The packages that differ, the first few: a lock may pin hundreds."""
    change = plan.environment
    if change is None:
        return ""
    rows = (
        [("python", change.python[0] or "-", change.python[1] or "-")] if change.python[0] != change.python[1] else []
    )
    rows += [(one.name, one.old or "-", one.new or "-") for one in change.packages]
    unknown = text.bullets(f"not compared: {words}" for words in change.unknown)
    if not rows:
        return text.paragraphs("environment", unknown) if unknown else ""
    compare = typed(f"lastgood diff {plan.leaving.text} {plan.target.text}")
    more = f"  … {len(rows) - MOST} more ({compare})"
    return text.paragraphs(
        f"environment ({len(rows)})", text.table(rows[:MOST], indent=2), more if len(rows) > MOST else "", unknown
    )


def _environment_document(change: "EnvironmentChange | None") -> "Environment | None":
    if change is None:
        return None
    return {
        "python": {"from": change.python[0], "to": change.python[1]},
        "packages": [{"name": one.name, "from": one.old, "to": one.new} for one in change.packages],
        "unknown": list(change.unknown),
    }


def _unpublished(result: "Result") -> str:
    if not result.unpublished:
        return ""
    told = "not published: the registry and other machines do not know of it; when the git remote is back:"
    return text.paragraphs(text.prose(told), f"  {typed(result.unpublished[-1].finish)}")


def _outcome(project: "Project", result: "Result") -> str:
    plan = result.plan
    if plan.fulfilled:
        name, target = plan.history.artifact, plan.target.text
        done, switched = ("record", "switched: ") if result.finished else ("do", "")
        met = "was rolled back to" if result.unpublished else "is assigned to"
        met = f"{met} {target}"
        return text.paragraphs(
            text.prose(f"nothing to {done}: {plan.stage} of {name} {met} already"),
            text.prose(f"{switched}{target} is live here: {result.live}") if result.live else "",
            f"to leave {target}: {typed(leave_command(plan.history, plan.stage, target))}"
            if plan.leaving.name.key < plan.target.name.key  # what was to be left is not what anybody is served
            or plan.target.judgement == "failed"
            else "",
            _unpublished(result),
        )
    if result.dry_run:
        then = "switch this machine" if plan.here else "leave machines to their next sync"
        if plan.request.offline:
            then += ", to be published later"
        return text.prose(f"dry run: it can be restored; would record this and {then}; nothing was changed")
    if result.unpublished:
        switched = f"switched: {plan.target.text} is live here in {result.seconds:.1f} s: {result.live}"
        return text.paragraphs(text.prose(switched), _unpublished(result))
    written = text.fields([("recorded", ", ".join(result.record.tags))], indent=2)
    published = "" if project.remote else "  there is no git remote: recorded in this clone only"
    if result.live:
        next_step = f"recorded and switched: {plan.target.text} is live here in {result.seconds:.1f} s: {result.live}"
    else:
        next_step = f"recorded; machines following {plan.stage} switch at their next sync"
    return text.paragraphs(written, published, text.prose(next_step))
