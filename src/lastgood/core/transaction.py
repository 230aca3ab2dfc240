"""Transactions: the tags that one command will write, with names, times and messages. Nothing is written here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from lastgood.core import tags
from lastgood.core.added import format_kept
from lastgood.core.dates import DAY, LATEST, format_time
from lastgood.core.events import Kind, Mark
from lastgood.core.journal import Discount
from lastgood.core.manifest import Manifest
from lastgood.core.messages import Message, format_message
from lastgood.core.registry import History, Version

MOST_TAGS = 3
"""Hosts send no events for pushes of more tags (facts.md, H1)."""


@dataclass(frozen=True, slots=True)
class Author:
    """The actor of an event, its time (seconds since 1970), reason and trigger.

    `trailers` are added to the message: for example, when a rollback really occurred that is recorded later.
    """

    actor: str
    when: int
    reason: str = ""
    trigger: str = "manual"
    run: str | None = None
    trailers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewTag:
    """A tag to write: its name, the commit it points to, its time and whole message."""

    name: str
    commit: str
    when: int
    message: str


@dataclass(frozen=True, slots=True)
class Transaction:
    """Tags that are pushed together with one journal entry. `manifest` is the whole one, for a registration.

    `commit` is the registered version's: a parent of the journal entry, so that the journal keeps it reachable.
    `discounts` are tags that no longer count and are deleted in the same push; `said` has who, when and why.
    """

    artifact: str
    subject: str
    tags: tuple[NewTag, ...]
    manifest: Manifest | None = None
    commit: str | None = None
    discounts: tuple[Discount, ...] = ()
    said: Mapping[str, str] = field(default_factory=dict)
    when: int = 0

    @property
    def latest(self) -> int:
        """The time of its newest tag. The clock must have passed it before a neighbour's event may follow."""
        return max((tag.when for tag in self.tags), default=self.when)


@dataclass
class Draft:
    """Collects the tags of one transaction on top of a history; each gets the next counter and a later time."""

    history: History
    author: Author
    tags: list[NewTag] = field(default_factory=list)

    def register(self, manifest: Manifest) -> Transaction:
        """The transaction that registers a version."""
        name = tags.version_tag(manifest.artifact, manifest.version)
        subject = f"Register {manifest.artifact} {manifest.version}"
        message = Message(
            subject,
            self.author.reason,
            manifest.short(),
            {**self._trailers(manifest.version), "Manifest": manifest.digest},
        )
        tag = NewTag(name, manifest.commit, self.author.when, format_message(message))
        return Transaction(manifest.artifact, subject, (tag,), manifest, manifest.commit)

    def mark(self, version: Version, mark: Mark) -> None:
        """Mark a version, and keep `#stable` on the last good one (docs/design/refs.md): at most two tags."""
        artifact = self.history.artifact
        self._stage(version, mark, Message(f"Mark {artifact} {version.text} {mark}", self.author.reason))
        stable = {other.text: other for other in self.history.versions if other.mark is Mark.STABLE}
        stable.pop(version.text, None)
        if mark is Mark.STABLE:
            stable[version.text] = version
        good = [other for other in stable.values() if not other.deregistered]
        newest = self.history.newest(Mark.STABLE)
        marked = newest.version if newest and newest.kind is Kind.MARKED else None
        named = version.text if mark is Mark.STABLE else marked
        greatest = max(good, key=lambda other: other.name.key, default=None)
        if greatest is not None and greatest.text != named:
            judged = version.text, str(mark)
            self._stage(greatest, Mark.STABLE, format_kept(artifact, greatest.text, judged, self.tags[-1].name))

    def assign(self, version: Version, stage: str, *, leaving: str | None = None) -> None:
        """Assign a stage, with the version that it leaves."""
        subject = f"Assign {self.history.artifact} {version.text} to {stage}"
        moves = {"From": leaving or "", "To": version.text}
        self._stage(version, stage, Message(subject, self.author.reason, None, moves))

    def unassign(self, version: Version, stage: str) -> None:
        """Remove a version from a stage, as GTO does: the name of its tag ends in `!`, before the counter."""
        subject = f"Unassign {self.history.artifact} {version.text} from {stage}"
        self._stage(version, stage, Message(subject, self.author.reason, None, {"From": version.text}), undo="!")

    def roll_back(self, leaving: Version, target: Version, stage: str, *, mark: bool) -> Transaction:
        """The transaction that leaves a version for another, and marks it failed if it is not yet."""
        if mark and leaving.mark is not Mark.FAILED:
            self.mark(leaving, Mark.FAILED)
        self.assign(target, stage, leaving=leaving.text)
        return self.finish(f"Roll back {self.history.artifact} {stage} from {leaving.text} to {target.text}")

    def discount(self, found: Sequence[Discount]) -> Transaction:
        """The transaction that discounts tags, with the tags drafted so far."""
        author = self.author
        said = {
            "Artifact": self.history.artifact,
            "Actor": author.actor,
            "Trigger": author.trigger,
            "Run": author.run or "",
            "Occurred": format_time(author.when),
            "Reason": author.reason,
        }
        subject = f"Discount {', '.join(one.name for one in found)}"
        return replace(self.finish(subject), discounts=tuple(found), said=said, when=author.when)

    def finish(self, subject: str) -> Transaction:
        """The transaction of all tags drafted so far."""
        return Transaction(self.history.artifact, subject, tuple(self.tags))

    def _stage(self, version: Version, stage: str, said: Message, *, undo: str = "") -> None:
        counter = self.history.counter + len(self.tags) + 1
        name = tags.stage_tag(self.history.artifact, f"{stage}{undo}", counter)
        when = max(self._later_than(stage), self._registered(version))
        occurred = {"Occurred": format_time(self.author.when)} if when > self.author.when + DAY else {}
        trailers = {**occurred, **self._trailers(version.text), "Stage": str(stage), **said.trailers}
        message = format_message(said._replace(trailers=trailers))
        self.tags.append(NewTag(name, version.commit, when, message))

    def _registered(self, version: Version) -> int:
        """The registration time of a version, which no event about it may precede, unless it is far in the future."""
        return version.event.when if version.event.when <= self.author.when + DAY else 0

    def _later_than(self, stage: str) -> int:
        """Now, or a second after the newest event of the stage: gto and dvc order by whole seconds.

        A later date is chosen however far ahead that event is, as long as gto and dvc can read the new one. Then the
        trailer `Occurred` has the clock's time.
        """
        now = self.author.when
        former = [event.when for event in self.history.events if event.stage == stage and event.when < LATEST]
        drafted = [tag.when for tag in self.tags if tag.name.rpartition("#")[0].endswith(f"#{stage}")]
        return max(now, max(former + drafted, default=0) + 1)

    def _trailers(self, version: str) -> dict[str, str]:
        return {
            "Artifact": self.history.artifact,
            "Version": version,
            "Actor": self.author.actor,
            "Trigger": self.author.trigger,
            "Run": self.author.run or "",
            **self.author.trailers,
        }


def adopt_tags(history: History) -> tuple[tuple[str, str], ...]:
    """The `(oid, name)` of every tag without a journal entry, in order, for `adopt`."""
    return tuple((event.oid, event.tag) for event in history.events if event.tag in history.unjournaled)
