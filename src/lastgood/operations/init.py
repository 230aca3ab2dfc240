"""Preparing a project: `lastgood.toml` with every setting and its default, and our directory; nothing else."""

import os
from dataclasses import dataclass

from lastgood.adapters.git import repository
from lastgood.core.config import FILE, settings
from lastgood.core.config.setting import format_toml
from lastgood.errors import UsageError
from lastgood.project import Project
from lastgood.releases.durable import write_atomic
from lastgood.versions import manifests

_HEAD = """\
# What lastgood does in this project. Every setting has the default shown; delete what you do not change.
# It is read from the checkout that runs lastgood, never from the version being restored.
"""
_RELEASE = """
# The outputs that a stage's machines need, as paths from the git root; without such a section all that the artifact's
# own dvc.yaml needs. The artifact's own path always belongs to them. An artifact's section comes before the stage's.
# [release.prod]
# outputs = ["models/"]
# [release.prod."teams/fraud:model"]
# outputs = ["teams/fraud/models/"]
"""


@dataclass(frozen=True, slots=True)
class Initialized:
    """Files made and files that were there, the artifacts that can be registered, and what is still to do."""

    created: tuple[str, ...]
    existed: tuple[str, ...]
    artifacts: tuple[str, ...]
    notes: tuple[str, ...]
    dry_run: bool = False


def init(project: Project, *, dry_run: bool = False) -> Initialized:
    """Write what is missing; said twice, the second time changes nothing. Raises `UsageError` on a serving host."""
    if project.root is None:
        raise UsageError("a serving host needs no init: lastgood sync NAME --stage S --root DIR --repo URL")
    path, place = project.root / FILE, f"{os.path.relpath(project.place.root, project.root)}/"
    created: list[str] = []
    existed: list[str] = []
    for there, name in ((path.exists(), FILE), (project.place.root.exists(), place)):
        (existed if there else created).append(name)
    if not dry_run:
        project.place.create()
        if not path.exists():
            write_atomic(path, template().encode())
    commit = repository.head(project.worktree)
    declared: list[str] = []
    for directory in repository.projects_at(project.worktree, commit) if commit else ():
        declared += [one.name for one in manifests.read_pinned(project, commit or "", directory).artifacts]
    return Initialized(
        tuple(created), tuple(existed), tuple(sorted(declared)), tuple(_notes(project, declared)), dry_run
    )


def template() -> str:
    """`lastgood.toml` with every setting at its default, as comments below its section."""
    lines, last = [_HEAD], ""
    for section, one, value in settings():
        if section.startswith("release"):
            continue
        if section != last:
            lines.append(f"\n[{section}]\n")
            last = section
        unit = one.metadata["unit"]
        lines.append(f"# {one.name} = {format_toml(value)}" + (f"  # {unit}" if unit else "") + "\n")
    return "".join([*lines, _RELEASE])


def _notes(project: Project, declared: list[str]) -> list[str]:
    notes = []
    if not declared:
        notes.append("no dvc.yaml committed here declares an artifact: add `artifacts:` with a name and a path")
    if project.remote is None:
        notes.append(f"there is no git remote {project.config.registry.remote}: versions stay in this clone")
    if project.store(".").default_remote() is None:
        notes.append("there is no default DVC remote: dvc remote add -d NAME URL")
    return notes
