"""Versions that are marked failed: none becomes live by itself, and messages name the command that leaves one."""

from lastgood.core.events import Event, Kind, Mark
from lastgood.core.registry import History, Version
from lastgood.errors import Finding, Flaw, RefusedError


def mark_event(history: History, version: Version) -> Event | None:
    """The event that gave a version the mark it has; `None` for a candidate."""
    marks = (event for event in reversed(history.events) if event.kind is Kind.MARKED)
    return next((event for event in marks if (event.version, event.stage) == (version.text, version.mark)), None)


def leave_command(history: History, stage: str, version: str) -> str:
    """The command with which a stage leaves a version."""
    return f"lastgood rollback {history.artifact} --stage {stage} --from {version} --reason TEXT"


def describe_failed(history: History, stage: str, version: Version) -> str:
    """A sentence about a stage that is assigned a failed version: who marked it failed, when and why."""
    words = f"{stage} of {history.artifact} is assigned {version.text}, which is marked failed"
    event = mark_event(history, version)
    if event is None:
        return words
    reason = f": {' '.join(event.reason.split())}" if event.reason.strip() else ""
    return f"{words} (by {event.actor} on {event.at:%Y-%m-%d}{reason})"


def find_failed(history: History, stage: str) -> Finding | None:
    """The finding that a stage is assigned a failed version, if it is."""
    event = history.assigned.get(stage)
    version = history.by_name.get(event.version) if event else None
    if version is None or version.mark is not Mark.FAILED:
        return None
    return Finding(Flaw.FAILED, stage, describe_failed(history, stage, version))


def require_not_failed(history: History, text: str, stage: str, live: str | None) -> None:
    """Raise `RefusedError` for a failed version before it becomes live; `live` is the live version here.

    Every switch calls this (`machine.live.switch`): a version can be marked failed after its assignment, and an older
    one can return when GTO unassigns a newer one.
    """
    version = history.by_name.get(text)
    if version is None or version.mark is not Mark.FAILED:
        return
    words = describe_failed(history, stage, version)
    stays = f"{live} stays live here" if live else "nothing is live here"
    stays = "it is live here" if live == text else stays
    raise RefusedError(f"{words}; {stays}", hint=leave_command(history, stage, text))
