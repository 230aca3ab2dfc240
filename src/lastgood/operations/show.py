"""The answers of `list`, `show`, `history` and `where`. None builds a release or contacts a DVC remote.

Reading the registry can restore local refs that an interrupted command left out (`registry.view`).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from heapq import merge
from itertools import accumulate
from typing import TYPE_CHECKING

from lastgood.core.added import Added, find_added
from lastgood.core.events import Event
from lastgood.core.manifest import Json, Manifest
from lastgood.core.references import find_history, find_version
from lastgood.core.registry import History, Version
from lastgood.core.timeline import timeline
from lastgood.errors import Finding, FindingsError, UnknownError
from lastgood.project import Project
from lastgood.registry.view import View, read

if TYPE_CHECKING:
    from lastgood.releases.release import Release


@dataclass(frozen=True)
class Listed:
    """The artifacts asked for, with their versions.

    `partial` are the stages whose live release here leaves something out, by artifact, version and commit.
    """

    view: View
    histories: tuple[History, ...]
    partial: Mapping[tuple[str, str, str], tuple[str, ...]] = field(default_factory=dict)

    def partial_in(self, version: Version) -> tuple[str, ...]:
        """The stages in which a partial release of this version is live here."""
        return self.partial.get((version.event.artifact, version.text, version.commit), ())


@dataclass(frozen=True)
class Shown:
    """One version: what it pins (`None` with findings where that cannot be read) and what was said of it, in order.

    `added` are the events that lastgood added by itself, as in `core.added.find_added`.
    """

    view: View
    history: History
    version: Version
    manifest: Manifest | None
    events: tuple[Event, ...]
    added: Mapping[str, Added] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Told:
    """The events asked for, newest first; `added` are those that lastgood added, as in `core.added.find_added`."""

    view: View
    histories: tuple[History, ...]
    events: tuple[Event, ...]
    added: Mapping[str, Added] = field(default_factory=dict)


@dataclass(frozen=True)
class Located:
    """The release that is live in a stage on this machine; `switched_at` is ISO 8601, where history knows it."""

    stage: str
    release: "Release"
    followed: bool
    switched_at: str | None


def list_versions(project: Project, artifact: str | None = None, *, fetch: bool = False) -> Listed:
    """Every version of an artifact, or of all; no manifest is worked out. Raises `UnknownError` for a name."""
    view = read(project, fetch=fetch)
    return Listed(view, _histories(view, artifact), _partial(project))


def _partial(project: Project) -> Mapping[tuple[str, str, str], tuple[str, ...]]:
    from lastgood.releases import activation

    found: dict[tuple[str, str, str], tuple[str, ...]] = {}
    for artifact, stage, _ in activation.live_links(project.place):
        release = activation.live(project.place, artifact, stage)
        if release is not None and release.partial:
            key = (release.artifact, release.version, release.commit)
            found[key] = (*found.get(key, ()), stage)
    return found


def metrics_of(version: Version) -> Mapping[str, Json] | None:
    """The metrics that the version's tag carries; `None` where it carries none, as with adopted versions."""
    try:
        document = json.loads(version.event.message.manifest or "null")
        metrics = document["metrics"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return metrics if isinstance(metrics, dict) else None


def show(project: Project, reference: str, *, fetch: bool = False) -> Shown:
    """Everything about one version. Raises `UnknownError`, `UsageError`."""
    from lastgood.versions.manifests import read_with_unread  # 20 ms that `list` and `history` need not pay

    view = read(project, fetch=fetch)
    history, version = find_version(view.registry, reference)
    events = tuple(event for event in history.events if event.version == version.text)
    added = find_added(history.events)
    try:
        manifest, unread = read_with_unread(project, history, version)
        return Shown(view, history, version, manifest, events, added, unread)
    except FindingsError as error:
        return Shown(view, history, version, None, events, added, error.findings)


def history(project: Project, artifact: str | None = None, *, fetch: bool = False) -> Told:
    """Every event of an artifact, or of all. Raises `UnknownError` for a name."""
    view = read(project, fetch=fetch)
    histories = _histories(view, artifact)
    events = [event for _, event in merge(*map(_timed, histories), key=lambda pair: pair[0])]
    added = {tag: why for one in histories for tag, why in find_added(one.events).items()}
    return Told(view, histories, tuple(reversed(events)), added)


def where(project: Project, artifact: str | None, stage: str) -> Located:
    """The live release of a stage, by this machine's link alone. Raises `UnknownError` when nothing is live here."""
    from lastgood.releases import activation

    name = artifact or _only_live(project, stage)
    if name is None:
        raise UnknownError(
            f"nothing is live here in stage {stage}: this machine does not follow it",
            hint=f"lastgood sync --stage {stage}",
        )
    release, problems = activation.inspect_live(project.place, name, stage)
    followed = (name, stage) in activation.followed(project.place)
    finish = f"lastgood sync {name} --stage {stage}"
    if problems:
        raise FindingsError(f"what is live in {stage} is no release: {problems[0]}", problems, hint=finish)
    if release is None:
        follows = "this machine follows it, but was never synced" if followed else "this machine does not follow it"
        message = f"nothing is live here in stage {stage} of {name}: {follows}"
        raise UnknownError(message, hint=finish)
    last = activation.last_switch(project.place, name, stage)
    return Located(stage, release, followed, str(last["at"]) if last else None)


def _histories(view: View, artifact: str | None) -> tuple[History, ...]:
    return (find_history(view.registry, artifact),) if artifact else tuple(view.registry.artifacts.values())


def _timed(history: History) -> Iterator[tuple[int, Event]]:
    """The events with times that never fall, so that several histories can be merged without reordering one."""
    events = timeline(history)
    return zip(accumulate((event.when for event in events), max), events, strict=True)


def _only_live(project: Project, stage: str) -> str | None:
    """The one artifact with something live in the stage here. Raises `UnknownError` when a name is needed."""
    from lastgood.releases import activation

    places = (
        activation.followed(project.place),
        ((name, there) for name, there, _ in activation.live_links(project.place)),
    )
    names = sorted({name for pairs in places for name, there in pairs if there == stage})
    if len(names) > 1:
        raise UnknownError(
            f"several artifacts have stage {stage} here ({', '.join(names)})",
            hint=f"lastgood where {names[0]} --stage {stage}",
        )
    return names[0] if names else None
