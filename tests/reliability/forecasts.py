"""Forecasts of commands, from the promises: the allowed exit codes, and the model after the command succeeded."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from tests.reliability.model import SETTLE, Model


class Facts(Protocol):
    """What was observed of objects and releases before the command; `None` means unknown."""

    def here(self, commit: str, version: str) -> bool | None:
        """Whether this machine can make the version live."""

    def elsewhere(self, commit: str) -> bool | None:
        """Whether a machine with nothing but the remote could, judged by names and sizes."""

    def sound(self, commit: str, version: str) -> bool:
        """Whether the version's release here is whole, if there is one."""

    def lacking(self, commit: str) -> frozenset[str]:
        """The objects that the version needs and the remote lacks."""

    @property
    def needed(self) -> Mapping[str, frozenset[str]]:
        """The objects that each commit needs."""

    @property
    def damage(self) -> frozenset[str]:
        """Everything whose content does not match its name: `cache`, `remote` or `release`, and the name."""


@dataclass(frozen=True)
class Forecast:
    """The allowed exit codes, and the model after success. Codes other than 0 and 7 change nothing. 7 means that the
    command recorded but did not switch."""

    codes: frozenset[int]
    after: Model


def only(code: int, model: Model) -> Forecast:
    """A forecast of exactly one code."""
    return Forecast(frozenset({code}), model)


def proved(can: bool | None, after: Model, *, refusing: frozenset[int] = frozenset({3, 5})) -> Forecast:
    """A forecast that depends on whether a version can be restored."""
    if can is None:
        return Forecast(refusing | {0}, after)
    return Forecast(frozenset({0}) if can else refusing, after)


def mark(model: Model, version: str, judgement: str, now: int) -> Forecast:
    if version not in model.commits:
        return only(12, model)
    if model.is_tampered(version):
        return only(3, model)
    return only(0, model.marked(version, judgement, now))


def assign(model: Model, facts: Facts, version: str, stage: str, now: int) -> Forecast:
    newest = model.newest(stage)
    if version not in model.commits:
        return only(12, model)
    if model.mark_of(version) == "failed":
        return only(14, model)
    if newest is not None and newest.version == version:
        return only(0, model)
    if model.is_tampered(version):
        return only(3, model)
    can = facts.elsewhere(model.commits[version])
    return proved(can, model.assigned(version, stage, now), refusing=frozenset({3}))


def sync(model: Model, facts: Facts, stage: str) -> Forecast:
    newest = model.newest(stage)
    if newest is None:
        return only(12, model)
    if model.mark_of(newest.version) == "failed":
        return only(14, model)
    return _brought(model, facts, stage, newest.version, follow=True)


def _brought(model: Model, facts: Facts, stage: str, version: str, *, follow: bool = False) -> Forecast:
    after = model.switched(stage, version, follow=follow)
    if model.live.get(stage) == version and facts.sound(model.commits[version], version):
        return only(0, after)
    if model.mark_of(version) == "failed":
        return Forecast(frozenset({14} if model.live.get(stage) != version else {0, 14}), model)
    if model.live.get(stage) != version and model.is_tampered(version):
        return only(3, model)
    return proved(facts.here(model.commits[version], version), after)


@dataclass(frozen=True)
class Rollback:
    """The options of a rollback."""

    stage: str
    leaving: str | None = None
    record_only: bool = False
    again: bool = False
    mark: bool = True


def rollback(model: Model, facts: Facts, request: Rollback, trees: Mapping[str, str], now: int) -> Forecast:
    stage, newest = request.stage, model.newest(request.stage)
    if newest is None or (request.leaving is not None and request.leaving not in model.commits):
        return only(12, model)
    here = stage in model.follows and not request.record_only
    unpinned = request.leaving is None and not request.again
    behind = model.live.get(stage) != newest.version and model.mark_of(newest.version) != "failed"
    if request.leaving not in {None, newest.version} or (unpinned and here and newest.went_down and behind):
        return _fulfilled(model, facts, stage, newest.version) if here else only(0, model)
    if unpinned and newest.went_down and now - newest.when < SETTLE:
        return only(14, model)
    target = model.choose(stage, newest.version, trees)
    if target is None:
        return only(13, model)
    if model.is_tampered(target):
        return only(3, model)
    after = model.rolled_back(stage, target, now, mark=request.mark)
    if not here:
        return proved(facts.elsewhere(model.commits[target]), after, refusing=frozenset({3}))
    return proved(facts.here(model.commits[target], target), after.switched(stage, target))


def _fulfilled(model: Model, facts: Facts, stage: str, version: str) -> Forecast:
    """The event is recorded already and only the switch here is left. 7 means that the switch failed."""
    found = _brought(model, facts, stage, version)
    return Forecast(frozenset(7 if code in {3, 5} else code for code in found.codes), found.after)


def checkout(model: Model, facts: Facts, version: str) -> Forecast:
    if version not in model.commits:
        return only(12, model)
    if model.is_tampered(version):
        return only(3, model)
    return proved(facts.here(model.commits[version], version), model)


def register(model: Model, commit: str, version: str, *, clean: bool, whole: bool, now: int) -> Forecast:
    """`commit` is what is checked out, `clean`, whether its files and no others lie there; `whole`, whether the cache
    holds all of it. What rotted in the working tree behind DVC's back does not count, what DVC sees does."""
    if version in model.commits or commit in model.commits.values():
        return only(14, model) if clean else Forecast(frozenset({1, 3, 14}), model)
    refusing = frozenset({1, 3, 5} if clean else {1, 3, 5, 14})
    return proved(True if clean and whole else None, model.registered(version, commit, now), refusing=refusing)


def verify(model: Model, facts: Facts, *, deep: bool) -> Forecast:
    """`verify` must find lost objects and wrong tags. It may miss damage unless `--deep`."""
    lost = any(facts.lacking(commit) for commit in model.commits.values())
    needed = {
        f"cache {one}" for commit in model.commits.values() for one in facts.needed[commit] if not one.endswith(".dir")
    }
    rotten = {one for one in facts.damage if one.startswith("release ") or one in needed}
    if model.wrong_tags or lost or (deep and rotten):
        return only(3, model)
    return Forecast(frozenset({0, 3} if facts.damage else {0}), model)
