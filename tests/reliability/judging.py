"""Judges an observation after a step: it must match the model's new state or its old one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from tests.reliability.model import ARTIFACT, Model, rank
from tests.reliability.observations import Observation, name_of


@dataclass(frozen=True)
class Change:
    """One step: a command with its exit code and the forecast ones; uninterrupted, killed or under a fault.

    `fresh`: this clone has everything that origin has. `target` is the commit that must be in the working tree.
    """

    code: int = 0
    codes: frozenset[int] = frozenset({0})
    killed: bool = False
    faulty: bool = False
    fresh: bool = False
    arguments: tuple[str, ...] = ()
    target: str | None = None
    litter: frozenset[str] = frozenset()


DOCUMENTED = frozenset({0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14})


def judge(
    before: Model, after: Model, then: Observation, seen: Observation, change: Change, oids: Mapping[str, str]
) -> tuple[Model, list[str]]:
    """The model that fits the observation, and the list of what is wrong. If no model fits, the old one is returned."""
    wrong = list(_always(before, then, seen, change, oids))
    told = f"{' '.join(change.arguments)} ends with {change.code}"
    if change.faulty and change.code not in DOCUMENTED:
        wrong.append(told)
    elif not change.killed and not change.faulty and change.code not in change.codes:
        wrong.append(f"{told}, and not {sorted(change.codes)}")
    tried = [(model, list(_differences(model, seen, change, before))) for model in _possible(before, after, change)]
    fitting = [model for model, differing in tried if not differing]
    if not fitting:
        wrong += [f"possible state {number}: {one}" for number, (_, all_) in enumerate(tried, 1) for one in all_]
        return before, wrong
    return replace(fitting[0], wrong_tags=_wrong_tags(fitting[0], seen)), wrong


def _possible(before: Model, after: Model, change: Change) -> list[Model]:
    """The models that are allowed. The registry leads: recorded and not switched is allowed, the reverse is not."""
    recorded = replace(after, live=before.live, follows=before.follows)
    switched = replace(after, follows=before.follows)
    if change.killed or (change.faulty and change.code != 0):
        return [after, before, recorded, switched]
    if change.code == 7:
        return [recorded]
    return [after] if change.code == 0 else [before]


def _wrong_tags(model: Model, seen: Observation) -> dict[str, frozenset[str]]:
    """The recorded tags that were deleted or moved. A tag that this clone has not fetched yet does not count."""
    found: dict[str, set[str]] = {}
    for name in model.recorded:
        oid = seen.oids[name]
        if name not in seen.origin:
            found.setdefault(name, set()).add("origin deleted")
        elif seen.origin[name][0] != oid:
            found.setdefault(name, set()).add("origin moved")
        if name in seen.clone and seen.clone[name][0] != oid:
            found.setdefault(name, set()).add("clone moved")
    return {name: frozenset(ways) for name, ways in found.items()}


def _differences(model: Model, seen: Observation, change: Change, before: Model) -> Iterator[str]:
    """The differences between the observation and a model, in the registry and the live links."""
    if seen.journal != model.journal:
        yield f"the journal is {seen.journal[-3:]}, not {model.journal[-3:]}"
        return
    live = {stage: name_of(version, model.commits[version]) for stage, version in model.live.items()}
    if dict(seen.live) != live:
        yield f"live is {dict(seen.live)}, not {live}"
    if seen.follows != model.follows:
        yield f"followed are {sorted(seen.follows)}, not {sorted(model.follows)}"
    halves = model.journal[-1] if change.faulty and model.journal != before.journal else ()
    expected = {event.tag: event for event in model.events}
    wrong_tags = _wrong_tags(model, seen)
    for name, ways in wrong_tags.items():
        fetched = {"clone moved"} if "origin moved" in ways else set()  # by a clone that had lost it
        new = ways - before.wrong_tags.get(name, frozenset()) - fetched
        if new and name not in halves:
            yield f"{name} is {' and '.join(sorted(new))}"
    for name, event in expected.items():
        if name not in wrong_tags and seen.origin.get(name, ("", ""))[1] != event.commit:
            yield f"{name} on origin is {seen.origin.get(name)}, not on {event.commit}"
    for where, tags in (("origin", seen.origin), ("the clone", seen.clone)):
        yield from (f"{name} is on {where} and nobody made it" for name in tags.keys() - expected.keys())
    if change.fresh:
        if seen.journal_here != seen.journal:
            yield "the clone has another journal than origin"
        lacking = {name for name in seen.origin if name not in seen.clone}
        yield from (f"{name} is on origin and not in the clone" for name in lacking)


def _always(
    model: Model, then: Observation, seen: Observation, change: Change, oids: Mapping[str, str]
) -> Iterator[str]:
    """What no command may do, whatever its exit code."""
    yield from (f"event {name} was rewritten" for name, oid in seen.oids.items() if oids.get(name, oid) != oid)
    names = [name for entry in seen.journal for name in entry]
    yield from (f"{name} is in the journal twice" for name in {one for one in names if names.count(one) > 1})
    yield from (f"{one} is damaged, and nobody but us was at work" for one in seen.damage - then.damage)
    yield from (f"the cache lost {one}" for one in then.cache.keys() - seen.cache.keys() if then.cache[one])
    for version, commit in model.commits.items():
        yield from (f"the remote lost {one} of {version}" for one in seen.lacking(commit) - then.lacking(commit))
    yield from (
        f"{stage} is live with {name}, which is not there"
        for stage, name in seen.live.items()
        if name not in seen.releases
    )
    if change.arguments[:1] == ("repair",) and change.code in {0, 3}:
        yield from _repaired(model, seen, change)
    if change.code != 0:
        return
    yield from _by_command(model, then, seen, change)


def _by_command(model: Model, then: Observation, seen: Observation, change: Change) -> Iterator[str]:
    """What exit code 0 of each command promises besides."""
    command = change.arguments[0] if change.arguments else ""
    if command == "checkout" and (seen.worktree != change.target or seen.checkout_state):
        yield f"the working tree is {seen.worktree}, not {change.target}"
    if command == "gc" and change.litter & seen.remote.keys():
        yield f"gc left {change.litter & seen.remote.keys()}"
    if command == "prune":
        gone = then.releases.keys() - seen.releases.keys()
        yield from (f"prune took {one}" for one in gone & staying(model, int(change.arguments[-1])))
    if command == "register":
        yield from (f"registered, and the remote lacks {one}" for one in seen.lacking(seen.head))


def _repaired(model: Model, seen: Observation, change: Change) -> Iterator[str]:
    """`repair` must restore every tag; those moved on origin only with `--moved`. Its exit code must match."""
    wrong_tags = _wrong_tags(model, seen)
    allowed = set() if "--moved" in change.arguments else {"origin moved", "clone moved"}
    if not change.faulty:
        yield from (f"repair leaves {name} {' and '.join(ways)}" for name, ways in wrong_tags.items() if ways - allowed)
    lost = [one for commit in model.commits.values() for one in seen.lacking(commit)]
    if change.code == 0:
        yield from (f"repair leaves {one} and says it is well" for one in (*wrong_tags, *lost))
    elif not wrong_tags and not lost and not seen.damage and not change.faulty:
        yield "repair says that something is wrong, and nothing is"


def staying(model: Model, keep: int) -> frozenset[str]:
    """The releases that prune must keep: live, followed, stable, and the last versions."""
    assigned = [event.version for stage in model.follows if (event := model.newest(stage)) is not None]
    stable = [version for version in model.commits if model.mark_of(version) == "stable"]
    last = sorted(model.commits, key=rank)[len(model.commits) - keep :] if keep else []
    versions = {*model.live.values(), *assigned, *stable, *last}
    return frozenset(name_of(version, model.commits[version]) for version in versions)


def describe(model: Model) -> str:
    """The model on one line, for the report of a failure."""
    marks = ", ".join(f"{version} {model.mark_of(version) or 'candidate'}" for version in model.commits)
    return f"{ARTIFACT}: {marks}; live {dict(model.live)}; wrong tags {dict(model.wrong_tags)}"
