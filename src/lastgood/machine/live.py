"""What is live on this machine: whether it is behind the registry, and the one way to switch it."""

from contextlib import suppress
from pathlib import Path

from lastgood.core.failed import leave_command, require_not_failed
from lastgood.core.registry import History
from lastgood.core.selection import select
from lastgood.errors import LockedError, UnfinishedError, UnhealthyError
from lastgood.machine.delivery import deliver
from lastgood.machine.health import check_live, require_healthy
from lastgood.project import Project
from lastgood.registry.freshness import require_newest
from lastgood.releases import activation
from lastgood.releases.placing import WRITABLE
from lastgood.releases.release import Release, release_path
from lastgood.releases.staging import clean_staging
from lastgood.versions.manifests import read_manifest
from lastgood.versions.restorable import require_restorable


def is_behind(project: Project, history: History, stage: str) -> bool:
    """Whether what is live here is not what the registry assigns to the stage."""
    version = history.assigned_version(stage)
    release = activation.live(project.place, history.artifact, stage)
    if release is None or (release.version, release.commit) != (version.text, version.commit):
        return True
    wanted = project.config.wanted(stage, history.artifact)
    if not wanted.outputs and not release.partial:
        return False
    manifest = read_manifest(project, history, version)  # the section of `lastgood.toml` may have changed since
    return release.path != release_path(project.place, manifest, select(manifest, wanted))


def bring_live(project: Project, history: History, stage: str) -> Release:
    """Build the assigned version's release and switch to it, if its health command passes.

    Raises `StaleError` when something else was recorded here since the history was read, while this one waited for the
    lock or built: the version may have been rolled back. `RefusedError` for a version that is marked failed,
    `NotCarriedOutError` when its health command fails. Whether it is healthy once it is live `require_well` tells.
    """
    version = history.assigned_version(stage)
    refuse_failed(project, history, version.text, stage)
    manifest = require_restorable(project, history, version, here=True, stage=stage)
    release = deliver(project, manifest, stage)
    require_healthy(project, release, stage)
    require_newest(project, history)
    try:
        switch(project, history, release, stage)
    except (OSError, LockedError) as error:
        raise UnfinishedError(
            f"{stage} could not be switched to {version.text} here: {error}; the former release is live",
            hint=f"lastgood sync {history.artifact} --stage {stage}",
        ) from error
    return release


def require_well(project: Project, history: History, release: Release, stage: str, done: str = "switched to") -> None:
    """Run the health command on what is live and remember the result. Raises `UnhealthyError`."""
    words = check_live(project, release, stage)
    if words is not None:
        raise UnhealthyError(
            f"{done} {history.artifact} {release.version}, but the health command fails: {words}",
            hint=leave_command(history, stage, release.version),
        )


def switch(project: Project, history: History, release: Release, stage: str) -> Path:
    """Make a release live in a stage: one rename. Returns the live link. Every way to live leads through here.

    Raises `RefusedError` for a version that is marked failed; then what was live is live.
    """
    refuse_failed(project, history, release.version, stage)
    project.on_step("switch")
    finish_switch(project, release, stage)
    return project.place.live_link(release.artifact, stage)


def refuse_failed(project: Project, history: History, version: str, stage: str) -> None:
    """Raise `RefusedError` for a failed version: before anything is fetched or built for it, and before the switch."""
    former = activation.live(project.place, history.artifact, stage)
    require_not_failed(history, version, stage, former.version if former else None)


def finish_switch(project: Project, release: Release, stage: str) -> None:
    """Make a release live in a stage, and finish what a process left that died near the end of doing so: the scratch
    directory of a release that was built, the entry in history of a switch that was made (ordering.md, O5)."""
    with suppress(OSError, LockedError):  # somebody else's leftovers must not hold an emergency back
        clean_staging(project.place, wait=0)
    with suppress(OSError):
        if release.path.stat().st_mode & WRITABLE:
            release.path.chmod(0o555)  # its builder died between its name and that
    activation.switch(project.place, release.artifact, stage, release)
