"""Bringing a version onto this machine: fetch it, build its release and its environment; what is live stays."""

from contextlib import suppress
from pathlib import Path

from lastgood.core.manifest import Manifest
from lastgood.core.selection import select
from lastgood.errors import Finding, FindingsError, Flaw, UnfinishedError
from lastgood.machine.building import build_release, rebuild
from lastgood.project import Project
from lastgood.releases.release import Release, find_release, load_release, release_path
from lastgood.versions import environments


def ensure_release(project: Project, manifest: Manifest, stage: str | None) -> Release:
    """The release of a version with what a stage needs, built if need be. What is live does not change.

    Raises `FindingsError`, `UnreachableError`, `NotCarriedOutError`.
    """
    outputs = select(manifest, project.config.wanted(stage, manifest.artifact))
    return find_release(project.place, manifest, outputs) or build_release(project, manifest, outputs)


def deliver(project: Project, manifest: Manifest, stage: str) -> Release:
    """The release of a version as a machine of a stage needs it, with its environment where the configuration says.

    A directory in its place that describes itself no more, or wrongly, is exchanged for a new one. The caller holds the
    place's lock. Raises as `ensure_release` and `ensure_environment` do; what is live does not change.
    """
    outputs = select(manifest, project.config.wanted(stage, manifest.artifact))
    path = release_path(project.place, manifest, outputs)
    bring = exchange_damaged if _is_broken(path) else ensure_release
    release = bring(project, manifest, stage)
    if project.config.environment.deliver:
        environments.ensure_environment(project, manifest)
    return release


def exchange_damaged(project: Project, manifest: Manifest, stage: str) -> Release:
    """Build the damaged release of a version anew, in one step for whoever looks. The caller holds the place's lock.

    Raises as `ensure_release`, and `UnfinishedError` while somebody works in it; then the damaged one stays.
    """
    outputs = select(manifest, project.config.wanted(stage, manifest.artifact))
    path = release_path(project.place, manifest, outputs)
    release = rebuild(project, path, manifest, outputs)
    if release is None:
        raise UnfinishedError(
            f"the release {path} is damaged and in use: it can be built anew when nobody works in it",
            hint=f"lastgood sync {manifest.artifact} --stage {stage}",
        )
    return release


def _is_broken(path: Path) -> bool:
    """Whether there is a directory with files that is no finished release."""
    with suppress(FindingsError):
        load_release(path)
        return False
    return path.is_dir() and any(path.iterdir())


def check_deliverable(project: Project, manifest: Manifest) -> tuple[Finding, ...]:
    """What to warn of in a version's environment here. Raises `FindingsError` where it must be delivered and cannot."""
    found = environments.check_environment(project, manifest)
    wrong = [finding for finding in found if finding.kind != Flaw.NO_LOCK]
    if wrong and project.config.environment.deliver:
        raise FindingsError(
            f"the environment of {manifest.artifact} {manifest.version} cannot be built here",
            wrong,
        )
    return found
