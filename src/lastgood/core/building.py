"""Making the registry from tags and journals: which events there are, in which order, and what is wrong with them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from lastgood.core import tags
from lastgood.core.dates import LATEST, date_findings
from lastgood.core.events import Event, TagObject
from lastgood.core.journal import Journal
from lastgood.core.order import merge, order_findings
from lastgood.core.registry import History, Registry
from lastgood.core.signing import Verdicts, compare
from lastgood.core.tags import Action, TagName
from lastgood.core.version import SemanticVersion
from lastgood.errors import Finding, Flaw

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
