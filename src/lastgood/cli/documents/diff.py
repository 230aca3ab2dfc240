"""The document of `lastgood diff`."""

from typing import TypedDict

from lastgood.cli.documents.parts import EnvironmentChange, Read, Values, Warned


class Side(TypedDict):
    """One of the versions compared."""

    version: str
    commit: str


class Code(TypedDict):
    """A file of the code; the numbers count lines and are null for binary files."""

    path: str
    change: str
    added: int | None
    removed: int | None


class Files(TypedDict):
    """The files of a directory, by what happened to them."""

    added: list[str]
    removed: list[str]
    changed: list[str]


class Output(TypedDict):
    """An output; `files` is null for a file, and where a listing cannot be had. Sizes in bytes."""

    path: str
    change: str
    from_size: int | None
    to_size: int | None
    files: Files | None


class Value(Values):
    """A parameter or metric, `file:key`."""

    key: str


Sides = TypedDict("Sides", {"from": Side, "to": Side})
"""The versions compared."""


class Document(Sides, Read, Warned):
    """What differs between two versions."""

    artifact: str
    code: list[Code]
    outputs: list[Output]
    parameters: list[Value]
    metrics: list[Value]
    environment: EnvironmentChange
