"""Watching what is live: one look asks every check, judges, and rolls back if the version is measurably bad."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from lastgood.adapters import probes
from lastgood.adapters.probes import Surroundings
from lastgood.core import breaker
from lastgood.core.breaker import Stopped
from lastgood.core.checks import Decision, Forecast, Kind, Sample, Verdict, combine, forecast, judge
from lastgood.core.counters import compare
from lastgood.core.dates import clock_of, format_time
from lastgood.core.evidence import Live
from lastgood.core.guarding.check import Check, Command
from lastgood.core.guarding.guard import Guard, OnFail
from lastgood.core.guarding.target import Target
from lastgood.core.references import find_history
from lastgood.core.registry import History
from lastgood.core.rollback import Plan, Request
from lastgood.core.sequential import Scores
from lastgood.errors import LastgoodError, RefusedError, UnreachableError, UsageError
from lastgood.machine import watching
from lastgood.operations.exec import working
from lastgood.operations.rollback import Result, rollback
from lastgood.project import Project
from lastgood.registry.view import View, read
from lastgood.releases import activation


class Outcome(StrEnum):
    """What a look came to."""

    HEALTHY = "healthy"
    CANNOT_TELL = "cannot tell"
    ROLLED_BACK = "rolled back"
    FROZEN = "frozen"


@dataclass(frozen=True)
class Looked:
    """One look. `stopped` says why nothing was changed though the version is unhealthy; `result` is the rollback.

    `waiting`: nobody can tell yet, and nobody needs to be told: there is no evidence so far, within the patience.
    """

    view: View
    history: History
    stage: str
    live: Live
    outcome: Outcome
    verdicts: tuple[Verdict, ...]
    samples: tuple[Sample, ...] = ()
    result: Result | None = None
    stopped: str = ""
    hint: str = ""
    waiting: bool = False


@dataclass(frozen=True)
class Foretold:
    """What a guard will do: each check's forecast and what it answers now."""

    view: View
    history: History
    stage: str
    live: Live
    guard: Guard
    checks: tuple[tuple[Forecast, Sample], ...]
    stopped: Stopped | None


def find_guard(project: Project, stage: str) -> Guard:
    """The configuration of a stage's guard. Raises `UsageError` where there is none."""
    guard = project.config.guard.get(stage)
    if guard is None:
        there = ", ".join(project.config.guard) or "none"
        raise UsageError(f"no guard is configured for {stage} (configured: {there})", hint=f"[guard.{stage}]")
    return guard


def look(project: Project, artifact: str | None, stage: str) -> Looked:
    """Ask every check about the version that is live, and act. The caller holds `watching.alone`.

    Raises what a rollback raises; nothing is raised for a check that does not answer.
    """
    guard = find_guard(project, stage)
    view = _read(project, artifact, stage)
    history = find_history(view.registry, artifact)
    live = find_live(project, history, stage)
    states = watching.read(project.place, history.artifact, stage, guard.checks)
    samples = _ask(project, guard, history, stage, live)
    verdicts, kept = [], {}
    for check, sample in zip(guard.checks, samples, strict=True):
        policy = check.policy(guard.interval, guard.patience)
        verdict, kept[check] = judge(policy, states.get(check.name), live, sample)
        verdicts.append(verdict)
    watching.write(project.place, history.artifact, stage, kept)
    looked = Looked(view, history, stage, live, Outcome.HEALTHY, tuple(verdicts), samples)
    decision = combine(verdicts)
    if decision is Decision.UNHEALTHY:
        return _act(project, guard, looked)
    if decision is Decision.KEEP:
        return looked
    return replace(looked, outcome=Outcome.CANNOT_TELL, waiting=decision is Decision.WAIT)


def find_live(project: Project, history: History, stage: str) -> Live:
    """The version to judge and since when: what is live here, or, on a machine that only records, what the stage is
    assigned. Raises `UnknownError` for a stage without a version."""
    assigned = history.assigned_version(stage)
    if (history.artifact, stage) in activation.followed(project.place):
        release = activation.live(project.place, history.artifact, stage)
        switched = activation.last_switch(project.place, history.artifact, stage)
        if release is not None and switched is not None and switched["version"] == release.version:
            return Live(release.version, datetime.fromisoformat(str(switched["at"])).timestamp())
        if release is not None:
            return Live(release.version, float(project.place.live_link(history.artifact, stage).lstat().st_mtime))
    return Live(assigned.text, float(clock_of(history.assigned[stage])))


def _read(project: Project, artifact: str | None, stage: str) -> View:
    """The registry. A machine that follows the stage judges what is live on it, and asks origin when it acts."""
    follows = any(stage == one and artifact in {None, name} for name, one in activation.followed(project.place))
    if follows:
        return read(project, fetch=False)
    try:
        return read(project, fetch=True)
    except UnreachableError:
        return read(project, fetch=False)


def _ask(project: Project, guard: Guard, history: History, stage: str, live: Live) -> tuple[Sample, ...]:
    target = Target(history.artifact, stage, live.version)
    with _surroundings(project, guard, target) as here:
        return tuple(_ask_one(project, guard, check, target, here) for check in guard.checks)


def _ask_one(
    project: Project, guard: Guard, check: Check, target: Target, here: Surroundings | LastgoodError
) -> Sample:
    if isinstance(here, Surroundings):
        return probes.ask(guard, check, target, here)
    if isinstance(check.source, Command):  # the version cannot be run here: that says nothing of its health
        return Sample(Kind.ERROR, project.now(), project.now(), why=here.message)
    return probes.ask(guard, check, target, _outside(project))


@contextmanager
def _surroundings(project: Project, guard: Guard, target: Target) -> Iterator[Surroundings | LastgoodError]:
    """A scratch copy of the version for its commands, as `exec` makes it; or why there is none."""
    if not any(isinstance(check.source, Command) for check in guard.checks):
        yield _outside(project)
        return
    with ExitStack() as held:
        try:
            _, tree, variables = held.enter_context(working(project, f"{target.artifact}@{target.version}"))
        except LastgoodError as error:
            yield error
            return
        yield Surroundings(tree, {**variables, "LASTGOOD_STAGE": target.stage}, lambda: float(project.now()))


def _outside(project: Project) -> Surroundings:
    return Surroundings(project.place.root, os.environ, lambda: float(project.now()))


def _act(project: Project, guard: Guard, looked: Looked) -> Looked:
    """Roll back, unless the configuration or the breaker says to tell a person."""
    frozen = replace(looked, outcome=Outcome.FROZEN)
    leaving = f"{looked.history.artifact} --stage {looked.stage} --from {looked.live.version}"
    if guard.on_fail is OnFail.FREEZE:
        by_hand = f"lastgood rollback {leaving} --reason TEXT"
        return replace(frozen, stopped='on_fail = "freeze": nothing is rolled back automatically', hint=by_hand)
    worst = next(one for one in looked.verdicts if one.decision is Decision.UNHEALTHY)
    request = Request(
        looked.history.artifact, _reason(worst), looked.stage, looked.live.version,
        trigger=breaker.TRIGGER, run=worst.check,
    )  # fmt: skip

    def require_closed(_view: View, plan: Plan) -> None:
        # Asked of each plan, whose history the rollback is recorded on top of: no other guard's comes in between.
        # What is rolled back already may be carried out here.
        if not plan.fulfilled:
            _require_closed(project, guard, plan.history, plan.stage)

    try:
        if looked.history.assigned_version(looked.stage).text == looked.live.version:
            _require_closed(project, guard, looked.history, looked.stage)  # before there may be nothing to go back to
        result = rollback(project, request, on_plan=require_closed)
    except RefusedError as error:
        return replace(frozen, stopped=error.message, hint=error.hint)
    return replace(looked, outcome=Outcome.ROLLED_BACK, result=result)


def _require_closed(project: Project, guard: Guard, history: History, stage: str) -> None:
    stopped = Stopped.find(history, stage, guard.breaker)
    stopped = stopped or Stopped.find_helpless(history, stage, guard.breaker, project.now())
    if stopped is not None:
        raise RefusedError(str(stopped), hint=stopped.hint)


def _reason(verdict: Verdict) -> str:
    since = f"; first bad sample at {format_time(int(verdict.first_bad))}" if verdict.first_bad is not None else ""
    return f"check {verdict.check}: {verdict.why}{since}"


def foretell(project: Project, artifact: str | None, stage: str, pause: Callable[[float], None]) -> Foretold:
    """What the guard will do. It asks each check, and once more after an interval to see the traffic."""
    guard = find_guard(project, stage)
    view = _read(project, artifact, stage)
    history = find_history(view.registry, artifact)
    live = find_live(project, history, stage)
    first = _ask(project, guard, history, stage, live)
    pause(guard.interval)
    second = _ask(project, guard, history, stage, live)
    states = watching.read(project.place, history.artifact, stage, guard.checks)
    told = []
    for check, before, after in zip(guard.checks, first, second, strict=True):
        state = states.get(check.name)
        variance = (state.scores if state else Scores()).variance if after.value is not None else None
        policy = check.policy(guard.interval, guard.patience)
        told.append((forecast(policy, _traffic(before, after), variance), after))
    stopped = Stopped.find(history, stage, guard.breaker)
    return Foretold(view, history, stage, live, guard, tuple(told), stopped)


def _traffic(before: Sample, after: Sample) -> float | None:
    """Requests a second between two samples of counters."""
    if before.reading is None or after.reading is None or after.at <= before.at:
        return None
    return compare(before.reading, after.reading).total / (after.at - before.at)
