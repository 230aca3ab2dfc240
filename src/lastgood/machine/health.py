"""The commands of the trusted configuration: the gate before a version is registered, the health of a release."""

import os
from pathlib import Path

from lastgood.adapters import process
from lastgood.core.dates import format_time
from lastgood.core.secrets import mask
from lastgood.errors import LastgoodError, NotCarriedOutError
from lastgood.project import Project
from lastgood.registry.memory import load, save
from lastgood.releases.environments import find_environment
from lastgood.releases.release import Release
from lastgood.versions import environments

LINES = 15
"""Of what a command wrote last, which a message repeats."""
RESULTS = "health.json"
"""A file of the place: by artifact and stage the last result of the health command on what is live."""


def check_health(project: Project, release: Release, stage: str) -> str | None:
    """Run the trusted configuration's health command in a release; `None` when it passes, or is not to be run.

    Otherwise what it said, or why it cannot be run. The command sees `LASTGOOD_RELEASE`, `LASTGOOD_ARTIFACT`,
    `LASTGOOD_VERSION` and `LASTGOOD_STAGE`.
    """
    command = project.config.rollback.health
    if not command or project.skip_health:
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
    try:
        return ask(command, release.path, facts, project.config.rollback.timeout)
    except LastgoodError as error:  # what was recorded and switched before stands
        return error.message


def require_healthy(project: Project, release: Release, stage: str) -> None:
    """Raise `NotCarriedOutError` where the health command fails on a release that is to become live."""
    words = check_health(project, release, stage)
    if words is not None:
        raise NotCarriedOutError(
            f"the health command fails on {release.version} before it is live (--skip-health goes on without it): "
            f"{words}"
        )


def check_live(project: Project, release: Release, stage: str) -> str | None:
    """As `check_health`, for the release that is live; the result is remembered in the place."""
    if not project.config.rollback.health:
        return None
    words = check_health(project, release, stage)
    told = mask(words) if words is not None else None
    result = {"release": release.path.name, "at": format_time(project.now()), "words": told}
    fresh = {} if project.skip_health else {f"{release.artifact}#{stage}": result}
    others = {name: one for name, one in _read(project).items() if name != f"{release.artifact}#{stage}"}
    save(project, RESULTS, others | fresh)
    return words


def last_failure(project: Project, release: Release, stage: str) -> str | None:
    """What the health command said when it was last run on a live release, if it failed; nothing is run."""
    found = _read(project).get(f"{release.artifact}#{stage}")
    if not project.config.rollback.health or not isinstance(found, dict) or found.get("release") != release.path.name:
        return None
    words = found.get("words")
    return f"{words} (at {found.get('at')})" if isinstance(words, str) else None


def _read(project: Project) -> dict[str, object]:
    document = load(project, RESULTS)
    return dict(document) if isinstance(document, dict) else {}


def ask(command: str, directory: Path, facts: dict[str, str], timeout: int | None) -> str | None:
    """Run a command of the trusted configuration; `None` when it exits 0, else what it said last.

    Raises `LastgoodError` when it cannot be run.
    """
    try:
        outcome = process.run(command, directory, {**os.environ, **facts}, timeout, merged=True)
    except OSError as error:
        raise LastgoodError(f"{command!r} cannot be run: {error}", unchanged=True) from error
    if outcome.code == 0:
        return None
    if outcome.code is None:
        return f"no end within {timeout} s"
    return "\n".join(filter(None, (f"exit code {outcome.code}", outcome.words(LINES))))
