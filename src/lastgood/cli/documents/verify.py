"""The document of `lastgood verify`."""

from typing import TypedDict

from lastgood.cli.documents.parts import Failure, Finding, Read


class Version(TypedDict):
    """One version; `unknown` says what could not be checked."""

    artifact: str
    version: str
    findings: list[Finding]
    unknown: list[str]


class Document(Failure, Read):
    """Every version, and all findings: also those of the registry and of this machine."""

    versions: list[Version]
    findings: list[Finding]
