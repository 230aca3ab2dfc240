"""Verifying: every tag what the journal recorded, every commit reachable, every object on the remote."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lastgood.adapters.git import export, repository
from lastgood.adapters.git.checking import check_store
from lastgood.core.manifest import Manifest
from lastgood.core.preflight import reserved
from lastgood.core.references import find_history
from lastgood.core.registry import History, Version
from lastgood.core.selection import own_outputs, pins_artifact
from lastgood.core.subset import Subset
from lastgood.errors import Finding, Flaw, LastgoodError
from lastgood.machine.damaged import find_damaged
from lastgood.operations.verify.objects import Looked, check_objects
from lastgood.project import Project
from lastgood.registry.agreement import find_behind
from lastgood.registry.view import View, read
from lastgood.releases import activation
from lastgood.versions.code import bring_code, reserved_code
from lastgood.versions.manifests import read_manifest
from lastgood.versions.restorable import unpinned


@dataclass(frozen=True, slots=True)
class VersionCheck:
    """One version: what is wrong, and what could not be told and why."""

    artifact: str
    version: str
    findings: tuple[Finding, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verified:
    """Everything that was looked at. `findings` concern the registry and this machine's releases."""

    view: View
    versions: tuple[VersionCheck, ...]
    findings: tuple[Finding, ...]
    silent: LastgoodError | None = None
    """Why a DVC remote could not be asked; what that left unknown is with the versions."""

    @property
    def all_findings(self) -> tuple[Finding, ...]:
        """Every finding, those of versions first."""
        return (*(finding for one in self.versions for finding in one.findings), *self.findings)


def verify(
    project: Project, artifact: str | None = None, *, deep: bool = False, subset: Subset | None = None
) -> Verified:
    """Check every version of an artifact, or of all; `deep` hashes what the DVC remotes and the cache hold, of a part
    of the objects with `subset`, and all releases.

    Raises `UnreachableError` when the git remote is silent; a DVC remote that is silent or not there is an `unknown` of
    each version, and `silent`.
    """
    view = read(project, fetch=True)
    histories = [find_history(view.registry, artifact)] if artifact else list(view.registry.artifacts.values())
    looked = []
    general = list(view.registry.findings)
    bring_code(project, {one.commit: one.event.tag for history in histories for one in history.versions})
    for history in histories:
        tags = {version.event.tag for version in history.versions}
        general += [finding for finding in history.findings if finding.subject not in tags]
        general += _check_journal(project, view, history)
        for place, version in enumerate(history.versions, 1):
            project.report("verifying", place, len(history.versions), 0)
            looked.append(_look(project, history, version))
    check_objects(project, looked, deep=deep, subset=subset)
    general += _check_here(project, [one.manifest for one in looked if one.manifest is not None], deep=deep)
    general += _check_live(project, looked)
    silent = next((one.silent for one in looked if one.silent is not None), None)
    return Verified(view, tuple(map(_result, looked)), tuple(general), silent)


def _result(one: Looked) -> VersionCheck:
    return VersionCheck(one.history.artifact, one.version.text, tuple(one.findings), tuple(one.unknown))


def _check_journal(project: Project, view: View, history: History) -> Iterator[Finding]:
    if entries := find_behind(project, history.journal, view.origin):
        ref = project.journal_ref(history.artifact)
        number = "the last entry" if len(entries) == 1 else f"the last {len(entries)} entries"
        yield Finding(Flaw.BEHIND, ref, f"the journal {ref} on origin lacks {number} of the one here")


def _look(project: Project, history: History, version: Version) -> Looked:
    """The version's tag, commit, manifest and code."""
    found = Looked(history, version)
    found.findings += [finding for finding in history.findings if finding.subject == version.event.tag]
    name = f"{history.artifact} {version.text}"
    shallow = repository.is_shallow(project.git)
    if shallow:
        text = f"cannot tell whether {name} is as recorded: history is cut off here (git fetch --unshallow)"
        found.unknown.append(text)
    if not repository.has_commit(project.git, version.commit):
        if not shallow:
            text = f"the commit of {name}, {version.commit[:12]}, is gone"
            found.findings.append(Finding(Flaw.CODE, version.commit, text))
        return found
    with found.telling():
        manifest = read_manifest(project, history, version)
        found.findings += _check_code(project, version, manifest)
        found.unknown += [one.message for one in unpinned(manifest)]
        found.manifest = manifest
    return found


def _check_code(project: Project, version: Version, manifest: Manifest) -> Iterator[Finding]:
    if repository.tree_of(project.git, version.commit) != manifest.tree:
        yield Finding(Flaw.CODE, version.commit, f"the code of {version.text} does not match its manifest")
    lock = manifest.environment.lock
    if lock is not None:
        content = export.read_file(project.git, version.commit, lock)
        if content is None or f"sha256:{hashlib.sha256(content).hexdigest()}" != manifest.environment.digest:
            yield Finding(Flaw.ENVIRONMENT, lock, f"{lock} of {version.text} does not match its manifest")
    yield from (reserved(path, version.text) for path in reserved_code(project, version.commit))
    entries = export.list_tree(project.git, version.commit)
    if not pins_artifact(manifest, {entry.path: entry.mode for entry in entries}):
        text = f"{manifest.path}, the path of {manifest.artifact} {version.text}, is neither a DVC output nor in git"
        yield Finding(Flaw.PATH, manifest.path, text)
    for path in export.strange_code(project.git, entries):
        yield Finding(Flaw.CODE, path, f"{path} of {version.text} is a submodule or LFS pointer")


def _check_live(project: Project, looked: Iterable[Looked]) -> Iterator[Finding]:
    """Live releases without their own artifact: built before that was refused, each file of them is as it was."""
    known = {(one.history.artifact, one.version.text, one.version.commit): one.manifest for one in looked}
    for artifact, stage, _ in activation.live_links(project.place):
        release = activation.live(project.place, artifact, stage)
        manifest = known.get((artifact, release.version, release.commit)) if release is not None else None
        if release is None or manifest is None:
            continue
        held = {output.path for output in release.outputs}
        for output in own_outputs(manifest):
            if output.path not in held and output.storage == "dvc":
                text = f"{release.path}, live in {stage}, lacks {output.path}: lastgood sync {artifact} --stage {stage}"
                yield Finding(Flaw.INCOMPLETE, str(release.path), text)


def _check_here(project: Project, manifests: Iterable[Manifest], *, deep: bool) -> list[Finding]:
    findings: list[Finding] = []
    for artifact, stage, _ in activation.live_links(project.place):
        findings += activation.inspect_live(project.place, artifact, stage)[1]
    for found in find_damaged(project, manifests, deep=deep).values():
        findings += [one for one in found if one not in findings]
    if deep:
        findings += check_store(project.git)
    return findings
