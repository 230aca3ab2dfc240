"""What differs between two versions: code, data, parameters, metrics, environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from lastgood.adapters.git import repository
from lastgood.adapters.git.repository import Change
from lastgood.core.manifest import Json, Manifest, Output, PackageChange
from lastgood.core.references import find_version
from lastgood.core.registry import History, Version
from lastgood.errors import LastgoodError, UsageError
from lastgood.project import Project
from lastgood.registry.view import View, read
from lastgood.versions.code import bring_code
from lastgood.versions.lockfiles import compare_environments
from lastgood.versions.manifests import read_with_unread


@dataclass(frozen=True, slots=True)
class OutputChange:
    """One output that differs; sizes in bytes. The files are those of a directory whose listings can be had."""

    path: str
    kind: str
    old_size: int | None
    new_size: int | None
    files_added: tuple[str, ...] | None = None
    files_removed: tuple[str, ...] | None = None
    files_changed: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class ValueChange:
    """A parameter or metric, `file:key`; `None` where a version has none."""

    key: str
    old: Json
    new: Json


@dataclass(frozen=True)
class Difference:
    """Everything that differs, old to new, and what could not be told."""

    view: View
    history: History
    old: Version
    new: Version
    code: tuple[Change, ...]
    outputs: tuple[OutputChange, ...]
    parameters: tuple[ValueChange, ...]
    metrics: tuple[ValueChange, ...]
    environment: tuple[PackageChange, ...]
    python: tuple[str | None, str | None]
    warnings: tuple[str, ...]


def diff(project: Project, old: str, new: str, *, fetch: bool = False) -> Difference:
    """Compare two versions of one artifact. Raises `UsageError` for two artifacts, `UnknownError`, `FindingsError`."""
    view = read(project, fetch=fetch)
    history, former = find_version(view.registry, old)
    other, later = find_version(view.registry, new)
    if other.artifact != history.artifact:
        raise UsageError(f"{old} and {new} are versions of different artifacts")
    (first, lost), (second, lacked) = (read_with_unread(project, history, one) for one in (former, later))
    bring_code(project, {one.commit: one.event.tag for one in (former, later)})
    warnings = [f"{one.text}: {found}" for one, unread in ((former, lost), (later, lacked)) for found in unread]
    environment = compare_environments(project, (former, first.environment), (later, second.environment))
    warnings += environment.unknown
    return Difference(
        view=view,
        history=history,
        old=former,
        new=later,
        code=repository.changes(project.git, former.commit, later.commit),
        outputs=tuple(_outputs(project, first, second, warnings)),
        parameters=_values(first.parameters, second.parameters),
        metrics=_values(first.metrics, second.metrics),
        environment=environment.packages,
        python=environment.python,
        warnings=tuple(warnings),
    )


def _outputs(project: Project, old: Manifest, new: Manifest, warnings: list[str]) -> list[OutputChange]:
    before = {output.path: output for output in old.outputs}
    after = {output.path: output for output in new.outputs}
    changes = []
    for path in sorted(before.keys() | after.keys()):
        first, second = before.get(path), after.get(path)
        if first is not None and second is not None:
            if first.md5 == second.md5:
                continue
            changes.append(_changed(project, (old, first), (new, second), warnings))
        else:
            kind = "removed" if second is None else "added"
            changes.append(
                OutputChange(str(path), kind, first.size if first else None, second.size if second else None)
            )
    return changes


def _changed(
    project: Project, old: tuple[Manifest, Output], new: tuple[Manifest, Output], warnings: list[str]
) -> OutputChange:
    first, second = old[1], new[1]
    bare = OutputChange(str(second.path), "changed", first.size, second.size)
    if not (first.is_directory and second.is_directory):
        return bare
    try:
        before, after = (_members(project, manifest, output) for manifest, output in (old, new))
    except LastgoodError as error:
        warnings.append(f"the files of {second.path} cannot be compared: {error.message}")
        return bare
    return OutputChange(
        path=bare.path,
        kind=bare.kind,
        old_size=bare.old_size,
        new_size=bare.new_size,
        files_added=tuple(sorted(after.keys() - before.keys())),
        files_removed=tuple(sorted(before.keys() - after.keys())),
        files_changed=tuple(sorted(name for name in before.keys() & after.keys() if before[name] != after[name])),
    )


def _members(project: Project, manifest: Manifest, output: Output) -> dict[str, str]:
    """The files of a directory by its listing; asking the remote for the members brings a listing that lacks."""
    store = project.store(manifest.project)
    if not store.cache().has(output.md5, legacy=output.legacy):
        store.missing_on_remote([output])
    return {member.path: member.md5 for member in store.members(output)}


def _values(old: Mapping[str, Json], new: Mapping[str, Json]) -> tuple[ValueChange, ...]:
    keys = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
    return tuple(ValueChange(key, old.get(key), new.get(key)) for key in keys)
