"""The document of `lastgood prune`."""

from typing import TypedDict

from lastgood.cli.documents.parts import Read, Warned


class Environment(TypedDict):
    """An environment, whether it stays and why; `bytes` are freed."""

    path: str
    kept: bool
    why: str
    bytes: int


class Release(Environment):
    """A release, likewise."""

    artifact: str
    version: str
    commit: str
    partial: bool


class Cache(TypedDict):
    """The objects of a serving host's own cache that go."""

    objects: int
    bytes: int
    why: str


class Document(Read, Warned):
    """`keep` and `stable` are the settings that were used; `removed` counts releases."""

    keep: int
    stable: bool
    releases: list[Release]
    environments: list[Environment]
    cache: Cache | None
    removed: int
    bytes: int
    dry_run: bool
