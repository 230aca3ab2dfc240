"""The manifest of a version: from its journal entry, or worked out from the commit for an adopted one."""

import hashlib
import platform
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from lastgood.adapters.git import export, repository
from lastgood.core.listing import PLACE
from lastgood.core.manifest import Environment, Manifest
from lastgood.core.registry import History, Version
from lastgood.core.tags import split_artifact
from lastgood.errors import Finding, FindingsError, Flaw, UnknownError, UnreachableError
from lastgood.project import Project
from lastgood.versions import derived
from lastgood.versions.code import bring_code

if TYPE_CHECKING:
    from lastgood.adapters.dvc.version import Declared, Pinned

LOCKS = ("uv.lock", "pylock.toml", "requirements.lock", "requirements.txt")


def read_manifest(project: Project, history: History, version: Version) -> Manifest:
    """What a version pins. Raises `FindingsError` for an unusable journal entry, or a commit that is gone."""
    return _read(project, history, version, values=False)[0]


def read_with_unread(project: Project, history: History, version: Version) -> tuple[Manifest, tuple[Finding, ...]]:
    """As `read_manifest`; and the metrics and parameters files of a version without a recorded manifest whose content
    is not here."""
    return _read(project, history, version, values=True)


def _read(
    project: Project, history: History, version: Version, *, values: bool
) -> tuple[Manifest, tuple[Finding, ...]]:
    entry = history.journal.entry_of.get(version.event.oid)
    if entry is not None and (manifest := _recorded(project, version, entry.commit)) is not None:
        return manifest, ()
    if repository.has_commit(project.git, version.commit):
        known = derived.recall(project, version, values=values)
        if known is not None:
            return known, ()
    manifest, unread = derive(project, version)
    derived.remember(project, version, manifest, values=not unread)
    return manifest, unread


def read_environment(project: Project, history: History, version: Version) -> Environment:
    """The environment a version pins; DVC is not asked. Raises `FindingsError` for an unusable journal entry."""
    entry = history.journal.entry_of.get(version.event.oid)
    if entry is not None and (manifest := _recorded(project, version, entry.commit)) is not None:
        return manifest.environment
    _require_code(project, version)
    known = derived.recall(project, version, values=False)
    return known.environment if known is not None else find_environment(project, version.commit, None)


def _recorded(project: Project, version: Version, entry: str) -> Manifest | None:
    raw = export.read_file(project.git, entry, "manifest.json")
    name = f"{version.event.artifact} {version.text}"
    if raw is None and "Manifest" in version.event.message.trailers:
        raise _no_manifest(name, "it is gone, or damaged")  # not worked out anew: that would be without its SHA-256
    if raw is None:
        return None
    try:
        manifest = Manifest.parse(raw)
    except ValueError as error:
        raise _no_manifest(name, str(error)) from error
    pinned = version.event.message.trailers.get("Manifest", manifest.digest)
    if manifest.digest != pinned or manifest.commit != version.commit or manifest.version != version.text:
        raise _no_manifest(name, "it is not the one its tag names")
    return manifest


def _no_manifest(name: str, why: str) -> FindingsError:
    finding = Finding(Flaw.MANIFEST, name, f"the manifest of {name} in the journal cannot be used: {why}")
    return FindingsError(f"{finding.message}", [finding], hint="lastgood verify")


def derive(project: Project, version: Version) -> tuple[Manifest, tuple[Finding, ...]]:
    """The manifest of a version that has none, from its commit; without SHA-256, which only `register` computes. And
    the metrics and parameters files that could not be read."""
    _require_code(project, version)
    directory = project_of(project, version.commit, version.event.artifact)
    pinned = read_pinned(project, version.commit, directory)
    _require_no_place(version, pinned)
    declared = find_declared(pinned, version.event.artifact)
    manifest = make_manifest(project, version.text, version.commit, pinned, declared, python=None)
    return replace(manifest, artifact=version.event.artifact, project=directory), pinned.unread


def _require_no_place(version: Version, pinned: "Pinned") -> None:
    """Raise `FindingsError` for a version with an output where older versions of lastgood read what they know."""
    found = [one for one in pinned.problems if one.kind == Flaw.UNSAFE_PATH and f"`{PLACE}`" in one.message]
    if found:
        name = f"{version.event.artifact} {version.text}"
        raise FindingsError(f"{name} cannot be restored: {found[0]}", found)


def _require_code(project: Project, version: Version) -> None:
    """Raise `FindingsError` for a version whose commit is gone, or cannot be fetched now."""
    name, why = f"{version.event.artifact} {version.text}", ""
    try:
        bring_code(project, {version.commit: version.event.tag})
    except UnreachableError as error:  # a finding about this version: others can be looked at
        why = f": {error.message}"
    if why or not repository.has_commit(project.git, version.commit):
        finding = Finding(
            Flaw.CODE, version.commit, f"the commit of {name}, {version.commit[:12]}, is not available{why}"
        )
        raise FindingsError(f"{finding.message}", [finding], hint="git fetch --unshallow")


def project_of(project: Project, commit: str, artifact: str) -> str:
    """The directory of the DVC project of an artifact at a commit: the nearest one above its `dvc.yaml`."""
    there = repository.projects_at(project.git, commit)
    start = PurePosixPath(split_artifact(artifact)[0] or ".")
    for directory in (start, *start.parents):
        if str(directory) in there:
            return str(directory)
    if len(there) == 1 and start == PurePosixPath():
        return there[0]
    finding = Finding(Flaw.PROJECT, artifact, f"commit {commit[:12]} has no DVC project for {artifact}")
    raise FindingsError(f"{finding.message}", [finding])


def read_pinned(project: Project, commit: str, directory: str) -> "Pinned":
    """What DVC says of a commit, read by a process with limits; most manifests are in the journal, and need none.

    Raises `FindingsError` for files that DVC refuses, or that cost more than the limits.
    """
    git_dir = Path(export.git_directory(project.git))
    store = project.store(directory)
    return project.reader().read(git_dir, commit, directory, store.remotes(), store.cache())


def find_declared(pinned: "Pinned", artifact: str) -> "Declared | None":
    """The artifact's entry in a `dvc.yaml`, or `None`: GTO registers undeclared names too."""
    return next((declared for declared in pinned.artifacts if declared.name == artifact), None)


def make_manifest(  # the facts of one manifest, from four places
    project: Project, version: str, commit: str, pinned: "Pinned", declared: "Declared | None", *, python: str | None
) -> Manifest:
    """The manifest that a commit makes; outputs as DVC recorded them. `python` is the version to pin, if known."""
    artifact = declared.name if declared else ""
    return Manifest(
        artifact=artifact,
        version=version,
        commit=commit,
        tree=repository.tree_of(project.git, commit),
        project=declared.project if declared else ".",
        path=declared.path if declared else "",
        outputs=pinned.outputs,
        data=_training_data(pinned, declared),
        metrics=pinned.metrics,
        parameters=pinned.parameters,
        environment=find_environment(project, commit, python),
        needed=_needed(pinned, declared),
    )


def _needed(pinned: "Pinned", declared: "Declared | None") -> tuple[str, ...]:
    """What the artifact's own `dvc.yaml` needs, where that is less than all the outputs of the DVC project."""
    paths = [one.path for one in pinned.outputs]
    own = pinned.needed.get(declared.name, frozenset()) if declared else frozenset()
    needed = tuple(str(path) for path in paths if path in own)
    return () if len(needed) == len(paths) else needed


def _training_data(pinned: "Pinned", declared: "Declared | None") -> tuple[str, ...]:
    try:
        return pinned.training_data(declared.path) if declared else ()
    except UnknownError:
        return ()


def find_environment(project: Project, commit: str, python: str | None) -> Environment:
    """The environment lock of a commit and its digest; Python's version from `.python-version`, else `python`."""
    configured = project.config.environment.lock
    wanted = export.read_file(project.git, commit, ".python-version")
    version = wanted.decode(errors="replace").strip() if wanted else python
    for name in (configured,) if configured else LOCKS:
        content = export.read_file(project.git, commit, name)
        if content is not None:
            return Environment(version, name, "sha256:" + hashlib.sha256(content).hexdigest())
    return Environment(version)


def running_python() -> str:
    """The version of the Python that runs us, which is the one the gate ran in."""
    return platform.python_version()
