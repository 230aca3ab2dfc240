"""The one door to the git executable: arguments as lists, nothing inherited that steers it elsewhere, deadlines."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from git.cmd import Git as GitPython

from lastgood.errors import LastgoodError, UnreachableError

SAFE = (
    "-c", "core.hooksPath=/dev/null",  # no code of the repository runs (DESIGN §3, Trust)
    "-c", "core.fsmonitor=false",
    "-c", "protocol.ext.allow=never",
    "-c", "core.fsync=all",  # git's default loses the last commits and tags on a power cut (FIELD.md 16)
    "-c", "gc.auto=0",
    "-c", "maintenance.auto=false",
    "-c", "log.showSignature=false",
)  # fmt: skip
_KEPT = (
    "GIT_ASKPASS",
    "GIT_COMMITTER_",
    "GIT_AUTHOR_",
    "GIT_CONFIG",
    "GIT_EXEC_PATH",
    "GIT_PROXY",
    "GIT_SSH",
    "GIT_SSL",
)
_ENVIRONMENT = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
}


def strip_environment() -> None:
    """Forget the `GIT_*` variables that hooks and CI leave behind (`GIT_DIR`, `GIT_INDEX_FILE` …); keep credentials.

    GitPython hands our whole environment to its children, so it is done in our own process, once, at start.
    """
    for name in list(os.environ):
        if name.startswith("GIT_") and not name.startswith(_KEPT):
            del os.environ[name]


class GitError(LastgoodError):
    """A git command failed; `code` and `words` are git's exit code and what it said."""

    def __init__(self, arguments: tuple[str, ...], code: int, words: str) -> None:
        super().__init__(f"git {arguments[0]} failed ({code}): {words.strip() or 'no message'}")
        self.code = code
        self.words = words.strip()


@dataclass(frozen=True)
class Git:
    """Runs git in `directory`; with `git_dir` for a mirror that has no working tree."""

    directory: Path
    git_dir: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(
        self,
        *arguments: str,
        stdin: bytes | None = None,
        environment: Mapping[str, str] | None = None,
        deadline: float | None = None,
    ) -> bytes:
        """Standard output of a git command. Raises `GitError`, and `UnreachableError` past `deadline` seconds."""
        code, out, words = self.attempt(*arguments, stdin=stdin, environment=environment, deadline=deadline)
        if code != 0:
            raise GitError(arguments, code, words)
        return out

    def line(self, *arguments: str) -> str:
        """The one line that a git command prints."""
        return self.run(*arguments).decode(errors="replace").rstrip("\n")

    def attempt(
        self,
        *arguments: str,
        stdin: bytes | None = None,
        environment: Mapping[str, str] | None = None,
        deadline: float | None = None,
    ) -> tuple[int, bytes, str]:
        """Exit code, standard output and standard error. Raises `UnreachableError` past `deadline` seconds."""
        if not (self.directory.is_dir() and os.access(self.directory, os.X_OK)):
            # GitPython would silently run git in our own current directory, another repository perhaps
            raise GitError(arguments, 128, f"cannot enter {self.directory}")
        where = [f"--git-dir={self.git_dir}"] if self.git_dir else []
        with tempfile.TemporaryFile() as given:
            given.write(stdin or b"")
            given.seek(0)
            code, out, words = GitPython(self.directory).execute(
                ["git", *where, *SAFE, *arguments],
                istream=given,
                with_extended_output=True,
                with_exceptions=False,
                stdout_as_string=False,
                strip_newline_in_stdout=False,
                kill_after_timeout=deadline,
                env={**_ENVIRONMENT, **self.environment, **(environment or {})},
            )
        text = words if isinstance(words, str) else words.decode(errors="replace")
        if deadline is not None and code < 0 and text.startswith("Timeout: "):
            raise UnreachableError(f"git {arguments[0]} got no answer within {deadline:g} s")
        return int(code), bytes(out), text
