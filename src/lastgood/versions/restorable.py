"""Gathering what is known of a version's restorability, for `core.preflight.check` to judge."""

import hashlib
from collections.abc import Iterable

from lastgood.adapters.git import export, repository
from lastgood.core.manifest import Manifest, Output
from lastgood.core.preflight import Code, Facts, check, require_as_registered
from lastgood.core.registry import History, Version
from lastgood.core.selection import select
from lastgood.errors import Finding, FindingsError, Flaw, counted
from lastgood.project import Project
from lastgood.releases.release import find_release
from lastgood.versions.code import bring_code, reserved_code
from lastgood.versions.manifests import read_manifest
from lastgood.versions.selection import require_selection


def unpinned(manifest: Manifest) -> tuple[Finding, ...]:
    """What a restored version still depends on and nothing pins: an artifact whose path is a URL."""
    if "://" not in manifest.path:
        return ()
    text = f"{manifest.artifact} lies at {manifest.path}: no version pins it, so none can restore it"
    return (Finding(Flaw.UNPINNED, manifest.path, text),)


def gather(project: Project, version: Version, manifest: Manifest, *, here: bool, stage: str | None) -> Facts:
    """The facts about one version; the remote is asked unless a verified release of everything it needs stands here.

    A machine that does not switch (`here` false) vouches for others: its own cache and releases count for nothing.
    """
    if not repository.has_commit(project.git, version.commit):
        return Facts(manifest, None)
    chosen = select(manifest, project.config.wanted(stage, version.event.artifact))
    if here and find_release(project.place, manifest, chosen) is not None:
        # Its code and lock were verified when it was born; a listing grows with files.
        return Facts(manifest, Code("", {}, reserved=reserved_code(project, version.commit)), built=True)
    bring_code(project, {version.commit: version.event.tag})
    store = project.store(manifest.project)
    from lastgood.versions.objects import lacking  # not needed where a release is built

    missing_here = lacking(project, store, manifest.artifact, manifest.stored) if here else None
    # Who has everything need not ask: a corrupted object is found by the build, before anything is recorded.
    missing_on_remote = None if missing_here == () else store.missing_on_remote(manifest.stored)
    code = gather_code(project, manifest, chosen)  # when the listings are here
    return Facts(manifest, code, missing_here=missing_here, missing_on_remote=missing_on_remote)


def gather_code(project: Project, manifest: Manifest, outputs: Iterable[Output]) -> Code:
    """What the version's commit holds, and whether it fits together with these outputs."""
    from lastgood.versions.fitting import check_fit  # not needed where a release is built

    git, lock = project.git, manifest.environment.lock
    entries = export.list_tree(git, manifest.commit)
    content = export.read_file(git, manifest.commit, lock) if lock else None
    return Code(
        tree=repository.tree_of(git, manifest.commit),
        modes={entry.path: entry.mode for entry in entries},
        strange=export.strange_code(git, entries),
        reserved=reserved_code(project, manifest.commit),
        lock=f"sha256:{hashlib.sha256(content).hexdigest()}" if content is not None else None,
        unfit=check_fit(git, entries, outputs, project.store(manifest.project)),
    )


def require_restorable(
    project: Project, history: History, version: Version, *, here: bool, stage: str | None
) -> Manifest:
    """The manifest of a version that can be restored. Raises `FindingsError` with everything that stands in the way.

    The section of the stage counts whether this machine switches or not: each machine that follows the stage would
    refuse what it does not fit.
    """
    require_as_registered(history, version)
    name = f"{history.artifact} {version.text}"
    manifest = read_manifest(project, history, version)
    require_selection(project, history, version, manifest, stage)
    findings = check(version, gather(project, version, manifest, here=here, stage=stage))
    if findings:
        raise FindingsError(
            f"{name} cannot be restored: {counted(len(findings), 'finding')}",
            findings,
            hint=f"push the missing objects from a machine that has them: git checkout {version.event.tag} && dvc push"
            if any(finding.kind == Flaw.MISSING for finding in findings)
            else f"lastgood list {history.artifact}",
        )
    return manifest
