"""The name of a new version: the requested one or the next one; refused if it is invalid or taken."""

from collections.abc import Iterable
from dataclasses import dataclass

from lastgood.core.registry import History, Registry
from lastgood.core.tags import Action, parse, version_tag
from lastgood.core.version import Bump, SemanticVersion
from lastgood.errors import RefusedError, UsageError

FIRST = "v0.0.1"
"""The first version when none is named, as `gto register` has it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A naming request: a commit of an artifact, with a `version` or the part to raise (patch without either)."""

    artifact: str
    commit: str
    version: str | None = None
    bump: Bump | None = None


def name_version(registry: Registry, wanted: Wanted, neighbours: Iterable[str] = ()) -> str:
    """The name for the new version. `neighbours` are the names of all tags at the commit, also those that are no
    events.

    Raises `UsageError` for an invalid semantic version, `RefusedError` for a name or a commit that is taken.
    """
    history = registry.artifacts.get(wanted.artifact)
    version = wanted.version or next_version(history, wanted.bump)
    parsed = SemanticVersion.parse(version)
    if parsed is None:
        meant = f"v{version}" if SemanticVersion.parse(f"v{version}") else "it as v1.2.3"
        raise UsageError(f"{version!r} is not a semantic version", hint=f"write {meant}")
    _require_free_name(registry, history, wanted, parsed)
    _require_free_commit(history, wanted, version, neighbours)
    return version


def next_version(history: History | None, bump: Bump | None) -> str:
    """The version after the greatest one."""
    if history is None or not history.versions:
        return {"major": "v1.0.0", "minor": "v0.1.0"}.get(bump or "patch", FIRST)
    return history.versions[-1].name.bump(bump or "patch")


def _require_free_name(registry: Registry, history: History | None, wanted: Wanted, version: SemanticVersion) -> None:
    tag = version_tag(wanted.artifact, version.text)
    if tag in registry.taken:
        raise RefusedError(
            f"the tag {tag} exists and is not a version: it is not annotated, or only in this clone",
            hint=f"git tag -d {tag}, or git push --delete origin refs/tags/{tag}, or another version",
        )
    for other in history.versions if history else ():
        if other.text == version.text:
            raise RefusedError(
                f"{wanted.artifact} {version.text} exists and versions are immutable",
                hint=f"lastgood register {wanted.artifact} --version {next_version(history, None)}",
            )
        if other.name.key == version.key:
            raise RefusedError(f"{wanted.artifact} {other.text} has the same precedence as {version.text}")


def _require_free_commit(history: History | None, wanted: Wanted, version: str, neighbours: Iterable[str]) -> None:
    """Refuse a second version of an artifact on one commit: every gto command would fail (facts.md, T6)."""
    there = {other.text for other in history.versions if other.commit == wanted.commit} if history else set()
    names = [name for name in map(parse, neighbours) if name is not None and name.artifact == wanted.artifact]
    there |= {str(name.version) for name in names if name.action is Action.REGISTER}
    if there - {version}:
        raise RefusedError(
            f"this commit is {wanted.artifact} {', '.join(sorted(there))} already; with a second version on one commit "
            "every gto command fails",
            hint=f"commit again (git commit --allow-empty -m 'Release {version}') and register that",
        )
