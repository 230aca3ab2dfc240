"""The document of `lastgood gc`."""

from typing import TypedDict

from lastgood.cli.documents.parts import Read, Warned


class Stored(TypedDict):
    """An object on a remote; `modified` in seconds since 1970, `age` in seconds; null where the remote does not
    tell."""

    root: str
    remote: str
    md5: str
    legacy: bool
    size: int | None
    modified: float | None
    why: str
    age: int | None


class Document(Read, Warned):
    """The objects that nothing needs; `total` counts all, `young` and `doubted` those that stay for that reason."""

    objects: list[Stored]
    removed: int
    bytes: int | None
    total: int
    remotes: dict[str, int]
    young: int
    doubted: int
    looked_at: dict[str, int]
    grace: int
    max_share: int
    dry_run: bool
