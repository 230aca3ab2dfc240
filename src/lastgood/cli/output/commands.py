"""The commands that an answer names, as they must be typed: those about a serving host repeat its `--root`."""

import re
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

TAKING_ROOT = (
    "diff", "exec", "guard", "history", "list", "mark", "prune", "repair", "rollback", "show", "status", "sync",
    "verify", "where",
)  # fmt: skip
"""The commands with `--root`; the others need a clone."""
_NAMED = re.compile(rf"\blastgood ({'|'.join(TAKING_ROOT)})\b(?! --(?:root|help)\b)")


@dataclass
class Host:
    """The serving host that this run is about; `None` for a clone."""

    root: Path | None = None


host = Host()


def typed(words: str) -> str:
    """The words with each `lastgood COMMAND` in them completed, so that it is about the same directory as this run."""
    if host.root is None:
        return words
    option = f"--root {quote(str(host.root))}"
    return _NAMED.sub(lambda found: f"{found[0]} {option}", words)
