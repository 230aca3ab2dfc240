"""Releases on this machine that are damaged: unfinished, changed, forged, or writable by other users."""

from collections.abc import Iterable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from lastgood.adapters.git import export
from lastgood.adapters.git.command import GitError
from lastgood.adapters.git.objects import is_blob
from lastgood.core.digests import tree_sha256
from lastgood.core.manifest import Manifest
from lastgood.errors import Finding, FindingsError, Flaw
from lastgood.project import Project
from lastgood.releases.census import find_changed
from lastgood.releases.contents import check_release, divide
from lastgood.releases.proofs import Proofs
from lastgood.releases.release import Release, is_of, load_release, release_directories
from lastgood.releases.rights import find_writable

LINK = "120000"
"""git's mode of a symbolic link, whose content is its target."""


def find_damaged(project: Project, manifests: Iterable[Manifest], *, deep: bool) -> dict[Path, tuple[Finding, ...]]:
    """The directories among the releases that are no finished release, not what the manifest under their version's tag
    says, that other users may write, or with `deep` not what they were born as."""
    known, place = {(one.artifact, one.version, one.commit): one for one in manifests}, project.place
    found: dict[Path, tuple[Finding, ...]] = {}
    for path in release_directories(place):
        try:
            release = load_release(path)
        except FindingsError as error:
            found[path] = error.findings
            continue
        manifest = known.get((release.artifact, release.version, release.commit))
        if manifest is not None and not is_of(release, manifest):
            found[path] = (_forged(path, manifest),)
            continue
        findings = find_writable(path, place.root.stat().st_uid)
        if deep:
            with Proofs(Path(":memory:")) as proofs:  # from the disk, not from memory: bits rot without a new time
                findings += check_release(release, proofs)
            if not findings and manifest is not None and not _has_code_of(project, release, manifest):
                findings = (_forged(path, manifest),)
        if findings := findings or find_changed(release):
            found[path] = findings
    return found


def _forged(path: Path, manifest: Manifest) -> Finding:
    text = f"{path} says of itself what the tag of {manifest.artifact} {manifest.version} does not"
    return Finding(Flaw.BROKEN_RELEASE, str(path), text)


def _has_code_of(project: Project, release: Release, manifest: Manifest) -> bool:
    """Whether the code that a release was born with is the commit's, as far as git can tell: what it has lost or
    damaged says nothing about a release, and is told elsewhere."""
    members = []
    with suppress(GitError):
        entries = {one.path: one for one in export.list_tree(project.git, manifest.commit)}
        for path in divide(entries, release.outputs, release.tracked)[1]:
            found, oid = project.git.objects.read(entries[path].oid), entries[path].oid
            if found is None or not is_blob(found[1], oid):
                return True
            size = -1 if entries[path].mode == LINK else len(found[1])
            members.append((path, size, sha256(found[1]).hexdigest()))
        return tree_sha256(members) == release.code
    return True
