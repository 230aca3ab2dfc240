"""Histories for tests, told line by line: `history_of("v1.0.0", "v1.0.0 stable", "v1.0.0 prod")`."""

from collections.abc import Mapping
from hashlib import sha1

from lastgood.core.building import build_registry
from lastgood.core.events import TagObject
from lastgood.core.journal import Entry, Journal, Recorded
from lastgood.core.messages import Message, format_message
from lastgood.core.registry import History, Registry

NOW = 1_700_000_000
MINUTE = 60


def commit_of(version: str) -> str:
    return sha1(version.encode()).hexdigest()


def tag(
    name: str, *, commit: str = "c1", when: int = NOW, message: str = "by hand", tree: str = "", oid: str = ""
) -> TagObject:
    """One annotated tag as git would show it."""
    oid = oid or sha1(f"{name} {commit} {when}".encode()).hexdigest()
    return TagObject(name, oid, commit, tree or f"tree of {commit}", when, "Ada <ada@example.org>", message)


def own(
    version: str, *, actor: str = "Bob <bob@example.org>", reason: str = "", artifact: str = "flights", former: str = ""
) -> str:
    """A message as lastgood writes it."""
    trailers = {"Artifact": artifact, "Version": version, "From": former, "Actor": actor, "Trigger": "ci"}
    return format_message(Message("Subject", reason, None, {name: text for name, text in trailers.items() if text}))


def script(*lines: str, trees: Mapping[str, str] | None = None, ours: bool = True) -> list[TagObject]:
    """Tags from lines `VERSION`, `VERSION!`, `VERSION STAGE`, `VERSION STAGE!` and `VERSION STAGE FORMER`, a minute
    apart until `NOW`."""
    objects = []
    for number, line in enumerate(lines, 1):
        version, stage, former = (*line.split(), "", "")[:3]
        plain = version.removesuffix("!")
        name = f"flights#{stage}#{number}" if stage else f"flights@{version}"
        objects.append(
            tag(
                name,
                commit=commit_of(plain),
                when=NOW - MINUTE * (len(lines) - number),
                message=own(plain, former=former) if ours else "by hand",
                tree=(trees or {}).get(plain, f"tree of {plain}"),
            )
        )
    return objects


def journal(*objects: TagObject, artifact: str = "flights") -> Journal:
    """A journal with one entry for each tag, in the order given."""
    entries = tuple(Entry(f"entry {one.name}", (Recorded(one.oid, one.name),)) for one in objects)
    return Journal(artifact, entries[-1].commit if entries else None, entries)


def history_of(*lines: str, trees: Mapping[str, str] | None = None) -> History:
    """A history of events that lastgood wrote and journaled."""
    objects = script(*lines, trees=trees)
    return read(objects, journal(*objects)).history("flights")


def external_history(*lines: str) -> History:
    """A history of events that GTO or a person wrote."""
    return read(script(*lines, ours=False)).history("flights")


def read(objects: list[TagObject], *journals: Journal, now: int = NOW) -> Registry:
    return build_registry(objects, {one.artifact: one for one in journals}, now)
