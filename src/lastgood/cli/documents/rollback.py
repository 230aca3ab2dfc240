"""The document of `lastgood rollback`."""

from typing import Literal

from lastgood.cli.documents.parts import (
    Act,
    EnvironmentChange,
    Failure,
    Move,
    Published,
    Recorded,
    Rejected,
    Warned,
)


class Environment(EnvironmentChange):
    """`unknown` says what could not be compared."""

    unknown: list[str]


class Document(Failure, Move, Recorded, Warned):
    """`fulfilled`: it was done already, so nothing was recorded. `pending` waits here to be published; `offline` was
    published just now."""

    artifact: str
    stage: str
    skipped: list[Rejected]
    reason: str
    fulfilled: bool
    applies: Literal["here", "at next sync"]
    live: str | None
    seconds: float
    dry_run: bool
    environment: Environment | None
    pending: list[Act]
    offline: list[Published]
    marks: dict[str, str]
