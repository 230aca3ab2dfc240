"""Verifying: every tag what the journal recorded, every commit reachable, every object on the remote."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lastgood.adapters.git import export, repository
from lastgood.adapters.git.checking import check_store
from lastgood.core.manifest import Manifest
from lastgood.core.preflight import Missing
from lastgood.core.references import find_history
from lastgood.core.registry import History, Version
from lastgood.errors import Finding, FindingsError, LastgoodError, UnreachableError
from lastgood.operations.code import bring_code
from lastgood.operations.facts import unpinned
from lastgood.operations.manifests import read_manifest
from lastgood.operations.reading import View, read
from lastgood.project import Project
from lastgood.releases import activation
from lastgood.releases.hashing import digests, is_legacy_md5
from lastgood.releases.proofs import Proofs
from lastgood.releases.release import check_release, list_releases


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


def verify(project: Project, artifact: str | None = None, *, deep: bool = False) -> Verified:
    """Check every version of an artifact, or of all; `deep` hashes every object that can be reached, and all releases.

    Raises `UnreachableError` when the git remote is silent; a silent DVC remote is an `unknown` of each version.
    """
    view = read(project, fetch=True)
    histories = [find_history(view.registry, artifact)] if artifact else list(view.registry.artifacts.values())
    checks = []
    silent: dict[str, UnreachableError] = {}
    general = list(view.registry.findings)
    bring_code(project, {one.commit: one.event.tag for history in histories for one in history.versions})
    for history in histories:
        tags = {version.event.tag for version in history.versions}
        general += [finding for finding in history.findings if finding.subject not in tags]
        for place, version in enumerate(history.versions, 1):
            project.report("verifying", place, len(history.versions), 0)
            checks.append(_check(project, history, version, silent, deep=deep))
    general += _check_here(project, deep=deep)
    return Verified(view, tuple(checks), tuple(general))


def _check(
    project: Project, history: History, version: Version, silent: dict[str, UnreachableError], *, deep: bool
) -> VersionCheck:
    findings = [finding for finding in history.findings if finding.subject == version.event.tag]
    unknown: list[str] = []
    name = f"{history.artifact} {version.text}"
    shallow = repository.is_shallow(project.git)
    if shallow:
        unknown.append(f"cannot tell whether {name} is as recorded: history is cut off here (git fetch --unshallow)")
    if not repository.has_commit(project.git, version.commit):
        if not shallow:
            text = f"the commit of {name}, {version.commit[:12]}, is gone"
            findings.append(Finding("code", version.commit, text))
        return VersionCheck(history.artifact, version.text, tuple(findings), tuple(unknown))
    try:
        manifest = read_manifest(project, history, version)
        findings += _check_code(project, version, manifest)
        unknown += [f"cannot tell: {one.message}" for one in unpinned(manifest)]
        findings += _check_objects(project, manifest, silent)
        if deep and not any(finding.kind == "missing" for finding in findings):
            findings += _check_contents(project, manifest)
    except FindingsError as error:
        findings += error.findings
    except LastgoodError as error:
        unknown.append(f"cannot tell: {error.message}")
    return VersionCheck(history.artifact, version.text, tuple(findings), tuple(unknown))


def _check_code(project: Project, version: Version, manifest: Manifest) -> Iterator[Finding]:
    if repository.tree_of(project.git, version.commit) != manifest.tree:
        yield Finding("code", version.commit, f"the code of {version.text} is not the tree its manifest names")
    lock = manifest.environment.lock
    if lock is not None:
        content = export.read_file(project.git, version.commit, lock)
        if content is None or f"sha256:{hashlib.sha256(content).hexdigest()}" != manifest.environment.digest:
            yield Finding("environment", lock, f"{lock} of {version.text} is not the lock its manifest names")
    for path in export.strange_code(project.git, export.list_tree(project.git, version.commit)):
        yield Finding("code", path, f"{path} of {version.text} is a submodule or LFS pointer")


def _check_objects(project: Project, manifest: Manifest, silent: dict[str, UnreachableError]) -> list[Finding]:
    """What the remote lacks. One that was silent is not waited for again for each version; `silent` remembers it."""
    if manifest.project in silent:
        raise silent[manifest.project]
    try:
        missing = project.store(manifest.project).missing_on_remote(manifest.stored)
    except UnreachableError as error:
        silent[manifest.project] = error
        raise
    return [_missing(manifest, one) for one in missing]


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


def _check_here(project: Project, *, deep: bool) -> list[Finding]:
    findings: list[Finding] = []
    for artifact, stage, _ in activation.live_links(project.place):
        findings += activation.inspect_live(project.place, artifact, stage)[1]
    if deep:
        with Proofs(Path(":memory:")) as proofs:  # from the disk, not from memory of it: bits rot without a new time
            for release in list_releases(project.place):
                findings += check_release(release, proofs)
        findings += check_store(project.git)
    return findings
