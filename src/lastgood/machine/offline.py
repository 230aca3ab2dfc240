"""Publishing what was rolled back here while origin was out of reach (ordering.md, "rollback --offline")."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from lastgood.core.dates import format_time
from lastgood.core.offline import Act, Outcome, format_superseded, is_published, judge
from lastgood.core.references import find_history
from lastgood.core.registry import History
from lastgood.core.rollback import Plan
from lastgood.core.transaction import Author, Draft
from lastgood.errors import FindingsError, PushRefusedError, RaceError, RefusedError, UnreachableError, UsageError
from lastgood.project import Project
from lastgood.registry import recording
from lastgood.registry.freshness import require_newest
from lastgood.registry.recording import Record
from lastgood.registry.view import View, retrying
from lastgood.releases import pending
from lastgood.versions.restorable import require_restorable


@dataclass(frozen=True, slots=True)
class Published:
    """One act that origin has now: what became of it, what the stage was assigned then, and what was written."""

    act: Act
    outcome: Outcome
    assigned: str | None
    record: Record = field(default_factory=Record)

    def __str__(self) -> str:
        act = self.act
        if self.outcome is Outcome.RECORDED:
            return f"published: {act}"
        if self.outcome is Outcome.FULFILLED:
            return f"published as history: {act}; meanwhile somebody else assigned {act.stage} to {act.target}, too"
        return (
            f"published as superseded history: {act}; meanwhile {act.stage} is assigned to "
            f"{self.assigned or 'nothing'}, and {act.target} is not to take its place"
        )


Told = Callable[[Published], None]


def publish(project: Project, artifact: str | None, stage: str | None = None, *, told: Told) -> tuple[Published, ...]:
    """Publish what waits here of an artifact, or of one stage of it, in order; origin is asked only if something waits.

    `told` of each at once, for what follows may fail. Raises `UnreachableError`, `PushRefusedError`, `FindingsError`,
    `RefusedError`: then the act waits on, and what is live stays.
    """
    done = []
    for act in pending.acts(project.place, artifact, stage):
        published = retrying(project, lambda view, act=act: _publish(project, view, act))  # type: ignore[misc]  # the loop's
        told(published)
        done.append(published)
    for one in done:
        recording.outwait(project, one.record)
    return tuple(done)


def _publish(project: Project, view: View, act: Act) -> Published:
    """Make the act anew or keep it as history, then forget it here: last, so that a death leaves it to be found again,
    and by its identity to be found published (ordering.md, O5)."""
    with project.locked(f"publish {act.artifact} {act.stage}"):
        history = find_history(view.registry, act.artifact)
        outcome = judge(history, act)
        standing = history.assigned.get(act.stage)
        assigned = standing.version if standing else None
        record = Record()
        if not is_published(history, act):
            record = (
                _make_anew(project, view, history, act)
                if outcome is Outcome.RECORDED
                else recording.record_entry(project, view, act.artifact, format_superseded(act, assigned))
            )
        project.on_step("forget")
        pending.remove(project.place, act)
    return Published(act, outcome, assigned, record)


def _make_anew(project: Project, view: View, history: History, act: Act) -> Record:
    """The same transaction with the next place in the journal, dated now as every event; when it was is a trailer."""
    target = history.version(act.target)
    require_restorable(project, history, target, here=True, stage=act.stage)
    trailers = {"Occurred": format_time(act.occurred), "Offline": act.id}
    draft = Draft(history, Author(act.actor, project.now() - 1, act.reason, act.trigger, act.run, trailers))
    leaving = history.version(act.leaving)
    return recording.record(project, view, draft.roll_back(leaving, target, act.stage, mark=act.mark))


@contextmanager
def truthful(project: Project, artifact: str | None, stage: str | None = None) -> Iterator[None]:
    """Have a failure to publish say what waits here, and that it goes on to count here."""
    try:
        yield
    except (UnreachableError, PushRefusedError, FindingsError, RefusedError) as error:
        found = [
            one
            for one in pending.read(project.place)
            if artifact in {None, one.artifact} and stage in {None, one.stage}
        ]
        last = [one.acts[-1] for one in found if one.acts]
        told = [f"{act}: not published yet, and {act.target} stays live here" for act in last]
        error.message = "; ".join((error.message, *told))
        error.args = (error.message,)
        if told and isinstance(error, PushRefusedError):
            files = " ".join(str(one.path) for one in found)
            error.hint = f"give this machine the right to push, or record it elsewhere and remove {files}"
        raise


@contextmanager
def way_out(project: Project, artifact: str | None, *, here: bool | None) -> Iterator[None]:
    """Have a rollback that cannot reach origin say that it can be done here without, and what waits already."""
    with truthful(project, artifact):
        try:
            yield
        except UnreachableError as error:
            if here is not False:
                error.hint = "; ".join(filter(None, (error.hint, "rollback --offline acts here now, publishes later")))
            raise


def require_usable(project: Project, *, here: bool | None) -> None:
    """Raise `UsageError` where acting offline makes no sense."""
    if here is False:
        text = "--offline acts on this machine, --record-only does not"
        raise UsageError(text, hint="use one of them")
    if project.remote is None:
        wanted = project.config.registry.remote
        raise UsageError(
            f"there is no git remote {wanted}, and so nothing to publish later",
            hint="without --offline a rollback is recorded in this clone",
        )


def write_act(project: Project, plan: Plan) -> Act:
    """Write down what is about to be done here, first: it outranks the registry as this clone knows it (O5).

    The caller holds the place's lock. Raises `StaleError` when something was recorded here meanwhile.
    """
    require_newest(project, plan.history)
    request = plan.request
    author = recording.author(project, request.reason, request.trigger, request.run)
    act = Act(
        id=os.urandom(8).hex(),
        artifact=plan.history.artifact,
        stage=plan.stage,
        leaving=plan.leaving.text,
        leaving_commit=plan.leaving.commit,
        target=plan.target.text,
        target_commit=plan.target.commit,
        mark=request.mark,
        reason=author.reason,
        actor=author.actor,
        occurred=project.now(),
        trigger=author.trigger,
        run=author.run,
        seen=plan.history.journal.tip,
    )
    project.on_step("act")
    pending.append(project.place, act)
    return act


def require_purpose(published: Iterable[Published], then: str = "this machine follows the registry now") -> None:
    """Raise `RaceError` for the last act that had lost its purpose, with what became of this machine."""
    lost = [one for one in published if one.outcome is Outcome.SUPERSEDED]
    if lost:
        hint = f"lastgood history {lost[-1].act.artifact} tells who and why"
        raise RaceError(f"{lost[-1]}; {then}", hint=hint, unchanged=False)
