"""Events: what one tag records, with actor, time and reason. They are made from tag objects and not ordered yet."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple, Self

from lastgood.core.messages import Message, parse_message
from lastgood.core.tags import Action, TagName


class Mark(StrEnum):
    """A judgement on a version; a version without one is a candidate."""

    STABLE = "stable"
    FAILED = "failed"


RESERVED_STAGES = frozenset(Mark)
CANDIDATE = "candidate"


class Kind(StrEnum):
    """The kind of an event. Three come from GTO's undo tags; lastgood writes one of them, for a stage's only version.

    No rule uses superseded, discounted or resolved events; `core.timeline` shows them to people among the others.
    """

    REGISTERED = "registered"
    ASSIGNED = "assigned"
    MARKED = "marked"
    DEREGISTERED = "deregistered"
    UNASSIGNED = "unassigned"
    DEPRECATED = "deprecated"
    SUPERSEDED = "superseded"
    DISCOUNTED = "discounted"
    RESOLVED = "resolved"


_KINDS = {
    Action.REGISTER: Kind.REGISTERED,
    Action.ASSIGN: Kind.ASSIGNED,
    Action.DEREGISTER: Kind.DEREGISTERED,
    Action.UNASSIGN: Kind.UNASSIGNED,
    Action.DEPRECATE: Kind.DEPRECATED,
}


class TagObject(NamedTuple):
    """One annotated tag as git stores it; `when` in seconds since 1970, `tree` the commit's tree, `message` unparsed.

    `name` is the ref's name, `header` the name in the object. They differ if a ref was made to point to another tag's
    object.
    """

    name: str
    oid: str
    commit: str
    tree: str
    when: int
    tagger: str
    message: str
    header: str = ""


class Event(NamedTuple):
    """One event. `stage` is the mark's name for a mark; `version` is empty for an undo of a whole artifact."""

    kind: Kind
    artifact: str
    version: str
    stage: str | None
    commit: str
    tree: str
    when: int
    actor: str
    message: Message
    tag: str
    oid: str
    counter: int | None = None

    @classmethod
    def read(cls, tag: TagObject, name: TagName, version: str) -> Self:
        """The event that `tag` (whose name parsed to `name`) records for `version`."""
        message = parse_message(tag.message)
        kind = Kind.MARKED if name.action is Action.ASSIGN and name.stage in RESERVED_STAGES else _KINDS[name.action]
        said = message.trailers.get("Version") if message.is_own else None
        return cls(
            kind=kind,
            artifact=name.artifact,
            version=name.version or said or version,
            stage=name.stage,
            commit=tag.commit,
            tree=tag.tree,
            when=tag.when,
            actor=message.trailers.get("Actor") or tag.tagger,
            message=message,
            tag=tag.name,
            oid=tag.oid,
            counter=name.counter,
        )

    @property
    def at(self) -> datetime:
        """The event's time, with time zone. A date outside of the calendar becomes its first or last date."""
        return datetime.fromtimestamp(min(max(self.when, 0), 253402300799), UTC)

    @property
    def reason(self) -> str:
        """The reason that the actor gave."""
        return self.message.reason

    @property
    def trigger(self) -> str | None:
        """What started the command (`manual`, `ci`, `guard` …), with the run's address if there is one."""
        trigger, run = self.message.trailers.get("Trigger"), self.message.trailers.get("Run")
        return f"{trigger} {run}" if trigger and run else trigger
