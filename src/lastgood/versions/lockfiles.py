"""The packages that the environment locks of versions pin, and what differs between two of them."""

import tomllib
from collections.abc import Mapping
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from lastgood.adapters.git import export
from lastgood.core.manifest import Environment, EnvironmentChange, PackageChange
from lastgood.core.registry import Version
from lastgood.core.requirements import decode, logical_lines
from lastgood.errors import UnreachableError
from lastgood.project import Project
from lastgood.versions.code import bring_code

Pinned = tuple[Version, Environment]
"""A version and the environment it pins."""


def compare_environments(project: Project, old: Pinned, new: Pinned) -> EnvironmentChange:
    """What differs, package by package; a version without a lock, or with one that cannot be read, is said so."""
    first, second = old[1], new[1]
    unknown: list[str] = []
    packages = _packages(read_lock(project, *old, unknown), read_lock(project, *new, unknown))
    if not packages and not unknown and first.digest != second.digest:
        unknown.append(f"{second.lock} differs, but not in a package or version")
    return EnvironmentChange((first.python, second.python), packages, tuple(unknown))


def _packages(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[PackageChange, ...]:
    names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    return tuple(PackageChange(name, old.get(name), new.get(name)) for name in names)


def read_lock(project: Project, version: Version, environment: Environment, warnings: list[str]) -> dict[str, str]:
    """The packages that a version's environment lock pins, with their versions; several of one name are joined."""
    lock = environment.lock
    try:
        bring_code(project, {version.commit: version.event.tag} if lock else {})
    except UnreachableError as error:  # a comparison is for people: nothing fails for want of it
        warnings.append(f"{lock} of {version.text} cannot be read: {error.message}")
        return {}
    content = export.read_file(project.git, version.commit, lock) if lock else None
    if lock is None or content is None:
        warnings.append(f"{version.text} pins no environment lock")
        return {}
    text = decode(content)
    is_toml = lock.endswith((".lock", ".toml")) and "[[package" in text
    pins: dict[str, set[str]] = {}
    try:
        for name, pin in _toml_pins(text) if is_toml else _pins(text):
            pins.setdefault(canonicalize_name(name), set()).add(pin)
    except tomllib.TOMLDecodeError as error:
        warnings.append(f"{lock} of {version.text} cannot be read: {error}")
    return {name: ", ".join(sorted(versions)) for name, versions in pins.items()}


def _toml_pins(text: str) -> list[tuple[str, str]]:
    """The packages of uv.lock (`[[package]]`) and pylock.toml (`[[packages]]`, PEP 751); a package that is no release
    is pinned by its source."""
    document = tomllib.loads(text)
    packages = [*document.get("package", []), *document.get("packages", [])]
    return [(str(one["name"]), _toml_version(one)) for one in packages if "name" in one]


def _toml_version(package: Mapping[str, Any]) -> str:
    source = package.get("source", {})
    vcs = package.get("vcs", {})
    address = source.get("git") or source.get("url") or package.get("archive", {}).get("url") or vcs.get("commit-id")
    return " ".join(str(part) for part in (package.get("version"), address) if part) or "any"


def _pins(text: str) -> list[tuple[str, str]]:
    """The requirements of a pip requirements file; options, hashes and includes are not looked at."""
    pins = []
    for line in logical_lines(text):
        wanted = line.split(" -", 1)[0]
        try:
            requirement = Requirement(wanted)
        except InvalidRequirement:
            continue
        version = str(requirement.specifier).removeprefix("==") or requirement.url or "any"
        pins.append((requirement.name, version))
    return pins
