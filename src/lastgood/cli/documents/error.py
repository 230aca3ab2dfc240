"""The document of a command that failed."""

from typing import Literal, NotRequired, TypedDict

from lastgood.cli.documents.parts import Finding, Rejected


class Document(TypedDict):
    """What every failure answers. `code` is the exit code. `changed` is false if nothing was changed, null where the
    message says what was. `report`: the file that describes a bug. `at`: when it failed, by sync --watch."""

    error: str
    code: int
    message: str
    hint: str | None
    changed: NotRequired[Literal[False] | None]
    findings: NotRequired[list[Finding]]
    candidates: NotRequired[list[Rejected]]
    report: NotRequired[str | None]
    at: NotRequired[str | None]
