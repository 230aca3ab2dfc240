"""The journal of an artifact, which orders its events: as text of its commits, and as a value. It does not run git."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple, Self

from lastgood.core.events import TagObject
from lastgood.core.messages import one_line, parse_message
from lastgood.core.secrets import mask

DEFAULT_REF = "refs/lastgood/{artifact}"
GENESIS = "journal of lastgood\n"
"""Message of the first commit of every journal: empty tree, no parents, date 0. Racing writers make the same commit,
and a walk over first parents ends there instead of entering the code's history."""

_TAG = "Tag: "
_OID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_ADOPTION = "\nAdoption: yes\n"
_SUPERSEDED = "\nSuperseded: "
_RESOLVED = "\nResolved: "
_DISCOUNTED = "\nDiscounted: "


class Recorded(NamedTuple):
    """One tag as recorded in the journal."""

    oid: str
    name: str


class Discount(NamedTuple):
    """A discounted tag: its object, its name, and the version that it was about."""

    oid: str
    name: str
    version: str


class Entry(NamedTuple):
    """One transaction: its journal commit and the tags pushed with it, in order.

    `adoption` entries hold tags that others made; these tags keep their order by time. An entry without tags changes
    nothing: `superseded` are the trailers of an offline rollback that no longer applied when it was published,
    `resolved` those of a cause that somebody recorded for a failure.
    `discounts` are tags that no longer count from here on; `said` has who discounted them, when and why.
    """

    commit: str
    tags: tuple[Recorded, ...]
    adoption: bool = False
    superseded: Mapping[str, str] | None = None
    discounts: tuple[Discount, ...] = ()
    said: Mapping[str, str] = MappingProxyType({})
    resolved: Mapping[str, str] | None = None

    @classmethod
    def parse(cls, commit: str, message: str, artifact: str) -> Self:
        """The entry in a journal commit's message. Tags of another artifact and invalid object ids are left out: a
        journal counts for its own artifact only, whoever wrote it."""
        own = artifact.replace(":", "=")
        begins = (f"{own}@", f"{own}#")
        recorded = []
        for line in message.split("\n"):
            if line.startswith(_TAG):
                oid, _, name = line[len(_TAG) :].partition(" ")
                if name.startswith(begins) and _OID.fullmatch(oid):
                    recorded.append(Recorded(oid, name))
        if _DISCOUNTED in message:
            facts = dict(line.partition(": ")[::2] for line in message.split("\n"))
            found = _parse_discounts(message, f"{own}#")
            return cls(commit, tuple(recorded), discounts=found, said=facts)
        if not recorded and (_SUPERSEDED in message or _RESOLVED in message):
            said = parse_message(message).trailers
            if said.get("Artifact") != artifact:
                return cls(commit, ())
            # by the trailer: the reason may have such a line, too
            return cls(
                commit,
                (),
                superseded=said if "Superseded" in said else None,
                resolved=said if "Resolved" in said and "Superseded" not in said else None,
            )
        return cls(commit, tuple(recorded), _ADOPTION in message)


def _parse_discounts(message: str, begins: str) -> tuple[Discount, ...]:
    """Discounts of assignments and marks only: a version is never discounted."""
    found = []
    for line in message.split("\n"):
        words = line.split(" ")
        if (
            line.startswith(_DISCOUNTED[1:])
            and len(words) == 4
            and words[2].startswith(begins)
            and _OID.fullmatch(words[1])
        ):
            found.append(Discount(*words[1:]))
    return tuple(found)


def format_entry(
    subject: str,
    recorded: Iterable[Recorded],
    *,
    adoption: bool = False,
    discounts: Iterable[Discount] = (),
    said: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """The message of a journal commit; the tags' bytes are in its tree. `said` are facts, each kept on one line."""
    lines = "".join(f"{_TAG}{tag.oid} {tag.name}\n" for tag in recorded)
    lines += "".join(f"{_DISCOUNTED[1:]}{one.oid} {one.name} {one.version}\n" for one in discounts)
    lines += "".join(f"{key}: {one_line(mask(value))}\n" for key, value in said.items() if value)
    return f"{one_line(subject)}\n{_ADOPTION if adoption else chr(10)}{lines}"


@dataclass(frozen=True)
class Journal:
    """All entries of one artifact, oldest first; `tip` is the newest journal commit, `None` before the first."""

    artifact: str
    tip: str | None = None
    entries: tuple[Entry, ...] = ()

    @cached_property
    def recorded(self) -> tuple[tuple[Entry, Recorded], ...]:
        """Every recorded tag that counts, with its entry, in order. Of two tags with one name the later counts.

        A tag that was recorded before keeps its first position. Otherwise anybody who may push could append an old
        assignment, with its valid signature, and make it the newest.
        """
        latest: dict[str, tuple[Entry, Recorded]] = {}
        former: dict[str, set[str]] = {}
        for entry in self.entries:
            for tag in entry.tags:
                if tag.oid in self.discounted:
                    continue
                if tag.name in latest:
                    known = former.setdefault(tag.name, set())
                    known.add(latest[tag.name][1].oid)
                    if tag.oid in known:
                        continue
                    del latest[tag.name]  # so that its place is the later one's, too
                latest[tag.name] = (entry, tag)
        return tuple(latest.values())

    @cached_property
    def discounted(self) -> Mapping[str, Discount]:
        """The discounted tags, by the object's id. This is final, even if somebody puts a tag back."""
        return {one.oid: one for entry in self.entries for one in entry.discounts}

    def honouring(self, counts: Callable[[str], bool]) -> "Journal":
        """The journal with only those discounts whose tag names `counts` accepts."""
        if not self.discounted:
            return self
        entries = tuple(
            entry._replace(discounts=tuple(one for one in entry.discounts if counts(one.name)))
            for entry in self.entries
        )
        return replace(self, entries=entries)

    @cached_property
    def entry_of(self) -> Mapping[str, Entry]:
        """The entry of each recorded tag, by the tag object's id."""
        return {tag.oid: entry for entry, tag in reversed(self.recorded)}


@dataclass(frozen=True, slots=True)
class Lost:
    """A recorded tag that is not as recorded: deleted (`found` is `None`) or moved to another object."""

    entry: Entry
    recorded: Recorded
    found: str | None


def find_lost(journal: Journal, objects: dict[str, TagObject], others: dict[str, str]) -> tuple[Lost, ...]:
    """The recorded tags that are missing from `objects` (annotated, by name) and `others` (lightweight or nested)."""
    lost = []
    for entry, recorded in journal.recorded:
        there = objects.get(recorded.name)
        if there is None or there.oid != recorded.oid:
            found = there.oid if there else others.get(recorded.name)
            lost.append(Lost(entry, recorded, found))
    return tuple(lost)
