"""The document of `lastgood mark`."""

from typing import Literal

from lastgood.cli.documents.parts import Event, Recorded, Warned


class Document(Recorded, Warned):
    """`overrides` is the event that gave the version the other mark; `assigned` are the stages that should run it."""

    artifact: str
    version: str
    mark: Literal["stable", "failed"]
    former: str
    overrides: Event | None
    assigned: list[str]
    next: list[str]
    fulfilled: bool
    dry_run: bool
