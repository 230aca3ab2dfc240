"""The document of `lastgood register`."""

from lastgood.cli.documents.parts import Manifest, Recorded, Warned


class Document(Recorded, Warned):
    """The new version; `uploaded` are the objects that the DVC remote lacked."""

    artifact: str
    version: str
    commit: str
    manifest: Manifest
    uploaded: list[str]
    dry_run: bool
