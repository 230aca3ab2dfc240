"""The document of `lastgood history`."""

from lastgood.cli.documents.parts import Event, Read, Warned


class Document(Read, Warned):
    """The events of one artifact, or of all, newest first."""

    events: list[Event]
