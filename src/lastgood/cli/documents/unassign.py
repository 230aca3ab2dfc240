"""The document of `lastgood unassign`."""

from lastgood.cli.documents.parts import Recorded, Warned


class Document(Recorded, Warned):
    """`dvc` is the version that DVC still gives for the stage."""

    artifact: str
    version: str
    stage: str
    fulfilled: bool
    dry_run: bool
    dvc: str
