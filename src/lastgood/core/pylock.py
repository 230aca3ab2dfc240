"""`pylock.toml` (PEP 751): its packages by name, version and hashes. The addresses of their files are ignored."""

from collections.abc import Mapping
from typing import Any

from lastgood.core.pins import Target, UnusableLockError, check_hash, check_name, format_pin


def parse_pylock(document: Mapping[str, Any], target: Target) -> tuple[str, ...]:
    """The lines of `core.pins` for an interpreter. Raises `UnusableLockError`; other errors for an invalid lock."""
    here = target.choose(check_name(group) for group in document.get("default-groups", []))
    return tuple(_line(package) for package in document.get("packages", []) if here.accepts(package.get("marker")))


def _line(package: Mapping[str, Any]) -> str:
    name = check_name(package["name"])
    files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
    hashes = sorted({check_hash(f"{kind}:{digest}") for file in files for kind, digest in file["hashes"].items()})
    if "version" not in package or not hashes:
        raise UnusableLockError(f"{name} comes from an address, not as a package")
    return format_pin(name, package["version"], hashes)
