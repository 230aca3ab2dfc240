"""Bringing a version onto this machine: fetch, build and prove its release, switch the live link to it."""

from pathlib import Path
from typing import TYPE_CHECKING

from lastgood.adapters.git import export
from lastgood.adapters.git.command import GitError
from lastgood.core.manifest import Manifest, Output
from lastgood.core.selection import select
from lastgood.core.tags import version_tag
from lastgood.errors import Finding, FindingsError, Flaw, NotCarriedOutError
from lastgood.project import Project
from lastgood.releases.release import Release, find_release
from lastgood.versions import environments
from lastgood.versions.code import bring_code

if TYPE_CHECKING:
    from lastgood.adapters.dvc.store import Store


def ensure_release(project: Project, manifest: Manifest, stage: str | None) -> Release:
    """The release of a version with what a stage needs, built if need be. What is live does not change.

    A corrupted object in the cache is dropped and fetched again once. Raises `FindingsError`, `UnreachableError`,
    `NotCarriedOutError`.
    """
    outputs = select(manifest, project.config.wanted(stage, manifest.artifact))
    return find_release(project.place, manifest, outputs) or build_release(project, manifest, outputs)


def build_release(
    project: Project, manifest: Manifest, outputs: tuple[Output, ...], store: "Store | None" = None
) -> Release:
    """Build the release of these outputs of a version; from the project's own store unless another one is given.

    Raises as `ensure_release`.
    """
    from lastgood.releases.builder import BuildRequest, build
    from lastgood.releases.proofs import Proofs
    from lastgood.versions import objects  # 15 ms with the next two, which a release that is built does not need

    store = store or project.store(manifest.project)
    project.place.create()
    sources = objects.find_sources(project, store, manifest.artifact, outputs)
    request = BuildRequest(
        manifest=manifest,
        outputs=outputs,
        export=lambda target: _export(project, manifest, target),
        object_path=sources.place_of,
        members=store.members,
        environment=environments.find_digest(project, manifest),
    )

    def work() -> Release:
        project.on_step("build")
        with Proofs(project.place.proofs) as proofs:
            return build(request, project.place, proofs, lambda done, total: project.report("building", done, total, 0))

    return objects.with_objects(project, store, outputs, work, sources.shared)


def deliver(project: Project, manifest: Manifest, stage: str) -> Release:
    """The release of a version as a machine of a stage needs it, with its environment where the configuration says.

    Raises as `ensure_release` and `ensure_environment` do; what is live does not change.
    """
    release = ensure_release(project, manifest, stage)
    if project.config.environment.deliver:
        environments.ensure_environment(project, manifest)
    return release


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


def _export(project: Project, manifest: Manifest, target: Path) -> None:
    bring_code(project, {manifest.commit: version_tag(manifest.artifact, manifest.version)})
    try:
        export.export_code(project.git, manifest.commit, target)
    except GitError as error:
        # A full disk most often: the commit and its tree were found by the preflight.
        raise NotCarriedOutError(
            f"the code of {manifest.artifact} {manifest.version} cannot be written: {error.words}"
        ) from error
