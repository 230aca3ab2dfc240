"""Building releases: of a version, and anew in the place of a damaged one, which may be live."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lastgood.adapters.git import export
from lastgood.adapters.git.command import GitError
from lastgood.core.manifest import Manifest, Output
from lastgood.core.tags import version_tag
from lastgood.errors import NotCarriedOutError
from lastgood.project import Project
from lastgood.releases import durable
from lastgood.releases.place import Place
from lastgood.releases.release import Release, description_path, load_release
from lastgood.versions import environments
from lastgood.versions.code import bring_code

if TYPE_CHECKING:
    from lastgood.adapters.dvc.store import Store


def build_release(
    project: Project, manifest: Manifest, outputs: tuple[Output, ...], store: "Store | None" = None
) -> Release:
    """Build the release of these outputs of a version; from the project's own store unless another one is given.

    A corrupted object in the cache is dropped and fetched again once. Raises `FindingsError`, `UnreachableError`,
    `NotCarriedOutError`.
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


def rebuild(project: Project, path: Path, manifest: Manifest, outputs: tuple[Output, ...]) -> Release | None:
    """Build the release of these outputs anew and exchange it for the directory at `path`, unless somebody works in
    that (`None`). A live link leads to one of the two at every instant (ordering.md, I1, O3).

    The caller holds the place's exclusive lock. Raises as `build_release`; then the directory is what it was.
    """
    from lastgood.releases.census import census_path
    from lastgood.releases.staging import gate, stage
    from lastgood.releases.use import unused

    with stage(project.place) as room:
        # A place of its own, without memory: nothing is taken from what is damaged, everything is hashed.
        inner = replace(project, place=Place(room / "new"))
        fresh = build_release(inner, manifest, outputs, project.store(manifest.project))
        with unused(project.place, path) as free:
            if not free:
                return None
            project.on_step("exchange")
            for directory in (path, fresh.path):
                directory.chmod(0o755)  # a read-only directory cannot be moved into another one
            with gate(project.place):
                # Both tell of the release that takes this place, and are there before it. If the process dies in
                # between, the census says that the old one is damaged, as it is.
                if census_path(fresh.path).exists():
                    census_path(fresh.path).replace(census_path(path))
                durable.write_atomic(description_path(path), description_path(fresh.path).read_bytes(), mode=0o444)
                durable.exchange(fresh.path, path)
            path.chmod(0o555)
            durable.fsync_directory(path)
    return load_release(path)


def _export(project: Project, manifest: Manifest, target: Path) -> None:
    bring_code(project, {manifest.commit: version_tag(manifest.artifact, manifest.version)})
    try:
        export.export_code(project.git, manifest.commit, target)
    except GitError as error:
        # A full disk most often: the commit and its tree were found by the preflight.
        raise NotCarriedOutError(
            f"the code of {manifest.artifact} {manifest.version} cannot be written: {error.words}"
        ) from error
