"""Repairing releases: a damaged one goes when nothing uses it, and is built anew and exchanged when it is live."""

from collections.abc import Iterable
from pathlib import Path

from lastgood.core.manifest import Manifest, Output
from lastgood.core.repairs import Mended
from lastgood.core.selection import select
from lastgood.errors import Finding, Flaw
from lastgood.machine.building import rebuild
from lastgood.machine.damaged import find_damaged
from lastgood.project import Project
from lastgood.releases.activation import is_live
from lastgood.releases.proofs import Proofs
from lastgood.releases.pruning import remove_directory
from lastgood.releases.release import release_path

Results = list[Mended | Finding]


def mend_releases(project: Project, manifests: Iterable[Manifest], *, deep: bool, dry_run: bool) -> Results:
    """Take away what `find_damaged` finds; what is live is exchanged for a new one in one step, what is in use stays.

    The caller holds the place's exclusive lock, so that nobody switches (ordering.md, O7).
    """
    known = list(manifests)
    results: Results = []
    for path, findings in find_damaged(project, known, deep=deep).items():
        name = f"{path.parent.name}/{path.name}"
        if is_live(project.place, path):
            wanted = _find(project, known, path)
            if wanted is None:
                text = f"{name} is damaged and live, and no version here is built there: assign another one and sync"
                results += [*findings, Finding(Flaw.BROKEN_RELEASE, str(path), text)]
            elif dry_run or rebuild(project, path, *wanted):
                results.append(Mended("release", name, "rebuilt and exchanged, because it is live", "cache and remote"))
            else:
                results += findings
        elif dry_run:
            results.append(Mended("release", name, "removed, because it is damaged and not live", "-"))
        else:
            project.on_step("remove release")
            with Proofs(project.place.proofs) as proofs:
                removed = remove_directory(project.place, path, proofs)
            done = Mended("release", name, "removed, because it is damaged and not live", "-")
            results += [done] if removed else findings
    return results


def _find(project: Project, manifests: Iterable[Manifest], path: Path) -> tuple[Manifest, tuple[Output, ...]] | None:
    """Which version, with which outputs, has its release at this path."""
    for manifest in manifests:
        for wanted in project.config.wanted_anywhere(manifest.artifact):
            outputs = select(manifest, wanted)
            if release_path(project.place, manifest, outputs) == path:
                return manifest, outputs
    return None
