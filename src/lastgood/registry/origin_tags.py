"""Origin's tags that differ from this clone's: for events that no journal records, origin's tags count.

A clone may have any object under a tag's name: CI's checkout action writes the triggering tag as a lightweight one, and
git keeps an old tag when origin's was moved. Origin's objects are fetched without touching the local refs. Their ids
are remembered, so that commands that do not fetch use them too.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from lastgood.adapters.git import mirror, refs
from lastgood.core import tags as grammar
from lastgood.core.events import RESERVED_STAGES, TagObject
from lastgood.core.tags import TAGS, Action
from lastgood.errors import Finding, Flaw, StaleError, named
from lastgood.project import Project
from lastgood.registry.memory import load, save

KEPT = "origin-tags.json"
"""A file of the place: ids by name of the tags that differed on origin at the last fetch."""
ABSENT = "absent-tags.json"
"""A file of the place: ids by name of the tags here that no journal has and that origin lacked at the last fetch."""
AT_ONCE = 300
"""Tags fetched by name in one command; git's time for names is quadratic."""


@dataclass(frozen=True, slots=True)
class Correction:
    """Origin's object under one tag's name, if this clone has another one, or none (`here` is `None`).

    `tag` is origin's annotated tag of a commit. It is `None` if origin has another kind of object, or if its object is
    not here (`absent`).
    """

    name: str
    here: str | None
    there: str
    tag: TagObject | None
    absent: bool
    annotated: bool
    """Whether the tag here is annotated, too."""

    def finding(self, project: Project) -> Finding:
        """The difference as a finding, with the command that ends it."""
        spec = f"+{TAGS}{self.name}:{TAGS}{self.name}"
        place = "" if project.git.git_dir is None else f" --git-dir {project.git.git_dir}"
        mend = f"git{place} fetch {project.remote} '{spec}'"
        if self.absent:
            text, mend = (
                f"tag {self.name} differs on origin ({self.there[:12]}), whose object is not here",
                "use --fetch",
            )
        elif self.tag is None:
            text = f"tag {self.name} is not an annotated tag on origin: it is ignored"
        elif self.here is None:
            text = f"tag {self.name} is on origin and could not be written here: the one on origin counts"
        elif self.annotated:
            text = f"tag {self.name} was moved: {self.here[:12]} here, {self.there[:12]} on origin, which counts"
        else:
            text = f"tag {self.name} is not the annotated tag that origin has: the one on origin counts"
        return Finding(Flaw.DIFFERS, self.name, f"{text} ({mend})")


@dataclass(frozen=True)
class Corrections:
    """The differences that matter at one moment: those where origin's object is an event, or the local one is."""

    all: tuple[Correction, ...] = ()

    @classmethod
    def find(cls, project: Project, tags: refs.Tags, there: Mapping[str, str], recorded: Iterable[str]) -> Self:
        """Compare the local tags with origin's current or remembered ones (`there`, ids by name), except for `recorded`
        names, for which the journal's objects count."""
        here = {**tags.others, **{name: tag.oid for name, tag in tags.objects.items()}}
        known = frozenset(recorded)
        differing = [name for name, oid in there.items() if here.get(name) != oid and name not in known]
        found = []
        for name in filter(grammar.parse, differing):
            tag, absent = refs.read_tag(project.git, name, there[name])
            if tag is not None or absent or name in tags.objects:
                found.append(Correction(name, here.get(name), there[name], tag, absent, name in tags.objects))
        return cls(tuple(found))

    def apply(self, objects: dict[str, TagObject]) -> None:
        """Replace local objects by origin's. If origin's is no event, the local one is removed."""
        for one in self.all:
            if one.tag is not None:
                objects[one.name] = one.tag
            else:
                objects.pop(one.name, None)

    def findings(self, project: Project) -> Iterator[tuple[str, Finding]]:
        """A finding for each difference, with the artifact it concerns."""
        for one in self.all:
            yield str(grammar.artifact_of(one.name)), one.finding(project)

    def require_whole(self) -> None:
        """Raise `StaleError` if origin's objects changed between listing and fetching them."""
        if moved := [one.name for one in self.all if one.absent]:
            raise StaleError(f"tags moved on origin while they were fetched: {named(moved)}")

    def remember(self, project: Project) -> None:
        """Remember origin's tags, for commands that do not fetch."""
        fresh = {one.name: one.there for one in self.all}
        if fresh != recall(project):
            save(project, KEPT, fresh)


def withdrawn(before: Mapping[str, TagObject], objects: dict[str, TagObject]) -> Iterator[tuple[str, Finding]]:
    """Restore versions that origin deleted while stages there are assigned to their commits, with a finding each.

    Without them the stage would fall back to an older assignment, and `sync` would make that version live. `before` are
    the tags in this clone, `objects` those that count. A version with such a finding is never restored.
    """
    named = {name: grammar.parse(name) for name in before.keys() - objects.keys()}
    gone = [name for name, parsed in named.items() if parsed is not None and parsed.action is Action.REGISTER]
    if not gone:
        return
    assigned, registered = set(), set()
    for name, tag in objects.items():
        parsed = grammar.parse(name)
        if parsed is not None and parsed.action is Action.REGISTER:
            registered.add(tag.commit)
        elif parsed is not None and parsed.action is Action.ASSIGN and parsed.stage not in RESERVED_STAGES:
            assigned.add(tag.commit)
    for name in gone:
        if before[name].commit in assigned - registered:
            objects[name] = before[name]
            text = f"tag {name} is gone on origin, where a stage is assigned to its commit: it is not made live"
            yield str(grammar.artifact_of(name)), Finding(Flaw.WITHDRAWN, name, text)


def recall(project: Project) -> dict[str, str]:
    """What origin had where this clone held something else, when it was last asked; ids by name."""
    return _recall(project, KEPT)


def recall_absent(project: Project) -> dict[str, str]:
    """The tags here that origin did not have when it was last asked; ids by name."""
    return _recall(project, ABSENT)


def remember_absent(project: Project, absent: Mapping[str, str]) -> None:
    """Keep them, so that commands that do not ask go by it: an event that was deleted on origin would come back."""
    if absent != recall_absent(project):
        save(project, ABSENT, absent)


def _recall(project: Project, name: str) -> dict[str, str]:
    document = load(project, name)
    pairs = document.items() if isinstance(document, dict) else ()
    return {name: oid for name, oid in pairs if isinstance(oid, str)}


def bring(project: Project, wanted: Mapping[str, str]) -> None:
    """Fetch the objects of origin's tags, ids by name, that are not here; no ref is written.

    Raises `UnreachableError`.
    """
    absent = [TAGS + name for name, oid in wanted.items() if project.git.objects.read(oid) is None]
    for first in range(0, len(absent), AT_ONCE):
        part = absent[first : first + AT_ONCE]
        if project.git.git_dir is not None:
            mirror.fetch(project.git, str(project.remote), part, (), project.deadline * 10)
        else:
            refs.fetch(project.git, str(project.remote), part, project.deadline * 10)
