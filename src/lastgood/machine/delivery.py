"""Bringing a version onto this machine: fetch, build and prove its release, switch the live link to it."""

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from lastgood.adapters.git import export
from lastgood.adapters.git.command import GitError
from lastgood.core.failed import require_not_failed
from lastgood.core.manifest import Manifest, Output
from lastgood.core.registry import History
from lastgood.core.selection import select
from lastgood.core.tags import version_tag
from lastgood.errors import Finding, FindingsError, LastgoodError, LockedError, NotCarriedOutError
from lastgood.project import Project
from lastgood.releases import activation
from lastgood.releases.environments import find_environment
from lastgood.releases.placing import WRITABLE
from lastgood.releases.release import Release, find_release
from lastgood.releases.staging import clean_staging
from lastgood.versions import environments
from lastgood.versions.code import bring_code


def ensure_release(project: Project, manifest: Manifest, stage: str | None) -> Release:
    """The release of a version with what a stage needs, built if need be. What is live does not change.

    A corrupted object in the cache is dropped and fetched again once. Raises `FindingsError`, `UnreachableError`,
    `NotCarriedOutError`.
    """
    outputs = select(manifest, project.config.wanted(stage, manifest.artifact))
    return find_release(project.place, manifest, outputs) or build_release(project, manifest, outputs)


def build_release(project: Project, manifest: Manifest, outputs: tuple[Output, ...]) -> Release:
    """Build the release of these outputs of a version. Raises as `ensure_release`."""
    from lastgood.releases.builder import BuildRequest, build
    from lastgood.releases.proofs import Proofs
    from lastgood.versions import objects  # 15 ms with the next two, which a release that is built does not need

    store = project.store(manifest.project)
    project.place.create()
    sources = objects.find_sources(project, store, manifest.artifact, outputs)
    request = BuildRequest(
        manifest=manifest,
        outputs=outputs,
        export=lambda target: _export(project, manifest, target),
        object_path=sources.place_of,
        members=store.members,
        environment=environments.find_digest(project, manifest),
    )

    def work() -> Release:
        project.on_step("build")
        with Proofs(project.place.proofs) as proofs:
            return build(request, project.place, proofs, lambda done, total: project.report("building", done, total, 0))

    return objects.with_objects(project, store, outputs, work, sources.shared)


def deliver(project: Project, manifest: Manifest, stage: str) -> Release:
    """The release of a version as a machine of a stage needs it, with its environment where the configuration says.

    Raises as `ensure_release` and `ensure_environment` do; what is live does not change.
    """
    release = ensure_release(project, manifest, stage)
    if project.config.environment.deliver:
        environments.ensure_environment(project, manifest)
    return release


def check_deliverable(project: Project, manifest: Manifest) -> tuple[Finding, ...]:
    """What to warn of in a version's environment here. Raises `FindingsError` where it must be delivered and cannot."""
    found = environments.check_environment(project, manifest)
    wrong = [finding for finding in found if finding.kind != environments.NO_LOCK]
    if wrong and project.config.environment.deliver:
        raise FindingsError(
            f"the environment of {manifest.artifact} {manifest.version} cannot be built here; nothing was changed",
            wrong,
        )
    return found


def _export(project: Project, manifest: Manifest, target: Path) -> None:
    bring_code(project, {manifest.commit: version_tag(manifest.artifact, manifest.version)})
    try:
        export.export_code(project.git, manifest.commit, target)
    except GitError as error:
        # A full disk most often: the commit and its tree were found by the preflight.
        raise NotCarriedOutError(
            f"the code of {manifest.artifact} {manifest.version} cannot be written: {error.words}; nothing was changed"
        ) from error


def switch(project: Project, history: History, release: Release, stage: str) -> Path:
    """Make a release live in a stage: one rename. Returns the live link. Every way to live leads through here.

    Raises `RefusedError` for a version that is marked failed; then what was live is live.
    """
    refuse_failed(project, history, release.version, stage)
    project.on_step("switch")
    settle(project, release, stage)
    return project.place.live_link(release.artifact, stage)


def refuse_failed(project: Project, history: History, version: str, stage: str) -> None:
    """Raise `RefusedError` for a failed version: before anything is fetched or built for it, and before the switch."""
    former = activation.live(project.place, history.artifact, stage)
    require_not_failed(history, version, stage, former.version if former else None)


def settle(project: Project, release: Release, stage: str) -> None:
    """Make a release live in a stage, and finish what a process left that died near the end of doing so: the scratch
    directory of a release that was built, the entry in history of a switch that was made (ordering.md, O5)."""
    with suppress(OSError, LockedError):  # somebody else's leftovers must not hold an emergency back
        clean_staging(project.place, wait=0)
    with suppress(OSError):
        if release.path.stat().st_mode & WRITABLE:
            release.path.chmod(0o555)  # its builder died between its name and that
    activation.switch(project.place, release.artifact, stage, release)


def check_health(project: Project, release: Release, stage: str) -> str | None:
    """Run the trusted configuration's health command in a release; `None` when it passes or there is none.

    Otherwise what it said. The command sees `LASTGOOD_RELEASE`, `LASTGOOD_ARTIFACT`, `LASTGOOD_VERSION` and
    `LASTGOOD_STAGE`.
    """
    command = project.config.rollback.health
    if not command:
        return None
    project.on_step("health")
    facts = {
        "LASTGOOD_RELEASE": str(release.path),
        "LASTGOOD_ARTIFACT": release.artifact,
        "LASTGOOD_VERSION": release.version,
        "LASTGOOD_STAGE": stage,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    if project.config.environment.deliver and release.environment:
        own = find_environment(project.place, release.environment)
        facts = environments.variables(own, {**os.environ, **facts})
    return run_shell(command, release.path, facts, project.config.rollback.timeout)


def run_shell(command: str, directory: Path, facts: dict[str, str], timeout: int | None) -> str | None:
    """Run a command of the trusted configuration; `None` when it exits 0, else what it said last.

    One that does not end in time is ended with everything it started: else each try of a watcher leaves one behind.
    """
    try:
        process = subprocess.Popen(  # noqa: S602  # a shell line by intent: trusted configuration, as in a CI file
            command,
            shell=True,
            cwd=directory,
            env={**os.environ, **facts},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise LastgoodError(f"{command!r} cannot be run: {error}; nothing was changed") from error
    with process:
        try:
            said, _ = process.communicate(timeout=timeout)
        except BaseException as error:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                return f"no end within {timeout} s"
            raise
    if process.returncode == 0:
        return None
    words = said.decode(errors="replace").strip().splitlines()[-15:]
    return "\n".join([f"exit code {process.returncode}", *words])
