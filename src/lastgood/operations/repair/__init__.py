"""Repairing: what `verify` misses is put back, each thing from where it still is; what cannot be is named."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from lastgood.core.manifest import Manifest
from lastgood.core.references import find_history
from lastgood.core.registry import History
from lastgood.core.repairs import Mended
from lastgood.errors import Finding, Flaw, LastgoodError, UsageError
from lastgood.operations.repair.objects import Reach, mend_objects, require_remotes
from lastgood.operations.repair.refs import mend_differing, mend_entries, mend_journal, mend_tags
from lastgood.operations.repair.releases import mend_releases
from lastgood.operations.verify import verify
from lastgood.project import Project
from lastgood.registry.view import View, read
from lastgood.releases.staging import clean_staging
from lastgood.versions.code import bring_code
from lastgood.versions.manifests import read_manifest

NO_OBJECTS = "a serving host cannot repair objects of the DVC remote: lastgood repair in a full clone does"
MISSED = Reach()
"""What is missing, without hashing what is there."""


@dataclass(frozen=True)
class Repaired:
    """What was put right, or with `dry_run` would be, and what is wrong still. `left_out` names what cannot be repaired
    on this machine and was not looked at."""

    view: View
    mended: tuple[Mended, ...]
    left: tuple[Finding, ...]
    dry_run: bool = False
    left_out: str = ""


def repair(project: Project, artifact: str | None = None, reach: Reach = MISSED, *, moved: bool = False) -> Repaired:
    """Put right what is wrong with the versions of an artifact, or of all; said twice, the second finds nothing to do.

    A deep one hashes what remotes, cache and releases hold; `moved` allows tags to be forced back on origin. What is
    left is what `verify` finds afterwards. A serving host repairs tags, journals and its releases, never objects.
    Raises `UnreachableError`, with nothing changed when a DVC remote is not there; `LockedError`, `UsageError`.
    """
    deep, dry_run, serves = reach.deep, reach.dry_run, project.root is None
    if not serves and project.worktree != project.git:
        raise UsageError("a shallow clone cannot repair", hint="git fetch --unshallow, or use a full clone")
    with nullcontext() if dry_run else project.locked("repair"):
        if not dry_run:
            clean_staging(project.place)
        view = read(project, fetch=True)
        if not serves:
            require_remotes(project, _manifests(project, _histories(view, artifact)))
        project.on_step("look")
        found = _mend_refs(project, view, artifact, moved=moved, dry_run=dry_run)
        fresh = view if dry_run else read(project, fetch=True)
        manifests = _manifests(project, _histories(fresh, artifact))
        found += [] if serves else mend_objects(project, manifests, reach)
        found += mend_releases(project, manifests, deep=deep, dry_run=dry_run)
    mended = tuple(one for one in found if isinstance(one, Mended))
    left = tuple(one for one in found if isinstance(one, Finding))
    if not dry_run:
        checked = verify(project, artifact, deep=deep, subset=reach.subset)
        reasons = tuple(one for one in left if one.kind == Flaw.REFUSED)
        left = (*checked.all_findings, *reasons)
        fresh = checked.view
    return Repaired(fresh, mended, left, dry_run, NO_OBJECTS if serves else "")


def _histories(view: View, artifact: str | None) -> Sequence[History]:
    return (find_history(view.registry, artifact),) if artifact else tuple(view.registry.artifacts.values())


def _mend_refs(
    project: Project, view: View, artifact: str | None, *, moved: bool, dry_run: bool
) -> list[Mended | Finding]:
    """The journals first, for everything else is put back from them."""
    found: list[Mended | Finding] = []
    for history in _histories(view, artifact):
        journal = [one for one in history.findings if one.kind == Flaw.JOURNAL]
        if journal:  # written in two places: nobody but a person can tell which one is right
            found += journal
            continue
        results, there = mend_journal(project, view, history, dry_run=dry_run)
        found += results
        found += mend_tags(project, history, there, moved=moved, dry_run=dry_run)
        found += mend_differing(project, history, dry_run=dry_run)
        found += mend_entries(project, view, history, dry_run=dry_run)
    return found


def _manifests(project: Project, histories: Sequence[History]) -> list[Manifest]:
    """The manifests that can be read; of the others `verify` tells."""
    manifests = []
    bring_code(project, {one.commit: one.event.tag for history in histories for one in history.versions})
    for history in histories:
        for version in history.versions:
            try:
                manifests.append(read_manifest(project, history, version))
            except LastgoodError:
                continue
    return manifests
