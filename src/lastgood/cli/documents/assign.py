"""The document of `lastgood assign`."""

from lastgood.cli.documents.parts import Recorded, Warned


class Document(Recorded, Warned):
    """`fulfilled`: the stage was assigned to the version already, so nothing was recorded."""

    artifact: str
    version: str
    stage: str
    former: str | None
    fulfilled: bool
    dry_run: bool
