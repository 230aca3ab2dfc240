"""The document of `lastgood resolve`."""

from lastgood.cli.documents.parts import Warned


class Document(Warned):
    """`stage` is null for a cause that holds for every stage. No tag is written."""

    artifact: str
    version: str
    stage: str | None
    cause: str
    reason: str
    fulfilled: bool
    published: bool
    dry_run: bool
