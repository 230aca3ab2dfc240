"""Whether what a rollback is asked for is met already, or must not be done now; it chooses no target."""

from typing import TYPE_CHECKING

from lastgood.core.dates import DAY, clock_of
from lastgood.core.failed import find_failed
from lastgood.core.registry import History, Version
from lastgood.errors import RaceError, RefusedError
from lastgood.machine.live import is_behind
from lastgood.project import Project
from lastgood.releases import pending

if TYPE_CHECKING:
    from lastgood.operations.rollback import Request


def find_fulfilled(history: History, stage: str, assigned: Version, request: "Request") -> Version | None:
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


def is_unfinished(project: Project, history: History, stage: str, request: "Request") -> bool:
    """Whether the stage was rolled back already and only this machine is behind: then that is what is asked for.

    Not when its target was marked failed since: then that is what is to be left.
    """
    if find_failed(history, stage) is not None:
        return False
    if request.leaving is not None or request.to is not None or request.again:
        return False
    if request.offline and pending.acts(project.place, history.artifact, stage):
        return True
    newest = history.assigned[stage]
    rolled_back = _went_down(history, newest.message.trailers.get("From"), newest.version)
    return rolled_back and is_behind(project, history, stage)


def require_quiet(project: Project, history: History, stage: str, request: "Request") -> None:
    """Refuse when the stage was just rolled back. A date more than a day ahead says nothing of when that was."""
    now = project.now()
    newest = history.assigned[stage]
    rolled_back = _went_down(history, newest.message.trailers.get("From"), newest.version)
    ago = now - clock_of(newest)
    settled = ago < -DAY or ago >= project.config.rollback.settle
    if rolled_back and not settled and request.leaving is None and not request.again:
        raise RefusedError(
            f"{stage} of {history.artifact} was rolled back to {newest.version} {ago} s ago; nothing was changed",
            hint=f"that is done; to leave {newest.version}, too, say --from {newest.version} or --again",
        )


def _went_down(history: History, former: str | None, now: str) -> bool:
    left, there = history.by_name.get(former or ""), history.by_name.get(now)
    return left is not None and there is not None and there.name.key < left.name.key
