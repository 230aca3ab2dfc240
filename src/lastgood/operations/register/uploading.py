"""Uploading what a version needs, before it is registered; the place of a remote is never made by mistake."""

from contextlib import suppress

from lastgood.adapters.dvc.store import Store
from lastgood.core.manifest import Manifest
from lastgood.errors import AbsentRemoteError, Finding, FindingsError, Flaw, LastgoodError
from lastgood.project import Project
from lastgood.registry.view import read
from lastgood.versions.manifests import read_manifest


def upload(project: Project, manifest: Manifest) -> tuple[str, ...]:
    """Have every object of a version on its remote; the ids of those that were not.

    Raises `AbsentRemoteError` as `require_place` does, `FindingsError` when the remote lacks what was just pushed.
    """
    project.on_step("upload")
    store = project.store(manifest.project)
    uploaded = _push(project, store, manifest)
    absent = store.missing_on_remote(manifest.stored)
    if absent:
        findings = [
            Finding(Flaw.MISSING, str(one.path), f"{one.path} ({one.md5}) is not on the remote") for one in absent
        ]
        raise FindingsError(
            "the remote lacks what was just pushed; no version was registered", findings, unchanged=False
        )
    return uploaded


def require_place(project: Project, manifest: Manifest) -> None:
    """Raise `AbsentRemoteError` where a remote that versions were pushed to is not there: its disk is not mounted.

    The first version's objects make the place, as `dvc push` does."""
    store = project.store(manifest.project)
    if manifest.stored and _has_pushed(project, store.absent_remotes(manifest.stored)):
        store.require_remotes(manifest.stored)


def _push(project: Project, store: Store, manifest: Manifest) -> tuple[str, ...]:
    try:
        return store.push(manifest.stored, expected=True, on_progress=project.report_transfer)
    except AbsentRemoteError:
        if _has_pushed(project, store.absent_remotes(manifest.stored)):
            raise
        return store.push(manifest.stored, on_progress=project.report_transfer)


def _has_pushed(project: Project, addresses: frozenset[str]) -> bool:
    """Whether a version of any DVC project here needs objects at one of these remotes."""
    if not addresses:
        return False
    for history in read(project, fetch=True).registry.artifacts.values():
        for version in reversed(history.versions):
            with suppress(LastgoodError):  # a version that nobody can read needs nothing
                manifest = read_manifest(project, history, version)
                if addresses & project.store(manifest.project).addresses(manifest.stored):
                    return True
    return False
