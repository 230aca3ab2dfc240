"""Directories of other users that this one trusts: git's own `safe.directory`, which no repository can set."""

import os
from collections.abc import Iterator
from pathlib import Path

from lastgood.adapters.git.command import Git

ROOT = 0
"""May do everything anyway."""


def trusted_owners(directory: Path) -> frozenset[int]:
    """The users whose files below a directory are trusted besides our own: root; who called sudo, as for git; and the
    directory's owner where `safe.directory` names it."""
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
    """As git-config(1) has it: `*` is all, `/*` at the end all below, an empty value forgets those before it."""
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
