"""The document of `lastgood show`."""

from lastgood.cli.documents.parts import Event, Finding, Manifest, Read, Version, Warned


class Document(Version, Read, Warned):
    """One version; `manifest` is null with `findings` where it cannot be read."""

    artifact: str
    tag: str
    reason: str
    manifest: Manifest | None
    events: list[Event]
    findings: list[Finding]
