"""Small JSON files in lastgood's directory, each replaced as a whole: data that a machine remembers and can lose."""

import json
from contextlib import suppress

from lastgood.errors import LockedError, NotWritableError
from lastgood.project import Project
from lastgood.releases import durable, lock

WAIT = 2.0
"""Seconds to wait for a lock: losing the data costs less than waiting."""


def load(project: Project, name: str) -> object:
    """The document of that name; `None` if it does not exist or cannot be read."""
    try:
        return json.loads(durable.read_plain(project.place.root / name))
    except (OSError, ValueError):
        return None


def save(project: Project, name: str, document: object) -> None:
    """Write a document by one rename (O3). It is not flushed, and not written at all if that fails: a crash or a full
    disk loses only remembered data."""
    fresh = project.place.root / f".{name}.new"  # one name, one writer: a leftover of a crash is overwritten
    with (
        suppress(OSError, LockedError, NotWritableError),
        lock.hold(project.place, lock.MEMORY, f"write {name}", wait=WAIT),
    ):
        fresh.unlink(missing_ok=True)
        fresh.write_text(json.dumps(document, separators=(",", ":")))
        fresh.replace(project.place.root / name)
