"""What a release's files were when it was built, kept beside it: damage shows by one look at each, without hashing.

It is a memory and no proof: without it nothing is known, and `verify --deep` hashes. A rollback does not read it.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from lastgood.errors import Finding, Flaw, named
from lastgood.releases import durable
from lastgood.releases.contents import BYTECODE, walk
from lastgood.releases.release import Release

State = tuple[int, int, int]
"""Size, modification time in nanoseconds, inode."""


def census_path(path: Path) -> Path:
    """Where the census of the release in this directory lies, beside its description."""
    return path.with_name(f"{path.name}.files")


def write_census(path: Path, states: Mapping[str, os.stat_result]) -> None:
    """Keep what the files of the release at `path` are, or will be. If it cannot be written it is left out: nobody
    needs it to serve."""
    document = {name: _state(status) for name, status in states.items()}
    fresh = path.with_name(f"{durable.NEW}{os.urandom(6).hex()}")
    with suppress(OSError):
        durable.write_new(fresh, json.dumps(document, separators=(",", ":")).encode(), mode=0o444)
        fresh.replace(census_path(path))


def find_changed(release: Release) -> tuple[Finding, ...]:
    """What shows of damage: a file that is gone, came in, or has another size, time or inode than when it was built.

    One finding for a release. Costs a stat of each file. Where no file has its inode, the place was copied.
    """
    before = _read(release.path)
    if before is None:
        return ()
    try:
        after = {name: _state(status) for name, status in walk(release.path)[0].items()}
    except OSError as error:
        return (Finding(Flaw.BROKEN_RELEASE, str(release.path), f"{release.path} cannot be read: {error}"),)
    damage = list(_compare(before, after))
    if not damage:
        return ()
    text = f"{release.path} is damaged: {named(damage)}"
    return (Finding(Flaw.CHANGED, str(release.path), text),)


def _compare(before: Mapping[str, State], after: Mapping[str, State]) -> Iterator[str]:
    copied = not any(after[name][2] == state[2] for name, state in before.items() if name in after)
    for name, state in before.items():
        if name not in after:
            yield f"{name} is gone"
        elif after[name][:2] != state[:2] or (after[name] != state and not copied):
            yield f"{name} was changed"
    for name in after.keys() - before.keys():
        if BYTECODE not in name.split("/"):
            yield f"{name} was added"


def _read(path: Path) -> dict[str, State] | None:
    try:
        document = json.loads(durable.read_plain(census_path(path)))
        return {str(name): (int(size), int(time), int(inode)) for name, (size, time, inode) in document.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def _state(status: os.stat_result) -> State:
    return status.st_size, status.st_mtime_ns, status.st_ino
