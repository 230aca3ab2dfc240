"""Discounted tags: they are no events; locally they are deleted, on origin they are a finding."""

from collections.abc import Iterator, Mapping

from lastgood.adapters.git import refs
from lastgood.adapters.git.transactions import drop_tags
from lastgood.core import tags as grammar
from lastgood.core.events import TagObject
from lastgood.core.journal import Discount, Journal
from lastgood.errors import Finding, Flaw
from lastgood.project import Project


def must_be_signed(project: Project, name: str) -> bool:
    """Whether an event of this name counts only if it is signed. Such an event cannot be discounted: nothing signs
    that."""
    parsed = grammar.parse(name)
    return parsed is not None and project.config.registry.rules.require(parsed)


def names(journals: Mapping[str, Journal]) -> set[str]:
    """The names of all discounted tags; they stay taken for good."""
    return {one.name for one in _all(journals)}


def drop(project: Project, tags: refs.Tags, journals: Mapping[str, Journal], origin: refs.Origin | None) -> refs.Tags:
    """Delete the local discounted tags that origin no longer has, because gto reads the tags of a clone."""
    here = [one for one in _all(journals) if one.name in tags.objects and tags.objects[one.name].oid == one.oid]
    gone = [one for one in here if origin is None or origin.tag(one.name) != one.oid]
    drop_tags(project.git, gone)
    return refs.read_tags(project.git) if gone else tags


def take_out(
    journals: Mapping[str, Journal], objects: dict[str, TagObject], origin: refs.Origin | None
) -> Iterator[tuple[str, Finding]]:
    """Remove the discounted tags from those that will be events. Returns a finding, with its artifact, for each that
    origin has again."""
    for one in _all(journals):
        if one.name in objects and objects[one.name].oid == one.oid:
            objects.pop(one.name)
        if origin is not None and origin.tag(one.name) == one.oid:
            text = (
                f"tag {one.name} was taken out of count and is on origin again: gto and dvc go by it "
                f"(lastgood discount '{one.name}' --reason TEXT deletes it)"
            )
            yield str(grammar.artifact_of(one.name)), Finding(Flaw.DISCOUNTED, one.name, text)


def _all(journals: Mapping[str, Journal]) -> Iterator[Discount]:
    for journal in journals.values():
        yield from journal.discounted.values()
