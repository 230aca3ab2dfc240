"""Virtual environments on disk: one per lock, shared by releases, complete before they get their name."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from lastgood.core.manifest import encode
from lastgood.releases import durable, lock, staging
from lastgood.releases.place import Place

DESCRIPTION = "lastgood.json"
"""A file in each environment, written last: what it was built from. lastgood did not build an environment without
one."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an environment is made from: the contents of its lock's files, Python's version `X.Y`, the platform."""

    lock: str
    sources: tuple[bytes, ...]
    python: str
    platform: str

    @property
    def digest(self) -> str:
        """The name of the environment: the same for every version with an equal lock, whatever the paths."""
        contents = [sha256(content).hexdigest() for content in self.sources]
        kind = self.lock.rpartition("/")[2]
        described = encode({"lock": kind, "sources": [*contents], "python": self.python, "platform": self.platform})
        return sha256(described.encode()).hexdigest()


def environment_path(place: Place, digest: str) -> Path:
    """The path of an environment, built or not."""
    return place.environments / digest


def find_environment(place: Place, digest: str) -> Path | None:
    """A finished environment, or `None`."""
    path = environment_path(place, digest)
    return path if (path / DESCRIPTION).is_file() and (path / "bin" / "python").exists() else None


def list_environments(place: Place) -> tuple[str, ...]:
    """The digests of all finished environments here."""
    return tuple(sorted(path.parent.name for path in place.environments.glob(f"*/{DESCRIPTION}")))


def build_environment(
    place: Place, recipe: Recipe, make: Callable[[Path, Path], str], *, wait: float = lock.PATIENCE
) -> Path:
    """The environment of a recipe: the existing one, or the one that `make` makes, read-only and on disk.

    `make` gets an empty directory to work in and the path of the environment, which it makes. It returns the facts for
    the description. A second builder waits for the first, for `wait` seconds. After a crash there is either a complete
    environment or none, and the next `clean_staging` removes the unfinished one.
    """
    digest = recipe.digest
    path = environment_path(place, digest)
    place.create()
    building = f"use/environments/{digest}.building"
    with lock.hold(place, lock.Lock(building, building), f"build environment {digest[:12]}", wait=wait):
        if (found := find_environment(place, digest)) is not None:
            return found
        with staging.stage(place) as directory:
            made = directory / "environment"
            python = make(directory, made)
            description = {"schema": 1, "lock": recipe.lock, "python": python, "platform": recipe.platform}
            durable.write_new(made / DESCRIPTION, json.dumps(description).encode() + b"\n")
            _protect(made)
            durable.fsync_tree(made)
            durable.make_directories(path.parent)
            durable.remove_tree(path)  # its interpreter is missing: the description alone makes no environment
            durable.rename(made, path)
            path.chmod(0o555)
    return path


def _protect(directory: Path) -> None:
    """Remove the write permission of all directories below one. Files keep their mode: uv's cache may share it."""
    for parent, names, _ in os.walk(directory):
        for name in names:
            if not (path := Path(parent, name)).is_symlink():
                path.chmod(0o555)
