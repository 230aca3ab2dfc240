"""Who may write to a release: its owner and root, nobody else. It changes nothing."""

import os
from collections.abc import Iterator
from pathlib import Path
from stat import S_ISLNK

from lastgood.errors import Finding, Flaw
from lastgood.releases.contents import walk


def find_writable(release: Path, owner: int) -> tuple[Finding, ...]:
    """Findings about files in a release that users other than `owner` and root may write; nothing is opened.

    Releases that were built before only the user's own objects were linked may share a file with another user's object
    in the cache.
    """
    found = sorted(_writable(release, owner))
    if not found:
        return ()
    more = f" and {len(found) - 1} more" if found[1:] else ""
    text = f"{found[0]}{more} in {release} can be written by other users"
    return (Finding(Flaw.WRITABLE, str(release), text),)


def _writable(release: Path, owner: int) -> Iterator[str]:
    try:
        states, directories = walk(release)
        states.update((path or ".", os.lstat(f"{release}/{path}")) for path in directories)
    except OSError:  # being removed, or unreadable for this user: another check reports that
        return
    for path, status in states.items():
        if status.st_uid not in {0, owner} or (status.st_mode & 0o022 and not S_ISLNK(status.st_mode)):
            yield path
