"""The commands of the trusted configuration: the gate before a version is registered, the health of a release."""

import os
from pathlib import Path

from lastgood.adapters import process
from lastgood.errors import LastgoodError
from lastgood.project import Project
from lastgood.releases.environments import find_environment
from lastgood.releases.release import Release
from lastgood.versions import environments

LINES = 15
"""Of what a command wrote last, which a message repeats."""


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
    return ask(command, release.path, facts, project.config.rollback.timeout)


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
