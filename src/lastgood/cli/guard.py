"""`lastgood guard`: watching what is live, once or again and again."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from lastgood.cli import options
from lastgood.cli.boundary import tell
from lastgood.cli.ending import until_terminated
from lastgood.cli.output import json, text
from lastgood.cli.output.streams import outlet
from lastgood.cli.session import Session, warnings_of
from lastgood.core.durations import format_duration
from lastgood.errors import LastgoodError, UsageError

if TYPE_CHECKING:
    from lastgood.cli.documents.guard import Check, Document
    from lastgood.core.checks import Forecast, Sample, Verdict
    from lastgood.operations.guard import Foretold, Looked
    from lastgood.project import Project

CODES = {"healthy": 0, "cannot tell": 22, "rolled back": 20, "frozen": 14}

Once = Annotated[bool, typer.Option("--once", help="Look once; the exit code says what it came to.")]


def guard(
    context: typer.Context,
    stage: options.Stage,
    name: options.Name = None,
    once: Once = False,
    root: options.Root = None,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Watch the version that is live in a stage, and roll it back if its checks say that it is bad.

    The checks are in [guard.STAGE] of lastgood.toml. Only values are evidence: an error, an empty answer, NaN, stale
    data or silence never leads to a rollback. After too many automatic rollbacks the guard only tells, until resolve
    records a cause. With --once it ends with 0 healthy, 20 rolled back, 22 cannot tell, 14 frozen; else SIGTERM ends
    it with 0.
    """
    if once and dry_run:
        raise UsageError("--once and --dry-run exclude each other", hint="take one of them")
    session = Session.of(context, as_json=as_json)
    if dry_run:
        _foretell(session, session.open(root), name, stage)
        return
    from lastgood.core.references import find_history
    from lastgood.machine import watching
    from lastgood.operations.guard import find_guard, look
    from lastgood.registry.view import read

    project = session.open(root)
    interval = find_guard(project, stage).interval
    artifact = find_history(read(project, fetch=False).registry, name).artifact
    with watching.alone(project, artifact, stage):
        if once:
            code = _tell(session, look(project, artifact, stage))
            raise typer.Exit(code)
        session.progress.silent = True
        with until_terminated():
            _watch(session, lambda: look(session.open(root), artifact, stage), interval)


def _watch(session: Session, once: "Callable[[], Looked]", interval: float) -> None:
    """Look until SIGTERM; a transition is told once. A failure is told once, too, and the next look tries again."""
    told: object = None
    while True:
        outlet.lost.clear()
        started = time.monotonic()
        try:
            looked = once()
            state: object = _state(looked)
            if state != told or any(one.notes for one in looked.verdicts):
                _tell(session, looked, one_line=True)
        except LastgoodError as error:
            state = (error.name, error.message)
            if state != told:
                tell(error, as_json=session.as_json, at=datetime.now(UTC))
        told = None if outlet.lost else state
        time.sleep(max(interval - (time.monotonic() - started), 0.05))


def _state(looked: "Looked") -> object:
    """What is told when it changes."""
    bad = {"unhealthy", "cannot tell"}
    decisions = tuple((one.check, one.decision) for one in looked.verdicts if one.decision in bad)
    return (looked.live, looked.outcome, looked.waiting, looked.stopped, decisions)


def _tell(session: Session, looked: "Looked", *, one_line: bool = False) -> int:
    session.warn(warnings_of(looked.view, [looked.history]))
    words = _line(looked) if one_line else _text(looked)
    session.answer(_document(looked), words, one_line=one_line)
    return CODES[looked.outcome]


def _line(looked: "Looked") -> str:
    """One transition, with its time."""
    at = datetime.now(UTC).isoformat(" ", "seconds")[:19]
    notes = "; ".join(note for one in looked.verdicts for note in one.notes)
    return text.one_line(f"{at}Z {_summary(looked)}{'; ' if notes else ''}{notes}")


def _summary(looked: "Looked") -> str:
    name = f"{looked.history.artifact}@{looked.live.version}"
    worst = "; ".join(f"{one.check}: {one.why}" for one in looked.verdicts if one.decision in _WORST[looked.outcome])
    if looked.result is not None:
        target = looked.result.plan.target.text
        return f"{name} is unhealthy in {looked.stage}, rolled back to {target} ({worst})"
    if looked.stopped:
        hint = f" (hint: {looked.hint})" if looked.hint else ""
        return f"{name} is unhealthy in {looked.stage}, nothing was changed: {looked.stopped}{hint} ({worst})"
    if looked.outcome == "healthy":
        return f"{name} is healthy in {looked.stage}"
    return f"{name} in {looked.stage}: {'waiting for evidence' if looked.waiting else 'cannot tell'} ({worst})"


_WORST = {
    "healthy": (),
    "cannot tell": ("cannot tell", "wait"),
    "rolled back": ("unhealthy",),
    "frozen": ("unhealthy",),
}


def _text(looked: "Looked") -> str:
    rows = [(one.check, one.decision, one.why) for one in looked.verdicts]
    notes = text.bullets(f"{one.check}: {note}" for one in looked.verdicts for note in one.notes)
    return text.paragraphs(text.prose(_summary(looked)), text.table(rows, indent=2), notes)


def _document(looked: "Looked") -> "Document":
    result = looked.result
    return {
        "artifact": looked.history.artifact,
        "stage": looked.stage,
        "version": looked.live.version,
        "since": str(_moment(looked.live.switched)),
        "outcome": str(looked.outcome),
        "checks": [_judged(one, sample) for one, sample in zip(looked.verdicts, looked.samples, strict=True)],
        "to": result.plan.target.text if result else None,
        "tags": list(result.record.tags) if result else [],
        "live": result.live if result else None,
        "stopped": looked.stopped or None,
        "hint": looked.hint or None,
        "dry_run": False,
        "as_of": json.moment(looked.view.as_of),
        "warnings": json.findings(warnings_of(looked.view, [looked.history])),
    }


def _judged(one: "Verdict", sample: "Sample") -> "Check":
    return {
        "name": one.check,
        "decision": str(one.decision),
        "answer": str(sample.kind),
        "why": one.why,
        "evidence": one.evidence,
        "threshold": one.needed,
        "bad": one.bad,
        "total": one.total,
        "first_bad": None if one.first_bad is None else _moment(one.first_bad),
        "notes": list(one.notes),
        "false_alarm_every": None,
        "traffic": None,
        "notice": None,
    }


def _moment(seconds: float) -> str | None:
    return json.moment(datetime.fromtimestamp(seconds, UTC))


def _foretell(session: Session, project: "Project", name: str | None, stage: str) -> None:
    from lastgood.operations.guard import foretell

    told = foretell(project, name, stage, time.sleep)
    session.warn(warnings_of(told.view, [told.history]))
    session.answer(_foretold(told), _forecast(told))


def _forecast(told: "Foretold") -> str:
    header = ("CHECK", "THRESHOLD", "FALSE ALARM EVERY", "NOTICES IN", "ANSWER NOW")
    rows = [
        (
            one.check,
            f"{one.needed:.3g}",
            "not stated" if one.false_alarm_every is None else format_duration(round(one.false_alarm_every)),
            "no traffic seen" if one.notice is None else format_duration(round(one.notice)),
            f"{sample.kind}{': ' if sample.why else ''}{sample.why}",
        )
        for one, sample in told.checks
    ]
    what = f"{told.history.artifact}@{told.live.version}"
    does = "rolls back" if told.guard.on_fail == "rollback" else "tells a person"
    every = format_duration(told.guard.interval)
    first = f"dry run: would watch {what} in {told.stage} every {every}; if it is bad, {does}"
    stopped = f"{told.stopped} (hint: {told.stopped.hint})" if told.stopped else ""
    table = text.table(rows, header, indent=2)
    return text.paragraphs(text.prose(first), table, text.prose(stopped) if stopped else "")


def _foretold(told: "Foretold") -> "Document":
    return {
        "artifact": told.history.artifact,
        "stage": told.stage,
        "version": told.live.version,
        "since": str(_moment(told.live.switched)),
        "outcome": None,
        "checks": [_foretold_check(*one) for one in told.checks],
        "to": None,
        "tags": [],
        "live": None,
        "stopped": str(told.stopped) if told.stopped else None,
        "hint": told.stopped.hint if told.stopped else None,
        "dry_run": True,
        "as_of": json.moment(told.view.as_of),
        "warnings": json.findings(warnings_of(told.view, [told.history])),
    }


def _foretold_check(one: "Forecast", sample: "Sample") -> "Check":
    return {
        "name": one.check,
        "decision": None,
        "answer": str(sample.kind),
        "why": sample.why,
        "evidence": None,
        "threshold": one.needed,
        "bad": None,
        "total": None,
        "first_bad": None,
        "notes": [],
        "false_alarm_every": one.false_alarm_every,
        "traffic": one.traffic,
        "notice": one.notice,
    }
