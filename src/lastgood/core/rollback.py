"""Rolling back, decided without git or disk: what is asked, what is done already, what must wait, where to go."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from lastgood.core.dates import DAY, clock_of
from lastgood.core.events import Mark
from lastgood.core.failed import find_failed
from lastgood.core.manifest import EnvironmentChange, Manifest
from lastgood.core.offline import Act
from lastgood.core.registry import History, Version
from lastgood.errors import Finding, NoGoodVersionError, RaceError, RefusedError, Rejected, UsageError

MOST_SHOWN = 10
"""Versions that a message names; all of them are the error's `candidates`."""


class Accept(StrEnum):
    """Which versions a rollback may choose by itself (`[rollback] accept`)."""

    STABLE = "stable"
    SERVED = "served"
    UNMARKED = "unmarked"


@dataclass(frozen=True, slots=True)
class Policy:
    """What the trusted configuration and the command line say about choosing."""

    accept: Accept = Accept.STABLE
    pre_releases: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks for. `leaving` is `--from`; `here` is `None` for "if this machine follows the stage".

    `offline`: origin is not asked; the rollback is done here, and published by the next `sync` or `rollback`.
    `trigger` and `run` are the cause, if it is another one than the environment says (a person, or a run of CI).
    """

    artifact: str | None
    reason: str
    stage: str | None = None
    leaving: str | None = None
    to: str | None = None
    mark: bool = True
    here: bool | None = None
    again: bool = False
    pre_releases: bool = False
    offline: bool = False
    trigger: str = ""
    run: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it names no version: then what was done already may be what is meant."""
        return self.leaving is None and self.to is None and not self.again


@dataclass(frozen=True, slots=True)
class Machine:
    """What a decision needs to know beside the registry. `now` is in seconds since 1970, `settle` in seconds.

    `switches`: this machine is to switch. `has_acts`: offline rollbacks of the stage wait here. `is_behind` tells
    whether what is live here is not what the stage is assigned; it is asked only where that decides.
    """

    now: int
    settle: int
    switches: bool = False
    has_acts: bool = False
    is_behind: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True)
class Decision:
    """From which version to which, and the versions above the target that were skipped, nearest first.

    `fulfilled`: nothing is to be recorded, the stage is assigned to the target already.
    """

    leaving: Version
    target: Version
    skipped: tuple[Rejected, ...] = ()
    fulfilled: bool = False


@dataclass(frozen=True)
class Plan:
    """What a rollback will do. `manifest` is what the target was verified by; without one there is nothing to record.

    `acts` are the offline rollbacks that wait here; `history` counts them as if they were published.
    """

    request: Request
    history: History
    stage: str
    leaving: Version
    target: Version
    here: bool
    skipped: tuple[Rejected, ...] = ()
    manifest: Manifest | None = None
    environment: EnvironmentChange | None = None
    warnings: tuple[Finding, ...] = ()
    acts: tuple[Act, ...] = ()

    @property
    def fulfilled(self) -> bool:
        """Whether nothing is to be recorded."""
        return self.manifest is None


def decide(history: History, stage: str, request: Request, policy: Policy, machine: Machine) -> Decision:
    """What a request comes to. What it leaves is what the registry assigns, never what a machine's link says.

    Raises `UnknownError` for a stage or version that does not exist, `RaceError` when the stage is on a third version,
    `RefusedError` within `settle` of the last rollback, `NoGoodVersionError`.
    """
    assigned = history.assigned_version(stage)
    done = find_fulfilled(history, stage, assigned, request)
    if done is None and machine.switches and is_unfinished(history, stage, request, machine):
        done = assigned
    if done is not None:
        return Decision(history.by_name.get(request.leaving or "", assigned), done, fulfilled=True)
    require_settled(history, stage, request, machine)
    if request.to is not None:
        return Decision(assigned, choose_named(history, assigned, request.to))
    return choose(history, assigned, stage, policy)


def find_fulfilled(history: History, stage: str, assigned: Version, request: Request) -> Version | None:
    """The assigned version when the stage was rolled back already. Raises `RaceError` when it is on a third version."""
    if request.leaving is not None:
        history.version(request.leaving)
    if request.to is not None and history.version(request.to).text == assigned.text:
        return assigned
    if request.leaving is None or request.leaving == assigned.text:
        return None
    if request.to is not None:
        raise RaceError(
            f"{stage} of {history.artifact} is on {assigned.text}, neither on {request.leaving} nor on {request.to}",
            hint=f"lastgood history {history.artifact}",
        )
    return assigned


def is_unfinished(history: History, stage: str, request: Request, machine: Machine) -> bool:
    """Whether the stage was rolled back already and only this machine is behind: then that is what is asked for.

    Not when its target was marked failed since: then that is what is to be left.
    """
    if not request.is_open or find_failed(history, stage) is not None:
        return False
    return (request.offline and machine.has_acts) or (_went_down(history, stage) and machine.is_behind())


def require_settled(history: History, stage: str, request: Request, machine: Machine) -> None:
    """Refuse when the stage was just rolled back. A date more than a day ahead says nothing of when that was."""
    newest = history.assigned[stage]
    ago = machine.now - clock_of(newest)
    settled = ago < -DAY or ago >= machine.settle
    if _went_down(history, stage) and not settled and request.leaving is None and not request.again:
        raise RefusedError(
            f"{stage} of {history.artifact} was rolled back to {newest.version} {ago} s ago",
            hint=f"to roll back once more, add --from {newest.version} or --again",
        )


def _went_down(history: History, stage: str) -> bool:
    """Whether the last assignment of a stage was a rollback."""
    newest = history.assigned[stage]
    left, there = history.by_name.get(newest.message.trailers.get("From") or ""), history.by_name.get(newest.version)
    return left is not None and there is not None and there.name.key < left.name.key


def choose(history: History, leaving: Version, stage: str, policy: Policy) -> Decision:
    """The greatest version below `leaving`, by semantic order, that the policy accepts.

    Raises `NoGoodVersionError` with every candidate and why it was not taken.
    """
    skipped: list[Rejected] = []
    below = [version for version in history.versions if version.name.key < leaving.name.key]
    for version in reversed(below):
        why = judge(version, leaving, stage, policy)
        if why is None:
            return Decision(leaving, version, tuple(skipped))
        skipped.append(Rejected(version.text, why))
    raise _nothing_good(history, leaving, stage, skipped)


def judge(version: Version, leaving: Version, stage: str, policy: Policy) -> str | None:
    """Why a version is not taken, or `None` when the policy accepts it."""
    if version.deregistered:
        return "deregistered"
    if version.mark is Mark.FAILED:
        return "marked failed"
    if policy.accept is Accept.STABLE and version.mark is not Mark.STABLE:
        return "not marked stable"
    if policy.accept is Accept.SERVED and stage not in version.served:
        return f"never ran in {stage}"
    if version.name.is_pre_release and stage not in version.served and not policy.pre_releases:
        return f"a pre-release that never ran in {stage}"
    if version.event.tree and version.event.tree == leaving.event.tree:
        return "same content"
    return None


def choose_named(history: History, leaving: Version, wanted: str) -> Version:
    """The version that `--to` names. Raises `UnknownError`, `UsageError` for one that is not below, `RefusedError`."""
    target = history.version(wanted)
    if target.name.key >= leaving.name.key:
        raise UsageError(
            f"cannot roll back from {leaving.text} to {target.text}, which is not older; use assign",
            hint=f"lastgood assign {history.artifact}@{target.text} --stage STAGE --reason TEXT",
        )
    if target.deregistered:
        raise RefusedError(f"{history.artifact} {target.text} is deregistered")
    if target.mark is Mark.FAILED:
        raise RefusedError(
            f"{history.artifact} {target.text} is marked failed",
            hint=f"lastgood mark {history.artifact}@{target.text} stable --reason TEXT",
        )
    return target


def _nothing_good(history: History, leaving: Version, stage: str, skipped: list[Rejected]) -> NoGoodVersionError:
    possible = next((one for one in skipped if one.why not in {"deregistered", "same content", "marked failed"}), None)
    failed = next((one for one in skipped if one.why == "marked failed"), None)
    hint = "register and mark a good version first"
    if possible is not None:
        hint = f"lastgood rollback {history.artifact} --stage {stage} --to {possible.version} --reason TEXT"
    elif failed is not None:
        hint = f"lastgood mark {history.artifact}@{failed.version} stable --reason TEXT"
    if not skipped:
        oldest = f"{leaving.text} is the oldest version of {history.artifact}: nothing to roll back to"
        return NoGoodVersionError(oldest, skipped, hint=hint)
    listed = "; ".join(f"{one.version}: {one.why}" for one in skipped[:MOST_SHOWN])
    if len(skipped) > MOST_SHOWN:
        listed += f"; and {len(skipped) - MOST_SHOWN} more"
    message = f"no good version of {history.artifact} older than {leaving.text} ({listed})"
    return NoGoodVersionError(message, skipped, hint=hint)
