"""Where a rollback goes: pure choice of the target, and the plan that is shown, compared and executed."""

from dataclasses import dataclass
from enum import StrEnum

from lastgood.core.events import Mark
from lastgood.core.registry import History, Version
from lastgood.errors import NoGoodVersionError, RefusedError, Rejected, UsageError

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
class Choice:
    """The version a rollback goes to, and those above it that it skipped, nearest first."""

    target: Version
    skipped: tuple[Rejected, ...] = ()


def choose(history: History, leaving: Version, stage: str, policy: Policy) -> Choice:
    """The greatest version below `leaving`, by semantic order, that the policy accepts.

    Raises `NoGoodVersionError` with every candidate and why it was not taken.
    """
    skipped: list[Rejected] = []
    below = [version for version in history.versions if version.name.key < leaving.name.key]
    for version in reversed(below):
        why = judge(version, leaving, stage, policy)
        if why is None:
            return Choice(version, tuple(skipped))
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


def choose_named(history: History, leaving: Version, wanted: str) -> Choice:
    """The version that `--to` names. Raises `UnknownError`, `UsageError` for one that is not below, `RefusedError`."""
    target = history.version(wanted)
    if target.name.key >= leaving.name.key:
        raise UsageError(
            f"{target.text} is not below {leaving.text}, which a rollback leaves; nothing was changed",
            hint=f"lastgood assign {history.artifact}@{target.text} --stage STAGE --reason TEXT",
        )
    if target.deregistered:
        raise RefusedError(f"{history.artifact} {target.text} is deregistered; nothing was changed")
    if target.mark is Mark.FAILED:
        raise RefusedError(
            f"{history.artifact} {target.text} is marked failed; nothing was changed",
            hint=f"lastgood mark {history.artifact}@{target.text} stable --reason TEXT",
        )
    return Choice(target)


def _nothing_good(history: History, leaving: Version, stage: str, skipped: list[Rejected]) -> NoGoodVersionError:
    possible = next((one for one in skipped if one.why not in {"deregistered", "same content", "marked failed"}), None)
    failed = next((one for one in skipped if one.why == "marked failed"), None)
    hint = "register and mark a good version first"
    if possible is not None:
        hint = f"lastgood rollback {history.artifact} --stage {stage} --to {possible.version} --reason TEXT"
    elif failed is not None:
        hint = f"lastgood mark {history.artifact}@{failed.version} stable --reason TEXT"
    listed = "; ".join(f"{one.version}: {one.why}" for one in skipped[:MOST_SHOWN]) or "there is none"
    if len(skipped) > MOST_SHOWN:
        listed += f"; and {len(skipped) - MOST_SHOWN} more"
    message = f"no good version of {history.artifact} below {leaving.text} ({listed}); nothing was changed"
    return NoGoodVersionError(message, skipped, hint=hint)
