"""The document of `lastgood checkout`."""

from typing import TypedDict

from lastgood.cli.documents.parts import Manifest, Warned


class Saved(TypedDict):
    """The work that was put aside, and where it lies."""

    directories: list[str]
    paths: list[str]


class Document(Warned):
    """`resumed`: it finished an interrupted checkout."""

    artifact: str
    version: str
    commit: str
    changed: bool
    resumed: bool
    saved: Saved
    manifest: Manifest
    dry_run: bool
