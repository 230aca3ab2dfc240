"""Repairing releases: a damaged one goes when nothing uses it, and is built anew and exchanged when it is live."""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from lastgood.core.manifest import Manifest, Output
from lastgood.core.repairs import Mended
from lastgood.core.selection import select
from lastgood.errors import Finding, Flaw
from lastgood.machine.damaged import find_damaged
from lastgood.machine.delivery import build_release
from lastgood.project import Project
from lastgood.releases import durable
from lastgood.releases.activation import live_links
from lastgood.releases.place import Place
from lastgood.releases.proofs import Proofs
from lastgood.releases.pruning import remove_directory
from lastgood.releases.release import (
    description_path,
    release_path,
)
from lastgood.releases.staging import gate, stage
from lastgood.releases.use import unused

Results = list[Mended | Finding]


def mend_releases(project: Project, manifests: Iterable[Manifest], *, deep: bool, dry_run: bool) -> Results:
    """Take away what `find_damaged` finds; what is live is exchanged for a new one in one step, what is in use stays.

    The caller holds the place's exclusive lock, so that nobody switches (ordering.md, O7).
    """
    known = list(manifests)
    results: Results = []
    for path, findings in find_damaged(project, known, deep=deep).items():
        name = f"{path.parent.name}/{path.name}"
        if _is_live(project.place, path):
            wanted = _find(project, known, path)
            if wanted is None:
                text = f"{name} is damaged and live, and no version here is built there: assign another one and sync"
                results += [*findings, Finding(Flaw.BROKEN_RELEASE, str(path), text)]
            elif dry_run or _exchange(project, path, *wanted):
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


def _is_live(place: Place, path: Path) -> bool:
    real = os.path.realpath(path)
    return any(os.path.realpath(target) == real for _, _, target in live_links(place))


def _find(project: Project, manifests: Iterable[Manifest], path: Path) -> tuple[Manifest, tuple[Output, ...]] | None:
    """Which version, with which outputs, has its release at this path."""
    for manifest in manifests:
        for wanted in project.config.wanted_anywhere(manifest.artifact):
            outputs = select(manifest, wanted)
            if release_path(project.place, manifest, outputs) == path:
                return manifest, outputs
    return None


def _exchange(project: Project, path: Path, manifest: Manifest, outputs: tuple[Output, ...]) -> bool:
    """Build the release at another place and exchange the two directories, unless somebody works in the old one.

    One rename, so that the live link leads to a finished release at every instant (ordering.md, I1, O3).
    """
    with stage(project.place) as room:
        inner = replace(project, place=Place(room / "new"))
        fresh = build_release(inner, manifest, outputs)
        with unused(project.place, path) as free:
            if not free:
                return False
            project.on_step("exchange")
            for directory in (path, fresh.path):
                directory.chmod(0o755)  # a read-only directory cannot be moved into another one
            with gate(project.place):
                # It tells of the same files as the one before, and is there before what it tells of.
                durable.write_atomic(description_path(path), description_path(fresh.path).read_bytes(), mode=0o444)
                durable.exchange(fresh.path, path)
            path.chmod(0o555)
            durable.fsync_directory(path)
    return True
