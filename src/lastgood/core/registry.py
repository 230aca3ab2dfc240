"""The registry: the events of all artifacts as read at one moment, and the state that follows from their order."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from lastgood.core import tags
from lastgood.core.dates import LATEST, date_findings
from lastgood.core.events import CANDIDATE, Event, Kind, Mark, TagObject
from lastgood.core.journal import Journal
from lastgood.core.order import merge, order_findings
from lastgood.core.signing import Verdicts, compare
from lastgood.core.tags import Action, TagName
from lastgood.core.unknown import unknown_artifact, unknown_stage, unknown_version
from lastgood.core.version import SemanticVersion
from lastgood.errors import Finding, Flaw, RefusedError


@dataclass(frozen=True)
class Version:
    """One registered version with its mark and stages. `served` are the stages it was ever assigned to."""

    name: SemanticVersion
    event: Event
    adopted: bool
    external: bool = False
    mark: Mark | None = None
    deregistered: bool = False
    stages: tuple[str, ...] = ()
    served: frozenset[str] = frozenset()

    @property
    def commit(self) -> str:
        """The commit the version's tag points to."""
        return self.event.commit

    @property
    def text(self) -> str:
        """The version's name, `v1.2.0`."""
        return self.name.text

    @property
    def judgement(self) -> str:
        """`stable`, `failed`, or `candidate` for a version without a mark."""
        return self.mark or CANDIDATE


@dataclass(frozen=True)
class History:
    """All events of one artifact in order, and the versions they made, lowest first."""

    artifact: str
    events: tuple[Event, ...]
    journal: Journal
    adopted: frozenset[str] = frozenset()
    """Names of the tags that the journal records as adopted; they are ordered by time."""
    external: frozenset[str] = frozenset()
    """Names of the tags that GTO or people made and that have no journal entry here; also ordered by time."""
    unjournaled: frozenset[str] = frozenset()
    """Names of the tags without a journal entry here, external or not; `adopt` writes one."""
    findings: tuple[Finding, ...] = ()
    refused: Mapping[str, Finding] = field(default_factory=dict)
    """The versions whose registration is ignored, by name, with the reason."""
    counter: int = 0
    """The greatest counter in any of the artifact's tags, ignored ones included: their names are taken, and GTO counts
    per artifact over all its tags."""

    @cached_property
    def versions(self) -> tuple[Version, ...]:
        """Every version, deregistered ones included, by semantic order."""
        registered: dict[str, Event] = {}
        gone: set[str] = set()
        marks: dict[str, Mark] = {}
        served: dict[str, set[str]] = defaultdict(set)
        for event in self.events:
            if event.kind is Kind.REGISTERED:
                registered.setdefault(event.version, event)
                gone.discard(event.version)
            elif event.kind is Kind.DEREGISTERED:
                gone.add(event.version)
            elif event.kind is Kind.MARKED:
                marks[event.version] = Mark(str(event.stage))
            elif event.kind is Kind.UNASSIGNED and marks.get(event.version) == event.stage:
                del marks[event.version]
            elif event.kind is Kind.ASSIGNED:
                served[event.version].add(str(event.stage))
        stages: dict[str, list[str]] = defaultdict(list)
        for stage, assigned in self.assigned.items():
            stages[assigned.version].append(stage)
        found = []
        for text, event in registered.items():
            name = SemanticVersion.parse(text)
            if name is not None:
                found.append(
                    Version(
                        name=name,
                        event=event,
                        adopted=event.tag in self.adopted,
                        external=event.tag in self.external,
                        mark=marks.get(text),
                        deregistered=text in gone,
                        stages=tuple(sorted(stages[text])),
                        served=frozenset(served[text]),
                    )
                )
        return tuple(sorted(found, key=lambda version: version.name.key))

    @cached_property
    def by_name(self) -> Mapping[str, Version]:
        """The versions by their text."""
        return {version.text: version for version in self.versions}

    @cached_property
    def assigned(self) -> Mapping[str, Event]:
        """For each stage the newest assignment that was not undone (GTO: one version per stage), without marks."""
        return {stage: events[-1] for stage, events in self.standing.items()}

    @cached_property
    def standing(self) -> Mapping[str, tuple[Event, ...]]:
        """For each stage its assignments that were not undone, one for each version, newest last. If the last is
        undone, GTO goes back to the one before."""
        active: dict[str, dict[str, Event]] = defaultdict(dict)
        gone: set[str] = set()
        for event in self.events:
            if event.kind is Kind.ASSIGNED:
                active[str(event.stage)].pop(event.version, None)
                active[str(event.stage)][event.version] = event
            elif event.kind is Kind.UNASSIGNED:
                active[str(event.stage)].pop(event.version, None)
            elif event.kind is Kind.DEREGISTERED:
                gone.add(event.version)
            elif event.kind is Kind.REGISTERED:
                gone.discard(event.version)
        standing = {}
        for stage, versions in sorted(active.items()):
            standing[stage] = tuple(event for version, event in versions.items() if version not in gone)
        return {stage: events for stage, events in standing.items() if events}

    @property
    def deprecated(self) -> bool:
        """Whether the artifact's last event deprecated it, as GTO reads it."""
        return bool(self.events) and self.events[-1].kind is Kind.DEPRECATED

    @property
    def last_stable(self) -> Version | None:
        """The greatest version whose last mark is `stable`: `#stable` must name it."""
        stable = [version for version in self.versions if version.mark is Mark.STABLE and not version.deregistered]
        return stable[-1] if stable else None

    def newest(self, stage: str) -> Event | None:
        """The newest event of a stage or mark, in lastgood's order."""
        return next((event for event in reversed(self.events) if event.stage == stage), None)

    def without(self, names: Collection[str]) -> "History":
        """The history without the events of these tags."""
        return replace(self, events=tuple(event for event in self.events if event.tag not in names))

    def version(self, text: str) -> Version:
        """The version called `text`. Raises `UnknownError` with the known versions; `RefusedError` for an ignored
        one."""
        if text in self.by_name:
            return self.by_name[text]
        if text in self.refused:
            raise RefusedError(f"{self.refused[text].message}", hint="lastgood verify")
        raise unknown_version(self.artifact, text, tuple(self.by_name))

    def assigned_version(self, stage: str) -> Version:
        """The version assigned to `stage`. Raises `UnknownError` if there is none."""
        event = self.assigned.get(stage)
        if event is None:
            raise unknown_stage(self.artifact, stage, tuple(self.assigned))
        return self.version(event.version)


@dataclass(frozen=True)
class Registry:
    """All artifacts by name; an immutable value. `findings` concern every reader, whatever command runs.

    `taken` are the names of tags that are no events: lightweight ones, and those only in this clone or only on origin.
    """

    artifacts: Mapping[str, History] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    taken: frozenset[str] = frozenset()

    def history(self, artifact: str) -> History:
        """The history of an artifact. Raises `UnknownError` with the known artifacts."""
        if artifact in self.artifacts:
            return self.artifacts[artifact]
        unpublished = sum(finding.kind == Flaw.UNPUBLISHED for finding in self.findings)
        raise unknown_artifact(artifact, tuple(self.artifacts), unpublished)

    def only(self) -> History:
        """The only artifact of a project. Raises `UnknownError` if a name is needed."""
        if len(self.artifacts) == 1:
            return next(iter(self.artifacts.values()))
        return self.history("")


Named = tuple[TagObject, TagName]
NO_VERDICTS = Verdicts()


def build_registry(
    objects: Iterable[TagObject],
    journals: Mapping[str, Journal],
    now: int,
    *,
    taken: frozenset[str] = frozenset(),
    verdicts: Verdicts = NO_VERDICTS,
) -> Registry:
    """The registry made from annotated tags and journals, `now` in seconds since 1970; `taken` as in `Registry`.

    Tags that `verdicts` refuse are ignored, except that their names stay taken.

    Only names that have a version tag count (GTO would take any `release#42` for an artifact); no tag, however odd,
    raises. Tags without a journal entry, or with an adoption's, are ordered by time among the others.
    """
    named: dict[str, list[Named]] = defaultdict(list)
    real: set[str] = set()
    counters: dict[str, int] = defaultdict(int)
    for other in filter(None, map(tags.parse, taken)):
        counters[other.artifact] = max(counters[other.artifact], other.counter or 0)
    for journal in journals.values():
        for discount in journal.discounted.values():
            counters[journal.artifact] = max(counters[journal.artifact], tags.counter_of(discount.name))
    for tag in objects:
        name = tags.parse(tag.name)
        if name is not None:
            counters[name.artifact] = max(counters[name.artifact], name.counter or 0)
            named[name.artifact].append((tag, name))
            if name.action is Action.REGISTER:
                real.add(name.artifact)
    artifacts = {}
    for artifact in sorted(real):
        history = _history(artifact, named[artifact], journals.get(artifact, Journal(artifact)), verdicts)
        artifacts[artifact] = replace(history, counter=counters[artifact])
    dates = date_findings((history.events for history in artifacts.values()), now)
    return Registry(artifacts, tuple(dates), taken)


def _history(artifact: str, given: list[Named], journal: Journal, verdicts: Verdicts) -> History:
    named, refused, findings = _admit(given, verdicts)
    versions = _versions_by_commit(named)
    commits = {str(name.version): tag.commit for tag, name in named if name.action is Action.REGISTER}
    # by name too: the object of a recorded tag under another ref's name is no recorded event (facts.md, G4)
    recorded = {tag.name: (tag.oid, at, entry.adoption) for at, (entry, tag) in enumerate(journal.recorded)}
    own: list[tuple[int, Event]] = []
    timed: list[Event] = []
    unjournaled: dict[str, bool] = {}
    for tag, name in named:
        event = Event.read(tag, name, name.version or versions.get(tag.commit, ""))
        oid, index, adoption = recorded.get(tag.name, ("", 0, False))
        journaled = oid == tag.oid
        strange = compare(tag, name, event, commits)
        if strange is not None:
            findings.append(strange)
        if event.version in refused:
            text = f"tag {tag.name} is about {event.version}, whose own tag does not count; neither does this one"
            findings.append(Finding(Flaw.REFUSED, tag.name, text))
        elif strange is not None and verdicts.rules.require(name):
            continue
        elif not journaled and event.version not in commits and name.action is not Action.DEPRECATE:
            text = f"tag {tag.name} belongs to no version of {artifact} that is here; it is ignored"
            findings.append(Finding(Flaw.STRAY, tag.name, text))
        elif journaled and not adoption:
            own.append((index, event))
        elif event.when > LATEST and event.stage is not None:
            text = f"tag {tag.name} is dated {event.at:%Y-%m-%d}, which gto and dvc cannot order; it is ignored"
            findings.append(Finding(Flaw.FUTURE, tag.name, text))
        else:
            timed.append(event)
            if not journaled:
                unjournaled[tag.name] = event.message.is_own
            if not journaled and event.message.is_own:
                text = f"tag {tag.name} was written by lastgood but is not in the journal"
                findings.append(Finding(Flaw.UNJOURNALED, tag.name, text))
    ordered = [event for _, event in sorted(own, key=lambda pair: pair[0])]
    merged = merge(ordered, sorted(timed, key=lambda event: (event.when, event.counter or 0, event.tag)))
    findings.extend(order_findings(merged))
    return History(
        artifact, tuple(merged), journal,
        adopted=frozenset(event.tag for event in timed).difference(unjournaled),
        external=frozenset(name for name, is_own in unjournaled.items() if not is_own),
        unjournaled=frozenset(unjournaled),
        findings=tuple(findings),
        refused=refused,
    )  # fmt: skip


def _admit(named: list[Named], verdicts: Verdicts) -> tuple[list[Named], dict[str, Finding], list[Finding]]:
    """The tags that count, the versions that do not, and why."""
    admitted, versions, findings = [], {}, []
    for tag, name in named:
        finding = verdicts.refused.get(tag.name)
        if finding is None:
            admitted.append((tag, name))
            continue
        findings.append(finding)
        if name.action is Action.REGISTER:
            versions[str(name.version)] = finding
    return admitted, versions, findings


def _versions_by_commit(named: list[Named]) -> dict[str, str]:
    greatest: dict[str, SemanticVersion] = {}
    for tag, name in named:
        version = SemanticVersion.parse(name.version) if name.action is Action.REGISTER and name.version else None
        if version is not None and (tag.commit not in greatest or greatest[tag.commit] < version):
            greatest[tag.commit] = version
    return {commit: version.text for commit, version in greatest.items()}
