"""The document of `lastgood adopt`."""

from lastgood.cli.documents.parts import Recorded, Warned


class Document(Recorded, Warned):
    """The tags that the journal holds now and did not before."""

    artifact: str
    dry_run: bool
