"""The document of `lastgood repair`."""

from lastgood.cli.documents.parts import Failure, Finding, Origin, Read


class Mended(Origin):
    """One thing that was restored."""

    kind: str
    subject: str
    done: str


class Document(Failure, Read):
    """What was restored; `findings` is what could not be. `left_out`: what this machine cannot repair."""

    repaired: list[Mended]
    findings: list[Finding]
    dry_run: bool
    left_out: str | None
