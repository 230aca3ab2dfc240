"""The document of `lastgood discount`."""

from lastgood.cli.documents.parts import MaybeMove, Recorded, Warned


class Document(MaybeMove, Recorded, Warned):
    """`discounted` are the tags that no longer count; `from` and `to` what the stage was and is assigned."""

    artifact: str
    tag: str
    stage: str | None
    discounted: list[str]
    fulfilled: bool
    dry_run: bool
