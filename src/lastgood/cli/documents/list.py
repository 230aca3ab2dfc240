"""The document of `lastgood list`."""

from typing import TypedDict

from lastgood.cli.documents import parts


class Version(parts.Version):
    """`partial_in`: the stages in which a partial release of it is live here."""

    partial: bool
    partial_in: list[str]


class Artifact(TypedDict):
    """An artifact with its versions, lowest first."""

    name: str
    deprecated: bool
    versions: list[Version]


class Document(parts.Read, parts.Warned):
    """The versions of one artifact, or of all."""

    artifacts: list[Artifact]
