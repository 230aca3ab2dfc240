"""The methods of git that modules need which `command.Git` itself imports: they cannot import it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol


class Runner(Protocol):
    """A runner of git in a directory; `command.Git` is one."""

    @property
    def directory(self) -> Path:
        """Where git runs."""

    @property
    def git_dir(self) -> Path | None:
        """The git directory of a mirror without a working tree."""

    def attempt(
        self,
        *arguments: str,
        stdin: bytes | None = None,
        environment: Mapping[str, str] | None = None,
        deadline: float | None = None,
        remote: str | None = None,
    ) -> tuple[int, bytes, str]:
        """Exit code, standard output and standard error."""

    def at(self, directory: Path, git_dir: Path | None = None) -> "Runner":
        """The same git in another directory."""
