"""What lastgood promises of one artifact, as plain values: events in order, what follows from them, what is live here.

It is written from docs/design/promises.md, docs/design/refs.md and docs/cli.md, shares no code with the
package, and knows neither git nor files.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

ARTIFACT = "flights"
MARKS = ("stable", "failed")
SETTLE = 600
"""Seconds within which a second rollback of a stage needs `--from` or `--again`."""
Rank = tuple[tuple[int, ...], bool, tuple[tuple[int, int, str], ...]]


def rank(version: str) -> Rank:
    """Where a version stands by semantic order (semver.org, 11)."""
    core, _, pre = version.removeprefix("v").partition("-")
    parts = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in pre.split("."))
    return tuple(int(number) for number in core.split(".")), not pre, parts


@dataclass(frozen=True)
class Event:
    """One tag: a registration (`stage` is empty), a mark or an assignment. `left` is the version it takes the place of,
    `own` whether lastgood wrote it."""

    tag: str
    stage: str
    version: str
    commit: str
    when: int
    left: str | None = None
    own: bool = True

    @property
    def went_down(self) -> bool:
        """Whether it took a stage to a lower version."""
        return self.left is not None and rank(self.version) < rank(self.left)


@dataclass(frozen=True)
class Model:
    """`events` in the order of time, `journal` the names of each entry's tags, `live` the version of each stage here.

    `wrong_tags` are tags that were moved or deleted, each with where and how: `origin deleted`, `clone moved`.
    """

    events: tuple[Event, ...] = ()
    journal: tuple[tuple[str, ...], ...] = ()
    live: Mapping[str, str] = field(default_factory=dict)
    follows: frozenset[str] = frozenset()
    wrong_tags: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def commits(self) -> dict[str, str]:
        """The commit of every version, lowest version first."""
        found = {event.version: event.commit for event in self.events if not event.stage}
        return dict(sorted(found.items(), key=lambda pair: rank(pair[0])))

    @property
    def recorded(self) -> frozenset[str]:
        """The tags that the journal names."""
        return frozenset(name for entry in self.journal for name in entry)

    def newest(self, stage: str) -> Event | None:
        """The newest event of a stage, or of a mark."""
        return next((event for event in reversed(self.events) if event.stage == stage), None)

    def mark_of(self, version: str) -> str | None:
        """The last mark of a version."""
        marks = [event.stage for event in self.events if event.version == version and event.stage in MARKS]
        return marks[-1] if marks else None

    @property
    def last_stable(self) -> str | None:
        """The greatest version whose last mark is `stable`."""
        return next((one for one in reversed(self.commits) if self.mark_of(one) == "stable"), None)

    def is_tampered(self, version: str) -> bool:
        """Whether the version's own tag is not what was registered; one that only this clone lost is fetched again."""
        return bool(self.wrong_tags.get(f"{ARTIFACT}@{version}", frozenset()) - {"clone deleted"})

    def registered(self, version: str, commit: str, now: int, *, own: bool = True) -> "Model":
        """With one more version: lastgood's, or a tag that the journal does not know."""
        event = Event(f"{ARTIFACT}@{version}", "", version, commit, now, own=own)
        return self._entered([event]) if own else replace(self, events=(*self.events, event))

    def staged(self, stage: str, version: str, now: int, left: str | None = None, *, own: bool = True) -> Event:
        """The next event of a stage: GTO counts over all tags of the artifact."""
        names = {*(event.tag for event in self.events), *self.recorded}
        counter = 1 + max((int(name.rpartition("#")[2]) for name in names if "#" in name), default=0)
        return Event(f"{ARTIFACT}#{stage}#{counter}", stage, version, self.commits[version], now, left, own)

    def with_event(self, event: Event) -> "Model":
        """With one more event that the journal does not know."""
        return replace(self, events=(*self.events, event))

    def _entered(self, events: list[Event]) -> "Model":
        names = tuple(event.tag for event in events)
        return replace(self, events=(*self.events, *events), journal=(*self.journal, names))

    def _judged(self, version: str, mark: str, now: int) -> list[Event]:
        """The mark, and `#stable` once more where its newest would not be on the greatest stable version."""
        events = [self.staged(mark, version, now)]
        after = self.with_event(events[0])
        newest, good = after.newest("stable"), after.last_stable
        if good is not None and (newest is None or newest.version != good):
            events.append(after.staged("stable", good, now))
        return events

    def marked(self, version: str, mark: str, now: int) -> "Model":
        """With a mark; the one it has already changes nothing."""
        return self if self.mark_of(version) == mark else self._entered(self._judged(version, mark, now))

    def assigned(self, version: str, stage: str, now: int) -> "Model":
        """With an assignment."""
        former = self.newest(stage)
        left = former.version if former else None
        return self if left == version else self._entered([self.staged(stage, version, now, left)])

    def rolled_back(self, stage: str, target: str, now: int, *, mark: bool) -> "Model":
        """With what one rollback records: the mark `failed` of what is left, and the assignment, in one entry."""
        newest = self.newest(stage)
        assert newest is not None
        left, events, after = newest.version, [], self
        if mark and self.mark_of(left) != "failed":
            events = self._judged(left, "failed", now)
            after = replace(self, events=(*self.events, *events))
        return self._entered([*events, after.staged(stage, target, now, left)])

    def adopted(self) -> "Model":
        """With a journal entry for what has none."""
        names = tuple(event.tag for event in self.events if event.tag not in self.recorded)
        return replace(self, journal=(*self.journal, names)) if names else self

    def switched(self, stage: str, version: str, *, follow: bool = False) -> "Model":
        """With this machine on a version."""
        follows = self.follows | {stage} if follow else self.follows
        return replace(self, live={**self.live, stage: version}, follows=follows)

    def without(self, event: Event) -> "Model":
        """Without an event that somebody took back before it was in the journal."""
        return replace(self, events=tuple(one for one in self.events if one != event))

    def choose(self, stage: str, leaving: str, trees: Mapping[str, str]) -> str | None:
        """The greatest version below the one left whose last mark is `stable`.

        Not one with the same content (`trees`, by commit), nor a pre-release that never ran in the stage.
        """
        for version, commit in reversed(self.commits.items()):
            served = any(event.stage == stage and event.version == version for event in self.events)
            same = trees[commit] == trees[self.commits[leaving]]
            if rank(version) >= rank(leaving) or self.mark_of(version) != "stable" or same:
                continue
            if "-" not in version or served:
                return version
        return None
