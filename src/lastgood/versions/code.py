"""The code of versions: a clone has it; our mirror is brought what is needed of it, when it is needed."""

from collections.abc import Mapping

from lastgood.adapters.git import export, mirror, repository
from lastgood.core.listing import is_reserved_code
from lastgood.core.manifest import Manifest
from lastgood.core.tags import version_tag
from lastgood.project import Project


def bring_code(project: Project, commits: Mapping[str, str]) -> None:
    """Have all files of these commits here, by one fetch at most; a tag that points to it stands beside each.

    Raises `UnreachableError`.
    """
    if project.git.git_dir is not None and project.remote is not None:
        mirror.bring(project.git, project.remote, commits, project.deadline * 10)


def reserved_code(project: Project, commit: str) -> tuple[str, ...]:
    """The names at the root of a commit that are reserved for us; none where its tree is not here."""
    return tuple(name for name in repository.names_at(project.git, commit) if is_reserved_code(name))


def read_code(project: Project, manifest: Manifest, path: str) -> bytes | None:
    """A file of a version, or `None` when it has none there. Raises `UnreachableError` when it cannot be fetched."""
    content = export.read_file(project.git, manifest.commit, path)
    if content is None:
        bring_code(project, {manifest.commit: version_tag(manifest.artifact, manifest.version)})
        content = export.read_file(project.git, manifest.commit, path)
    return content
