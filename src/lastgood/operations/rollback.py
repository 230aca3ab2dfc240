"""Rolling back: `prepare` chooses and verifies the target, `execute` records and switches (docs/architecture.md)."""

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace

from lastgood.core.dates import foretell
from lastgood.core.events import Mark
from lastgood.core.failed import find_failed
from lastgood.core.manifest import EnvironmentChange, Manifest
from lastgood.core.offline import Act, Outcome, foresee
from lastgood.core.preflight import require_reason
from lastgood.core.references import find_history
from lastgood.core.registry import History, Version
from lastgood.core.rollback import Accept, Machine, Plan, Policy, Request, decide
from lastgood.core.tags import version_tag
from lastgood.core.transaction import Author, Draft, Transaction
from lastgood.errors import (
    FindingsError,
    LastgoodError,
    LockedError,
    RefusedError,
    StaleError,
    UnfinishedError,
    UnhealthyError,
)
from lastgood.machine import delivery, offline
from lastgood.machine.health import check_live, require_healthy
from lastgood.machine.live import bring_live, finish_switch, is_behind, require_well, switch
from lastgood.machine.offline import Published
from lastgood.project import Project
from lastgood.registry import recording
from lastgood.registry.races import repeat
from lastgood.registry.recording import Record
from lastgood.registry.view import View, read
from lastgood.releases import activation, pending
from lastgood.releases.release import Release
from lastgood.versions.manifests import read_environment
from lastgood.versions.restorable import require_restorable, unpinned
from lastgood.versions.selection import warn_of_layout, warn_of_names


@dataclass(frozen=True)
class Result:
    """What a rollback did, or with `dry_run` would do. `finished`: it switched here what was recorded earlier.

    `published` are earlier acts that origin has now; `unpublished` what waits here after this one.
    """

    view: View
    plan: Plan
    record: Record = field(default_factory=Record)
    live: str | None = None
    finished: bool = False
    seconds: float = 0.0
    dry_run: bool = False
    published: tuple[Published, ...] = ()
    unpublished: tuple[Act, ...] = ()


def rollback(
    project: Project,
    request: Request,
    *,
    dry_run: bool = False,
    on_plan: Callable[[View, Plan], None] = lambda _view, _plan: None,
    on_published: offline.Told = lambda _published: None,
) -> Result:
    """Publish what waits here, prepare and execute; again on a fresh view whenever somebody was faster.

    A dry run stops before executing. `on_plan` is shown each plan before anything is done. Raises `RaceError` when all
    there was to do was to publish an act that had lost its purpose: then this machine follows the registry.
    """
    started = time.monotonic()
    require_reason(request.reason, "a rollback", dry_run=dry_run)
    if request.offline:
        offline.require_usable(project, here=request.here)
    published: tuple[Published, ...] = ()

    def attempt() -> Result:
        nonlocal published, request
        if not dry_run and not request.offline:
            with offline.way_out(project, request.artifact, here=request.here):
                published += offline.publish(project, request.artifact, told=on_published)
            request = _meant(project, request, published)
        view, plan = prepare(project, request)
        on_plan(view, plan)
        if dry_run:
            return Result(view, plan, dry_run=True)
        # The version to leave is the one first seen: a race must not make a second rollback out of one.
        request = _pinned(request, plan)
        # Recording needs no lock, the push decides: a long sync here must not hold an emergency back.
        with project.locked(f"rollback {plan.history.artifact} {plan.stage}") if plan.here else nullcontext():
            return execute(project, view, plan)

    result = repeat(attempt)
    recording.outwait(project, result.record)
    if result.plan.fulfilled and not dry_run:
        offline.require_purpose(published)
    return replace(result, seconds=time.monotonic() - started, published=published)


def prepare(project: Project, request: Request) -> tuple[View, Plan]:
    """Where to go, proved, on a registry that was just read. Reads, fetches and finishes what was recorded; records
    nothing."""
    wanted = True if request.offline else request.here
    if wanted is False or (wanted is None and not activation.followed(project.place)):
        project.expect_remote()
    with offline.way_out(project, request.artifact, here=request.here):
        view = read(project, fetch=not request.offline, offline=request.offline)
    history = find_history(view.registry, request.artifact)
    stage = request.stage or project.config.rollback.stage
    acts = pending.acts(project.place, history.artifact, stage)
    history = foresee(history, acts)
    here = (history.artifact, stage) in activation.followed(project.place) if wanted is None else wanted
    settings = project.config.rollback
    machine = Machine(project.now(), settings.settle, here, bool(acts), lambda: is_behind(project, history, stage))
    decision = decide(history, stage, request, Policy(Accept(settings.accept), request.pre_releases), machine)
    plan = Plan(request, history, stage, decision.leaving, decision.target, here, decision.skipped, acts=acts)
    if decision.fulfilled:
        failed = find_failed(history, stage)
        return view, replace(plan, warnings=(failed,) if failed else ())
    manifest = require_restorable(project, history, plan.target, here=here, stage=stage)
    warnings = (
        *foretell(history.events, (stage, *Mark), project.now()),
        *unpinned(manifest),
        *warn_of_layout(manifest, project.config.wanted(stage, manifest.artifact)),
        *warn_of_names(project.config, stage, view.registry.artifacts),
        *(delivery.check_deliverable(project, manifest) if here else ()),
    )
    environment = _compare(project, history, (plan.leaving, plan.target), manifest)
    return view, replace(plan, manifest=manifest, environment=environment, warnings=warnings)


def _compare(
    project: Project, history: History, versions: tuple[Version, Version], manifest: Manifest
) -> EnvironmentChange:
    """What differs between the environments; a manifest that cannot be read must not keep anybody from leaving it."""
    leaving, target = versions
    new = manifest.environment
    try:
        old = read_environment(project, history, leaving)
    except FindingsError as error:
        return EnvironmentChange((None, new.python), unknown=(error.message,))
    if (old.lock, old.digest) == (new.lock, new.digest) and new.digest:
        return EnvironmentChange((old.python, new.python))
    from lastgood.versions.lockfiles import compare_environments  # 20 ms for what most rollbacks do not need

    return compare_environments(project, (leaving, old), (target, new))


def execute(project: Project, view: View, plan: Plan) -> Result:
    """Build and prove here if this machine is to switch, record, switch.

    Raises `NotCarriedOutError` before recording, `UnfinishedError` and `UnhealthyError` after; `StaleError` when the
    view is no longer the newest, with nothing written.
    """
    if pending.acts(project.place, plan.history.artifact, plan.stage) != (plan.acts if plan.request.offline else ()):
        raise StaleError("something was done here while origin was out of reach")
    if plan.manifest is None:
        if not plan.request.offline:
            recording.complete(project, view, plan.history.artifact)
        return _finish_here(project, view, plan)
    _author(project, plan)
    release = _build(project, plan, plan.manifest) if plan.here else None
    if release is not None and plan.request.offline:
        act = offline.write_act(project, plan)
        return Result(view, plan, live=_switch(project, plan, release), unpublished=(*plan.acts, act))
    with offline.way_out(project, plan.history.artifact, here=plan.request.here):
        written = recording.record(project, view, _draft(project, plan))
    if release is None:
        return Result(view, plan, written)
    return Result(view, plan, written, _switch(project, plan, release))


def _draft(project: Project, plan: Plan) -> Transaction:
    draft = Draft(plan.history, _author(project, plan))
    return draft.roll_back(plan.leaving, plan.target, plan.stage, mark=plan.request.mark)


def _author(project: Project, plan: Plan) -> Author:
    return recording.author(project, plan.request.reason, plan.request.trigger, plan.request.run)


def _build(project: Project, plan: Plan, manifest: Manifest) -> Release:
    release = delivery.deliver(project, manifest, plan.stage)
    require_healthy(project, release, plan.stage)
    return release


def _switch(project: Project, plan: Plan, release: Release) -> str:
    name = plan.history.artifact
    finish, done = _finish(plan)
    try:
        link = switch(project, plan.history, release, plan.stage)
    except (OSError, LockedError) as error:
        raise UnfinishedError(f"{done}, but {plan.stage} could not be switched here: {error}", hint=finish) from error
    words = check_live(project, release, plan.stage)
    if words is not None:
        tag = version_tag(name, plan.target.text)
        raise UnhealthyError(
            f"switched to {tag}, but the health command fails: {words}", hint=f"lastgood history {name}"
        )
    return str(link)


def _finish(plan: Plan) -> tuple[str, str]:
    """The command that carries out what was decided, and what was done with it already."""
    name, stage = plan.history.artifact, plan.stage
    if plan.request.offline:
        return f"lastgood rollback {name} --stage {stage} --offline --reason TEXT", "noted"
    return f"lastgood sync {name} --stage {stage}", "recorded"


def _finish_here(project: Project, view: View, plan: Plan) -> Result:
    """A purpose that is met in the registry may still wait for this machine: then it is carried out now."""
    link = project.place.live_link(plan.history.artifact, plan.stage)
    if not plan.here:
        return Result(view, plan)
    release = activation.live(project.place, plan.history.artifact, plan.stage)
    if release is not None and not is_behind(project, plan.history, plan.stage):
        finish_switch(project, release, plan.stage)
        return Result(view, plan, live=str(link), unpublished=plan.acts)
    try:
        release = bring_live(project, plan.history, plan.stage)
        require_well(project, plan.history, release, plan.stage)
    except (UnhealthyError, RefusedError):  # carried out, but not well; marked failed since
        raise
    except LastgoodError as error:
        finish = _finish(plan)[0]
        raise UnfinishedError(f"recorded earlier, but not carried out here: {error.message}", hint=finish) from error
    return Result(view, plan, live=str(link), finished=True, unpublished=plan.acts)


def _meant(project: Project, request: Request, published: Sequence[Published]) -> Request:
    """The request: said again without `--from`, it means what was done here already and is only published now."""
    if not request.is_open:
        return request
    stage = request.stage or project.config.rollback.stage
    kept = [one.act for one in published if one.act.stage == stage and one.outcome is not Outcome.SUPERSEDED]
    return replace(request, leaving=kept[-1].leaving) if kept else request


def _pinned(request: Request, plan: Plan) -> Request:
    """The request for the next try. A plan that had nothing to leave pins nothing: it would leave the good version."""
    return request if request.leaving or plan.fulfilled else replace(request, leaving=plan.leaving.text)
