"""The document of `lastgood init`."""

from typing import TypedDict


class Document(TypedDict):
    """The files that were created and those that were there; the artifacts that the project declares."""

    created: list[str]
    existed: list[str]
    artifacts: list[str]
    notes: list[str]
    dry_run: bool
