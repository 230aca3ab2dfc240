"""Bringing this machine to what the registry says: fetch, build, switch; and following a stage from then on."""

from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from lastgood.core.offline import foresee
from lastgood.core.references import find_history
from lastgood.core.registry import History, Version
from lastgood.core.selection import whole
from lastgood.errors import Finding, StaleError, UnknownError
from lastgood.machine import delivery, live, offline
from lastgood.machine.health import last_failure
from lastgood.machine.offline import Published
from lastgood.machine.settings import refresh_settings
from lastgood.project import Project
from lastgood.registry.freshness import require_nothing_lost
from lastgood.registry.view import View, read, retrying
from lastgood.releases import activation, pending
from lastgood.releases.census import find_changed
from lastgood.releases.release import Release
from lastgood.versions.manifests import read_manifest
from lastgood.versions.restorable import require_restorable
from lastgood.versions.selection import require_selection


@dataclass(frozen=True)
class Synced:
    """What `sync` did: the version that is live now, the one before, and whether anything changed. `damage` is what was
    wrong with the release that was live, where it was built anew."""

    view: View
    history: History
    stage: str
    version: Version
    release: Release
    link: Path
    changed: bool
    former: str | None = None
    damage: tuple[Finding, ...] = ()
    dry_run: bool = False
    published: tuple[Published, ...] = ()
    settings: tuple[Finding, ...] = ()

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What a person should know of this machine: damage that was mended, settings that are not the newest."""
        return (*self.settings, *self.damage)


def sync(
    project: Project,
    artifact: str | None,
    stage: str,
    *,
    dry_run: bool = False,
    on_published: offline.Told = lambda _published: None,
) -> Synced:
    """Make the version that the registry assigns to a stage live here, and follow the stage from now on.

    What was done here for that stage while origin was out of reach is published first: it outranks the registry until
    origin has it. Raises `UnknownError`, `FindingsError`, `UnreachableError`, `PushRefusedError`, `NotCarriedOutError`,
    and `RefusedError` while the assigned version is marked failed; then what was live is live. `RaceError` when such an
    act had lost its purpose: then the assigned version is live, if there is one.
    """
    published: tuple[Published, ...] = ()
    settings: tuple[Finding, ...] = ()

    def attempt(view: View) -> Synced:
        nonlocal published
        if not dry_run and (done := offline.publish(project, artifact, stage, told=on_published)):
            published += done
            view = read(project, fetch=True)
        return _sync(project, view, artifact, stage, dry_run=dry_run)

    with offline.truthful(project, artifact, stage):
        if project.root is None and project.remote is not None:
            settings = refresh_settings(project, artifact)
        try:
            synced = retrying(project, attempt)
        except UnknownError:  # nothing is assigned to follow: that may be why an act lost its purpose
            offline.require_purpose(published, "what is live here stays")
            raise
    offline.require_purpose(published)
    return replace(synced, published=published, settings=settings)


def _sync(project: Project, view: View, artifact: str | None, stage: str, *, dry_run: bool) -> Synced:
    history = find_history(view.registry, artifact)
    if dry_run:
        history = foresee(history, pending.acts(project.place, history.artifact, stage))
    version = history.assigned_version(stage)
    with nullcontext() if dry_run else project.locked(f"sync {history.artifact} {stage}"):
        if not dry_run and pending.acts(project.place, history.artifact, stage):
            raise StaleError("something was done here while origin was out of reach")
        # Looked up under the lock: what was live before it may be what a rollback has just left (ordering.md, O6).
        former = activation.live(project.place, history.artifact, stage)
        live.refuse_failed(project, history, version.text, stage)
        behind = live.is_behind(project, history, stage)
        if behind:
            require_nothing_lost(view, history.artifact)
        damage = find_changed(former) if former is not None and not behind else ()
        if (
            not behind and project.config.wanted(stage, history.artifact).outputs
        ):  # a typo is told before an emergency meets it
            require_selection(project, history, version, read_manifest(project, history, version), stage)
        if dry_run:
            manifest = require_restorable(project, history, version, here=True, stage=stage)
            delivery.check_deliverable(project, manifest)
            release = former or Release(Path(), history.artifact, version.text, version.commit, False, whole(manifest))
        else:
            if behind or former is None:
                release = live.bring_live(project, history, stage)
            elif damage:
                manifest = require_restorable(project, history, version, here=True, stage=stage)
                release = delivery.exchange_damaged(project, manifest, stage)
                live.finish_switch(project, release, stage)
            else:
                release = former
                live.finish_switch(project, former, stage)
            activation.follow(project.place, history.artifact, stage)
            if behind or damage or last_failure(project, release, stage) is not None:
                done = "switched to" if behind else f"live in {stage} is"
                live.require_well(project, history, release, stage, done)
    return Synced(
        view=view,
        history=history,
        stage=stage,
        version=version,
        release=release,
        link=project.place.live_link(history.artifact, stage),
        changed=behind or bool(damage),
        former=former.version if former else None,
        damage=damage,
        dry_run=dry_run,
    )
