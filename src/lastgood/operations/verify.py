"""Verifying: every tag what the journal recorded, every commit reachable, every object on the remote."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lastgood.adapters.git import export, repository
from lastgood.adapters.git.checking import check_store
from lastgood.core.manifest import Manifest
from lastgood.core.preflight import Missing
from lastgood.core.references import find_history
from lastgood.core.registry import History, Version
from lastgood.core.selection import own_outputs, pins_artifact
from lastgood.errors import Finding, FindingsError, LastgoodError, UnreachableError
from lastgood.operations.code import bring_code
from lastgood.operations.facts import unpinned
from lastgood.operations.manifests import read_manifest
from lastgood.operations.reading import View, read
from lastgood.operations.repair_refs import find_behind
from lastgood.operations.repair_releases import find_damaged
from lastgood.project import Project
from lastgood.releases import activation
from lastgood.releases.hashing import digests, is_legacy_md5


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

    @property
    def all_findings(self) -> tuple[Finding, ...]:
        """Every finding, those of versions first."""
        return (*(finding for one in self.versions for finding in one.findings), *self.findings)


@dataclass
class _Looked:
    """One version while it is looked at; `manifest` is `None` where it cannot be read."""

    history: History
    version: Version
    findings: list[Finding] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    manifest: Manifest | None = None

    def result(self) -> VersionCheck:
        return VersionCheck(self.history.artifact, self.version.text, tuple(self.findings), tuple(self.unknown))

    @contextmanager
    def telling(self) -> Iterator[None]:
        """What is raised inside is found, or cannot be told."""
        try:
            yield
        except FindingsError as error:
            self.findings += error.findings
        except LastgoodError as error:
            self.unknown.append(f"cannot tell: {error.message}")


def verify(project: Project, artifact: str | None = None, *, deep: bool = False) -> Verified:
    """Check every version of an artifact, or of all; `deep` hashes every object that can be reached, and all releases.

    Raises `UnreachableError` when the git remote is silent; a silent DVC remote is an `unknown` of each version.
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
    _check_objects(project, looked)
    for one in looked if deep else ():
        if one.manifest is not None and not any(finding.kind == "missing" for finding in one.findings):
            with one.telling():
                one.findings += _check_contents(project, one.manifest)
    general += _check_here(project, deep=deep)
    general += _check_live(project, looked)
    return Verified(view, tuple(one.result() for one in looked), tuple(general))


def _check_journal(project: Project, view: View, history: History) -> Iterator[Finding]:
    if entries := find_behind(project, view, history.journal):
        ref = project.journal_ref(history.artifact)
        number = "the last entry" if len(entries) == 1 else f"the last {len(entries)} entries"
        yield Finding("behind", ref, f"the journal {ref} on origin lacks {number} of the one here")


def _look(project: Project, history: History, version: Version) -> _Looked:
    """The version's tag, commit, manifest and code."""
    found = _Looked(history, version)
    found.findings += [finding for finding in history.findings if finding.subject == version.event.tag]
    name = f"{history.artifact} {version.text}"
    shallow = repository.is_shallow(project.git)
    if shallow:
        text = f"cannot tell whether {name} is as recorded: history is cut off here (git fetch --unshallow)"
        found.unknown.append(text)
    if not repository.has_commit(project.git, version.commit):
        if not shallow:
            text = f"the commit of {name}, {version.commit[:12]}, is gone"
            found.findings.append(Finding("code", version.commit, text))
        return found
    with found.telling():
        manifest = read_manifest(project, history, version)
        found.findings += _check_code(project, version, manifest)
        found.unknown += [f"cannot tell: {one.message}" for one in unpinned(manifest)]
        found.manifest = manifest
    return found


def _check_code(project: Project, version: Version, manifest: Manifest) -> Iterator[Finding]:
    if repository.tree_of(project.git, version.commit) != manifest.tree:
        yield Finding("code", version.commit, f"the code of {version.text} is not the tree its manifest names")
    lock = manifest.environment.lock
    if lock is not None:
        content = export.read_file(project.git, version.commit, lock)
        if content is None or f"sha256:{hashlib.sha256(content).hexdigest()}" != manifest.environment.digest:
            yield Finding("environment", lock, f"{lock} of {version.text} is not the lock its manifest names")
    entries = export.list_tree(project.git, version.commit)
    if not pins_artifact(manifest, {entry.path: entry.mode for entry in entries}):
        text = f"{manifest.path}, the path of {manifest.artifact} {version.text}, is neither a DVC output nor in git"
        yield Finding("path", manifest.path, text)
    for path in export.strange_code(project.git, entries):
        yield Finding("code", path, f"{path} of {version.text} is a submodule or LFS pointer")


def _check_objects(project: Project, looked: Iterable[_Looked]) -> None:
    """What the remotes lack: each DVC project's is asked once for all versions.

    Where something is wrong with one of them they are asked one by one, but a remote that was silent is not again.
    """
    parts: dict[Path, list[_Looked]] = {}
    for one in looked:
        if one.manifest is not None:
            with one.telling():
                parts.setdefault(project.store(one.manifest.project).root, []).append(one)
    for part in parts.values():
        manifests = [one.manifest for one in part if one.manifest is not None]
        store = project.store(manifests[0].project)
        try:
            missing = store.missing_on_remote(output for manifest in manifests for output in manifest.stored)
        except UnreachableError as error:
            for one in part:
                one.unknown.append(f"cannot tell: {error.message}")
        except LastgoodError:
            for one, manifest in zip(part, manifests, strict=True):
                with one.telling():
                    one.findings += [_missing(manifest, need) for need in store.missing_on_remote(manifest.stored)]
        else:
            for one, manifest in zip(part, manifests, strict=True):
                own = frozenset(manifest.stored)
                one.findings += [_missing(manifest, need) for need in missing if need.output in own]


def _missing(manifest: Manifest, one: Missing) -> Finding:
    return Finding("missing", str(one.path), f"{one.path} of {manifest.version} ({one.md5}) is not on the remote")


def _check_contents(project: Project, manifest: Manifest) -> Iterator[Finding]:
    """Fetch what the cache lacks and hash everything, from the disk and not from memory of it."""
    store = project.store(manifest.project)
    store.fetch(manifest.stored)
    cache = store.cache()
    for output in manifest.stored:
        objects = [(output.path, output.md5)]
        if output.is_directory:
            objects += [(output.path / member.path, member.md5) for member in store.members(output)]
        for path, md5 in objects:
            place = cache.path_of(md5, legacy=output.legacy)
            found = digests(place)
            wrong = found.md5 != md5.removesuffix(".dir") and not (output.legacy and is_legacy_md5(place, md5))
            bare = not output.is_directory and output.sha256 not in {None, found.sha256}
            if wrong or bare:
                text = f"{path} of {manifest.version}: object {md5} in the cache is corrupted"
                yield Finding("corrupted", str(path), text)


def _check_live(project: Project, looked: Iterable[_Looked]) -> Iterator[Finding]:
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
                yield Finding("incomplete", str(release.path), text)


def _check_here(project: Project, *, deep: bool) -> list[Finding]:
    findings: list[Finding] = []
    for artifact, stage, _ in activation.live_links(project.place):
        findings += activation.inspect_live(project.place, artifact, stage)[1]
    for found in find_damaged(project.place, deep=deep).values():
        findings += [one for one in found if one not in findings]
    if deep:
        findings += check_store(project.git)
    return findings
