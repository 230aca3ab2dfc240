"""Rolling back: `prepare` finds out and proves, `execute` records and switches (DESIGN §5). Three callers, one way."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace

from lastgood.core.events import Mark
from lastgood.core.manifest import EnvironmentChange, Manifest
from lastgood.core.plan import Accept, Choice, Policy, choose, choose_named
from lastgood.core.preflight import require_no_future
from lastgood.core.references import find_history
from lastgood.core.registry import History, Version
from lastgood.core.tags import version_tag
from lastgood.core.transaction import Draft, Transaction
from lastgood.errors import (
    Finding,
    FindingsError,
    LastgoodError,
    NotCarriedOutError,
    RaceError,
    RefusedError,
    Rejected,
    StaleError,
    UnfinishedError,
    UnhealthyError,
    UsageError,
)
from lastgood.operations import delivering, recording
from lastgood.operations.facts import require_restorable, unpinned
from lastgood.operations.manifests import read_environment, read_manifest
from lastgood.operations.reading import ATTEMPTS, View, read
from lastgood.operations.recording import Record
from lastgood.operations.sync import bring_live, is_behind
from lastgood.project import Project
from lastgood.releases import activation
from lastgood.releases.release import Release


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks for. `leaving` is `--from`; `here` is `None` for "if this machine follows the stage"."""

    artifact: str | None
    reason: str
    stage: str | None = None
    leaving: str | None = None
    to: str | None = None
    mark: bool = True
    here: bool | None = None
    again: bool = False
    pre_releases: bool = False


@dataclass(frozen=True)
class Plan:
    """What a rollback will do. `fulfilled` says that its purpose is met: nothing is to be recorded."""

    request: Request
    view: View
    history: History
    stage: str
    leaving: Version
    target: Version
    here: bool
    fulfilled: bool = False
    skipped: tuple[Rejected, ...] = ()
    manifest: Manifest | None = None
    environment: EnvironmentChange | None = None
    warnings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Result:
    """What a rollback did, or with `dry_run` would do. `finished`: it switched here what was recorded earlier."""

    plan: Plan
    record: Record = field(default_factory=Record)
    live: str | None = None
    finished: bool = False
    seconds: float = 0.0
    dry_run: bool = False


def rollback(
    project: Project, request: Request, *, dry_run: bool = False, on_plan: Callable[[Plan], None] = lambda _plan: None
) -> Result:
    """Prepare and execute, again on a fresh view whenever somebody was faster; a dry run stops before executing.

    `on_plan` is shown each plan before anything is done.
    """
    started = time.monotonic()
    if not request.reason.strip() and not dry_run:
        raise UsageError("a rollback needs a reason; nothing was changed", hint="--reason TEXT")
    for _ in range(ATTEMPTS):
        plan = prepare(project, request)
        on_plan(plan)
        if dry_run:
            return Result(plan, seconds=time.monotonic() - started, dry_run=True)
        try:
            # Recording needs no lock, the push decides: a long sync here must not hold an emergency back.
            with project.locked(f"rollback {plan.history.artifact} {plan.stage}") if plan.here else nullcontext():
                result = execute(project, plan)
        except StaleError:
            # The version to leave is the one first seen: a race must not make a second rollback out of one.
            request = _pinned(request, plan)
            continue
        recording.outwait(project, result.record)
        return replace(result, seconds=time.monotonic() - started)
    raise RaceError(f"others were faster {ATTEMPTS} times in a row; nothing was changed", hint="try again")


def prepare(project: Project, request: Request) -> Plan:
    """Where to go and the proof that one can. Reads, fetches and finishes what was recorded; records nothing."""
    if request.here is False or (request.here is None and not activation.followed(project.place)):
        project.expect_remote()
    view = read(project, fetch=True)
    history = find_history(view.registry, request.artifact)
    stage = request.stage or project.config.rollback.stage
    assigned = history.assigned_version(stage)
    followed = (history.artifact, stage) in activation.followed(project.place)
    here = followed if request.here is None else request.here
    fulfilled = _find_fulfilled(history, stage, assigned, request)
    if fulfilled is None and here and _is_unfinished(project, history, stage, request):
        fulfilled = assigned
    if fulfilled is not None:
        leaving = history.by_name.get(request.leaving or "", assigned)
        return Plan(request, view, history, stage, leaving, assigned, here, fulfilled=True)
    _require_quiet(project, history, stage, request)
    choice = _choose(project, history, assigned, stage, request)
    manifest = require_restorable(project, history, choice.target, here=here, stage=stage)
    return Plan(
        request, view, history, stage, assigned, choice.target, here,
        skipped=choice.skipped,
        manifest=manifest,
        environment=_compare(project, history, (assigned, choice.target), manifest),
        warnings=(*unpinned(manifest), *(delivering.check_deliverable(project, manifest) if here else ())),
    )  # fmt: skip


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
    from lastgood.operations.locks import compare_environments  # 20 ms for what most rollbacks do not need

    return compare_environments(project, (leaving, old), (target, new))


def execute(project: Project, plan: Plan) -> Result:
    """Build and prove here if this machine is to switch, record, switch.

    Raises `NotCarriedOutError` before recording, `UnfinishedError` and `UnhealthyError` after; `StaleError` when the
    view is no longer the newest, with nothing written.
    """
    if plan.fulfilled:
        return _finish_here(project, plan)
    recording.author(project, plan.request.reason)
    release = _build(project, plan) if plan.here else None
    written = recording.record(project, plan.view, _draft(project, plan))
    if release is None:
        return Result(plan, written)
    return Result(plan, written, _switch(project, plan, release))


def _find_fulfilled(history: History, stage: str, assigned: Version, request: Request) -> Version | None:
    """The assigned version when the purpose is met already. Raises `RaceError` when it can no longer be met."""
    if request.leaving is not None:
        history.version(request.leaving)
    if request.to is not None and history.version(request.to).text == assigned.text:
        return assigned
    if request.leaving is None or request.leaving == assigned.text:
        return None
    if request.to is not None:
        raise RaceError(
            f"{stage} of {history.artifact} is on {assigned.text}, neither on {request.leaving} nor on {request.to}; "
            "nothing was changed",
            hint=f"lastgood history {history.artifact}",
        )
    return assigned


def _is_unfinished(project: Project, history: History, stage: str, request: Request) -> bool:
    """Whether the stage was rolled back already and only this machine is behind: then that is what is asked for."""
    if request.leaving is not None or request.to is not None or request.again:
        return False
    newest = history.assigned[stage]
    rolled_back = _went_down(history, newest.message.trailers.get("From"), newest.version)
    return rolled_back and is_behind(project, history, stage)


def _require_quiet(project: Project, history: History, stage: str, request: Request) -> None:
    """Refuse when the stage was just rolled back, or when a date in the future would outrank whatever is recorded."""
    now = project.now()
    require_no_future(history, (stage, Mark.STABLE, Mark.FAILED), now, "a rollback")
    newest = history.assigned[stage]
    rolled_back = _went_down(history, newest.message.trailers.get("From"), newest.version)
    settled = now - newest.when >= project.config.rollback.settle
    if rolled_back and not settled and request.leaving is None and not request.again:
        raise RefusedError(
            f"{stage} of {history.artifact} was rolled back to {newest.version} {now - newest.when} s ago; "
            "nothing was changed",
            hint=f"that is done; to leave {newest.version}, too, say --from {newest.version} or --again",
        )


def _went_down(history: History, former: str | None, now: str) -> bool:
    left, there = history.by_name.get(former or ""), history.by_name.get(now)
    return left is not None and there is not None and there.name.key < left.name.key


def _choose(project: Project, history: History, leaving: Version, stage: str, request: Request) -> Choice:
    if request.to is not None:
        return choose_named(history, leaving, request.to)
    policy = Policy(Accept(project.config.rollback.accept), request.pre_releases)
    return choose(history, leaving, stage, policy)


def _draft(project: Project, plan: Plan) -> Transaction:
    draft = Draft(plan.history, recording.author(project, plan.request.reason))
    if plan.request.mark and plan.leaving.mark is not Mark.FAILED:
        draft.mark(plan.leaving, Mark.FAILED)
    draft.assign(plan.target, plan.stage, leaving=plan.leaving.text)
    name = plan.history.artifact
    return draft.finish(f"Roll back {name} {plan.stage} from {plan.leaving.text} to {plan.target.text}")


def _build(project: Project, plan: Plan) -> Release:
    manifest = plan.manifest or read_manifest(project, plan.history, plan.target)
    release = delivering.deliver(project, manifest, plan.stage)
    words = delivering.check_health(project, release, plan.stage)
    if words is not None:
        raise NotCarriedOutError(
            f"the health command fails on {plan.target.text} before it is live: {words}; nothing was changed"
        )
    return release


def _switch(project: Project, plan: Plan, release: Release) -> str:
    name = plan.history.artifact
    finish = f"lastgood sync {name} --stage {plan.stage}"
    try:
        link = delivering.switch(project, release, plan.stage)
    except OSError as error:
        raise UnfinishedError(f"recorded, but {plan.stage} could not be switched here: {error}", hint=finish) from error
    words = delivering.check_health(project, release, plan.stage)
    if words is not None:
        tag = version_tag(name, plan.target.text)
        raise UnhealthyError(
            f"switched to {tag}, but the health command fails: {words}", hint=f"lastgood history {name}"
        )
    return str(link)


def _finish_here(project: Project, plan: Plan) -> Result:
    """A purpose that is met in the registry may still wait for this machine: then it is carried out now."""
    link = project.place.live_link(plan.history.artifact, plan.stage)
    if not plan.here:
        return Result(plan)
    release = activation.live(project.place, plan.history.artifact, plan.stage)
    if release is not None and not is_behind(project, plan.history, plan.stage):
        delivering.settle(project, release, plan.stage)
        return Result(plan, live=str(link))
    try:
        bring_live(project, plan.history, plan.stage)
    except (StaleError, UnhealthyError):  # to be planned again; carried out, but not well
        raise
    except LastgoodError as error:
        finish = f"lastgood sync {plan.history.artifact} --stage {plan.stage}"
        raise UnfinishedError(f"recorded earlier, but not carried out here: {error.message}", hint=finish) from error
    return Result(plan, live=str(link), finished=True)


def _pinned(request: Request, plan: Plan) -> Request:
    return request if request.leaving else replace(request, leaving=plan.leaving.text)
