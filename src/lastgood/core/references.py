"""References as GTO writes them: `flights@v1.2.0`, `flights@latest`, `flights#prod`, `v1.2.0`, `flights`."""

from lastgood.core import tags
from lastgood.core.events import RESERVED_STAGES, Mark
from lastgood.core.registry import History, Registry, Version
from lastgood.core.version import SemanticVersion
from lastgood.errors import UnknownError, UsageError

LATEST = ("latest", "greatest")


def find_history(registry: Registry, name: str | None) -> History:
    """The named artifact, or the only one. Raises `UnknownError`."""
    return registry.history(name) if name else registry.only()


def find_version(registry: Registry, reference: str) -> tuple[History, Version]:
    """The artifact and version that a reference names. Raises `UsageError` for an invalid reference, `UnknownError`."""
    artifact, at, version = reference.rpartition("@")
    if at:
        _require_artifact(artifact, reference)
        history = registry.history(artifact)
        return history, _latest(history, version) if version in LATEST else history.version(version)
    artifact, hash_sign, stage = reference.partition("#")
    if hash_sign:
        history = find_history(registry, artifact or None)
        return history, _marked(history, Mark(stage)) if stage in RESERVED_STAGES else history.assigned_version(stage)
    if SemanticVersion.parse(reference):
        history = registry.only()
        return history, history.version(reference)
    if reference in LATEST:
        history = registry.only()
        return history, _latest(history, reference)
    _require_artifact(reference, reference)
    history = registry.history(reference)
    return history, _latest(history)


def find_named(registry: Registry, reference: str) -> tuple[History, Version]:
    """The artifact and version that a reference names, for an event to be recorded. Raises as `find_version` does.

    A bare artifact name is refused: the newest version may be a candidate that somebody else has just registered.
    """
    if not {"@", "#"} & set(reference) and not SemanticVersion.parse(reference) and reference not in LATEST:
        _require_artifact(reference, reference)
        history = registry.history(reference)
        newest = history.versions[-1].text
        raise UsageError(
            f"{reference} is an artifact; a version is needed",
            hint=f"name the version, as in {reference}@{newest}; {reference}@latest is the newest release",
        )
    return find_version(registry, reference)


def _latest(history: History, word: str = "latest") -> Version:
    """The newest release (`latest`): the greatest version that is no pre-release. `greatest` includes pre-releases.

    In GTO both words mean the greatest (gto.base, `get_latest_version`). People register a release candidate before
    they know that it is good, and nobody who writes `latest` means it.
    """
    standing = [version for version in history.versions if not version.deregistered]
    if not standing:
        raise UnknownError(f"every version of {history.artifact} is deregistered")
    releases = [version for version in standing if not version.name.is_pre_release]
    if word == "latest" and not releases:
        raise UnknownError(
            f"{history.artifact} has only pre-releases, so there is no latest release",
            hint=f"write {history.artifact}@{standing[-1].text}",
        )
    return (standing if word == "greatest" else releases)[-1]


def _marked(history: History, mark: Mark) -> Version:
    """The version that `#stable` or `#failed` names for GTO: the last good version, or the one that failed last."""
    newest = history.newest(mark)
    version = history.last_stable if mark is Mark.STABLE else history.by_name.get(newest.version) if newest else None
    if version is None or version.mark is not mark:
        raise UnknownError(f"no version of {history.artifact} is marked {mark}")
    return version


def _require_artifact(name: str, reference: str) -> None:
    if not tags.is_artifact(name):
        raise UsageError(
            f"{reference!r} is not a valid version",
            hint=_meant(reference) or "write NAME@vX.Y.Z, NAME@latest, NAME#STAGE or, with one artifact, vX.Y.Z",
        )


def _meant(reference: str) -> str | None:
    """A suggestion for a version without its `v`, or `None`."""
    artifact, at, version = reference.rpartition("@")
    meant = f"{artifact}{at}v{version}"
    return f"did you mean {meant}?" if SemanticVersion.parse(f"v{version}") else None
