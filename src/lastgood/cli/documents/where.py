"""The document of `lastgood where`."""

from typing import TypedDict


class Document(TypedDict):
    """The release that is live in a stage on this machine; `link` is the live link, `path` where it leads."""

    artifact: str
    stage: str
    version: str
    commit: str
    path: str
    link: str
    partial: bool
    followed: bool
    switched_at: str | None
