"""The other users whose directories this user trusts: git's own `safe.directory`, which no repository can set."""

import os
from collections.abc import Iterator
from pathlib import Path

from lastgood.adapters.git.command import Git

ROOT = 0
"""May do everything anyway."""


def trusted_owners(directory: Path) -> frozenset[int]:
    """The other users whose files below a directory are trusted: root; the caller of sudo, as for git; and the
    directory's owner if `safe.directory` names the directory."""
    owners = {ROOT}
    sudo = os.environ.get("SUDO_UID", "")
    if os.geteuid() == ROOT and sudo.isdigit():
        owners.add(int(sudo))
    try:
        owner = directory.stat().st_uid
    except FileNotFoundError:
        return frozenset(owners)
    if owner not in {*owners, os.geteuid()} and _is_safe(directory):
        owners.add(owner)
    return frozenset(owners)


def _is_safe(directory: Path) -> bool:
    """Whether `safe.directory` names a directory, by git-config(1): `*` is all, `/*` at the end all below, an empty
    value resets the list."""
    real, safe = os.path.realpath(directory), False
    for value in _values():
        if not value:
            safe = False
        safe = safe or value == "*" or (value != "" and os.path.realpath(Path(value).expanduser()) == real)
        safe = safe or (value.endswith("/*") and real.startswith(f"{os.path.realpath(value[:-2])}/"))
    return safe


def _values() -> Iterator[str]:
    for scope in ("--system", "--global"):
        out = Git(Path("/")).attempt("config", scope, "-z", "--get-all", "safe.directory")[1]
        yield from out.decode(errors="surrogateescape").split("\0")[:-1]
