"""Events: what one tag says happened, with actor, time and reason; made from tag objects, in no order yet."""

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
    """What happened. Three come from GTO's undo tags; lastgood writes one of them, for a stage's only version.

    What was superseded or discounted is no rule's business: `core.timeline` puts it among the events for people.
    """

    REGISTERED = "registered"
    ASSIGNED = "assigned"
    MARKED = "marked"
    DEREGISTERED = "deregistered"
    UNASSIGNED = "unassigned"
    DEPRECATED = "deprecated"
    SUPERSEDED = "superseded"
    DISCOUNTED = "discounted"


_KINDS = {
    Action.REGISTER: Kind.REGISTERED,
    Action.ASSIGN: Kind.ASSIGNED,
    Action.DEREGISTER: Kind.DEREGISTERED,
    Action.UNASSIGN: Kind.UNASSIGNED,
    Action.DEPRECATE: Kind.DEPRECATED,
}


class TagObject(NamedTuple):
    """One annotated tag as git holds it; `when` in seconds since 1970, `tree` the commit's tree, `message` unparsed.

    `name` is the ref's, `header` what the object calls itself: a ref can be made to lead to another tag's object.
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
        """When, as an aware time; a date outside the calendar is moved to its edge."""
        return datetime.fromtimestamp(min(max(self.when, 0), 253402300799), UTC)

    @property
    def reason(self) -> str:
        """What the actor wrote."""
        return self.message.reason

    @property
    def trigger(self) -> str | None:
        """What started it (`manual`, `ci`, `guard` …), with the run's address where there is one."""
        trigger, run = self.message.trailers.get("Trigger"), self.message.trailers.get("Run")
        return f"{trigger} {run}" if trigger and run else trigger
