"""Pruning: the releases here that policy no longer needs are removed; never what is live, in use or waited for."""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from lastgood.adapters.dvc.cache import Cache
from lastgood.core.dates import DAY
from lastgood.core.events import Mark
from lastgood.core.manifest import Output
from lastgood.core.references import find_history
from lastgood.core.registry import History
from lastgood.core.retention import Held, Retention, judge
from lastgood.errors import LastgoodError
from lastgood.machine.settings import refresh_settings
from lastgood.project import Project
from lastgood.registry.view import View, read
from lastgood.releases import activation, log, pending
from lastgood.releases.environments import environment_path, list_environments
from lastgood.releases.proofs import Proofs
from lastgood.releases.pruning import Weigher, remove_directory, remove_objects
from lastgood.releases.release import Release, list_releases
from lastgood.releases.staging import clean_staging
from lastgood.releases.use import in_use
from lastgood.versions.environments import find_digest
from lastgood.versions.manifests import read_manifest
from lastgood.worktree.state import read_state

PRUNED = "pruned"
IN_USE = "in use"


@dataclass(frozen=True, slots=True)
class Judged:
    """A release that was here, whether it stays, every reason, and the bytes that its removal frees."""

    release: Release
    kept: bool
    why: str
    freed: int = 0


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment of a serving host, whether it stays and why, and the bytes that its removal frees."""

    path: Path
    kept: bool
    why: str
    freed: int = 0


@dataclass(frozen=True, slots=True)
class Objects:
    """A serving host's cache: the objects that nothing here refers to, the bytes they free; else why all stay."""

    paths: tuple[Path, ...] = ()
    freed: int = 0
    why: str = "no release here and no followed stage refers to them"


@dataclass(frozen=True)
class Pruned:
    """What was removed, or with `dry_run` would be. `cache` is `None` where the cache is DVC's and not ours."""

    view: View
    histories: tuple[History, ...]
    policy: Retention
    releases: tuple[Judged, ...] = ()
    environments: tuple[Environment, ...] = ()
    cache: Objects | None = None
    dry_run: bool = False

    @property
    def freed(self) -> int:
        """The bytes freed in all."""
        freed = sum(one.freed for one in self.releases) + sum(one.freed for one in self.environments)
        return freed + (self.cache.freed if self.cache else 0)


def prune(project: Project, artifact: str | None = None, *, keep: int | None = None, dry_run: bool = False) -> Pruned:
    """Remove what policy lets go, of one artifact or of all. Raises `UnknownError`, `UnreachableError`, `LockedError`.

    What is live and what is in use is looked up under the lock that every switch needs, and again at each removal.
    """
    if project.root is None and project.remote is not None:
        refresh_settings(project, artifact)
    view = read(project, fetch=True)
    histories = (find_history(view.registry, artifact),) if artifact else tuple(view.registry.artifacts.values())
    policy = Retention(project.config.prune.keep if keep is None else keep, project.config.prune.stable)
    planned = Pruned(view, histories, policy, dry_run=dry_run)
    name = histories[0].artifact if artifact else None
    if dry_run:
        return _plan(project, planned, name)
    with project.locked("prune"):
        clean_staging(project.place)
        return _carry_out(project, _plan(project, planned, name))


def _plan(project: Project, planned: Pruned, artifact: str | None) -> Pruned:
    releases = [one for one in list_releases(project.place) if artifact in {None, one.artifact}]
    facts = _Facts.gather(project, planned.view)
    verdicts = judge([facts.held(one) for one in releases], planned.policy)
    weigher = Weigher()
    judged = tuple(
        Judged(release, verdict.kept, verdict.why, 0 if verdict.kept else weigher.weigh([release.path]))
        for release, verdict in zip(releases, verdicts, strict=True)
    )
    gone = {one.release.path for one in judged if not one.kept}
    planned = replace(planned, releases=judged)
    if project.root is not None:
        return planned
    staying = [one for one in list_releases(project.place) if one.path not in gone]
    environments = tuple(_judge_environments(project, planned.view, staying, weigher))
    return replace(planned, environments=environments, cache=_unneeded(project, planned.view, staying, weigher))


def _carry_out(project: Project, planned: Pruned) -> Pruned:
    project.on_step("prune")
    done = []
    with Proofs(project.place.proofs) as proofs:
        for one in planned.releases:
            removed = not one.kept and remove_directory(
                project.place, one.release.path, proofs, partial(_enter, project, one.release)
            )
            done.append(one if one.kept or removed else replace(one, kept=True, why=IN_USE, freed=0))
        built = [
            one
            if one.kept or remove_directory(project.place, one.path, proofs)
            else replace(one, kept=True, why=IN_USE, freed=0)
            for one in planned.environments
        ]
        # Of a release that came into use meanwhile the objects are not needed: it has its own files.
        if planned.cache:
            remove_objects(planned.cache.paths, proofs)
    return replace(planned, releases=tuple(done), environments=tuple(built))


def _enter(project: Project, release: Release) -> None:
    """Enter a removal in history, once: who dies after that has not removed it yet, and the next one will."""
    path = os.path.relpath(release.path, project.place.root)
    known = [event for event in log.read(project.place.history) if path in (event.get("path"), event.get("to"))]
    if known and known[-1]["event"] == PRUNED:
        return
    event = {"event": PRUNED, "artifact": release.artifact, "version": release.version}
    at = datetime.fromtimestamp(project.now()).astimezone().isoformat()
    log.append(project.place.history, {**event, "at": at, "path": path})


@dataclass
class _Facts:
    """What is known of the releases here, by real path; stages by (artifact, version)."""

    project: Project
    view: View
    commits: Mapping[str, str]
    live: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    recent: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    assigned: defaultdict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def gather(cls, project: Project, view: View) -> "_Facts":
        interrupted = read_state(project)
        commits = {act.target_commit: f"rollback --offline of {act.stage}" for act in pending.acts(project.place)}
        commits |= (
            dict.fromkeys((interrupted.former, interrupted.commit), f"checkout {interrupted.tag}")
            if interrupted
            else {}
        )
        facts = cls(project, view, commits)
        for _, stage, target in activation.live_links(project.place):
            facts.live[os.path.realpath(target)].append(stage)
        for stage, path in _recently_live(project):
            if stage not in facts.recent[path]:
                facts.recent[path].append(stage)
        for history, stage in _concerned(project, view):
            facts.assigned[history.artifact, history.assigned[stage].version].append(stage)
        return facts

    def held(self, release: Release) -> Held:
        """A release with all that speaks for it."""
        path = os.path.realpath(release.path)
        history = self.view.registry.artifacts.get(release.artifact)
        version = history.by_name.get(release.version) if history else None
        return Held(
            artifact=release.artifact,
            version=release.version,
            stable=version is not None and version.mark is Mark.STABLE and not version.deregistered,
            live=tuple(self.live[path]),
            recent=tuple(self.recent[path]),
            assigned=tuple(self.assigned[release.artifact, release.version]),
            unfinished=tuple(work for commit, work in self.commits.items() if commit == release.commit),
            used=in_use(self.project.place, release.path),
        )


def _concerned(project: Project, view: View) -> Iterable[tuple[History, str]]:
    """Every stage that is followed or live here and assigned: what is recorded for it and waits belongs to it, too."""
    linked = {(artifact, stage) for artifact, stage, _ in activation.live_links(project.place)}
    for artifact, stage in sorted(linked | set(activation.followed(project.place))):
        history = view.registry.artifacts.get(artifact)
        if history is not None and stage in history.assigned:
            yield history, stage


def _recently_live(project: Project) -> Iterable[tuple[str, str]]:
    """Stage and real path of what was switched to or away from within the last day; an unreadable time counts."""
    for event in log.read(project.place.history):
        if event.get("event") != activation.SWITCHED or _seconds(event.get("at")) <= project.now() - DAY:
            continue
        for path in (event.get("from"), event.get("to")):
            if path:
                yield str(event.get("stage")), os.path.realpath(project.place.root / str(path))


def _seconds(moment: object) -> float:
    try:
        return datetime.fromisoformat(str(moment)).timestamp()
    except ValueError:
        return float("inf")


def _judge_environments(
    project: Project, view: View, staying: Iterable[Release], weigher: Weigher
) -> Iterable[Environment]:
    """Every finished environment here; those stay that a staying release has, and all where one cannot be told."""
    needed: dict[str, str] = {}
    unknown = ""
    for release in staying:
        name = f"{release.artifact}@{release.version}"
        try:
            needed[release.environment or _environment_of(project, view, release)] = f"that of {name}"
        except LastgoodError:
            unknown = f"the environment is unknown for {name}"
    for digest in list_environments(project.place):
        path = environment_path(project.place, digest)
        why = needed.get(digest) or unknown or (IN_USE if in_use(project.place, path) else "")
        freed = 0 if why else weigher.weigh([path])
        yield Environment(path, bool(why), why or "no release here needs it", freed)


def _environment_of(project: Project, view: View, release: Release) -> str:
    """The digest for a release that names none: built before there were any, or of a version that pins no lock."""
    history = view.registry.history(release.artifact)
    return find_digest(project, read_manifest(project, history, history.version(release.version)))


def _unneeded(project: Project, view: View, staying: Iterable[Release], weigher: Weigher) -> Objects:
    """The objects in a serving host's cache that neither a release that stays nor an assigned version refers to."""
    cache = Cache(project.place.cache)
    needed: set[tuple[str, bool]] = set()
    for release in staying:
        try:
            needed |= _objects(cache, release.outputs)
        except LastgoodError as error:
            return Objects(why=f"all stay, because the needed ones are unknown: {error.message}")
    for history, stage in _concerned(project, view):
        try:
            needed |= _objects(cache, read_manifest(project, history, history.assigned_version(stage)).stored)
        except LastgoodError as error:
            return Objects(why=f"all stay, because the needed ones are unknown: {error.message}")
    paths = tuple(path for md5, legacy, path in cache.stored() if (md5, legacy) not in needed)
    return Objects(paths, weigher.weigh(paths))


def _objects(cache: Cache, outputs: Iterable[Output]) -> set[tuple[str, bool]]:
    return {
        (need.md5, output.legacy) for output in outputs if output.storage == "dvc" for need in cache.objects(output)
    }
