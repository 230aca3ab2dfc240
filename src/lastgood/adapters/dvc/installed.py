"""Which releases of DVC and its own packages are installed, found without importing them."""

import os
import sys
from contextlib import suppress
from functools import cache

PREFIXES = ("dvc-", "dvc_data-", "dvc_objects-", "scmrepo-")
"""DVC and the packages with which it reads a commit; another release of these may read the same files differently."""


@cache
def find_releases() -> tuple[str, ...]:
    """Names and versions from the metadata directories of every path that Python imports from.

    `importlib.metadata` returns the same, many times slower.
    """
    found: set[str] = set()
    for place in sys.path:
        with suppress(OSError), os.scandir(place or ".") as entries:  # a zip file, or a directory that does not exist
            found.update(entry.name for entry in entries if entry.name.startswith(PREFIXES))
    return tuple(sorted(found))
