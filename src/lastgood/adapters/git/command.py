"""The one door to the git executable: arguments as lists, nothing inherited that steers it elsewhere, deadlines."""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen, TimeoutExpired

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
        started = GitPython(self.directory).execute(
            ["git", *where, *SAFE, *arguments],
            istream=DEVNULL if stdin is None else PIPE,
            as_process=True,
            env={**_ENVIRONMENT, **self.environment, **(environment or {})},
        )
        process = started.proc  # `started` ends it when it is forgotten
        if process is None:  # pragma: no cover (it was just started)
            raise GitError(arguments, 128, "it was not started")
        out, words = _communicate(process, stdin, deadline, f"git {arguments[0]}")
        return int(process.returncode), out, words.decode(errors="replace")


def _communicate(
    process: "Popen[bytes]", stdin: bytes | None, deadline: float | None, what: str
) -> tuple[bytes, bytes]:
    """What a process says until it ends. One that is silent too long is killed with all that it started.

    GitPython's own deadline needs `ps` or `pgrep` for that, which slim images lack: then `git-remote-https` lived on
    with our pipes in its hands, and the wait for their end had none.
    """
    try:
        return process.communicate(stdin, timeout=deadline)
    except TimeoutExpired as error:
        for descendant in (process.pid, *_descendants(process.pid)):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(descendant, signal.SIGKILL)
        with suppress(TimeoutExpired):  # where descendants cannot be listed
            process.communicate(timeout=1)
        raise UnreachableError(f"{what} got no answer within {deadline:g} s") from error


def _descendants(pid: int) -> Iterator[int]:
    """The processes that a process started, and these, as /proc says; none where there is no /proc."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # pid (name) state ppid …; a name may hold brackets and blanks
            parents[int(status.parent.name)] = int(status.read_text(errors="replace").rpartition(") ")[2].split()[1])
    found = [pid]
    for parent in found:
        found += [child for child, its in parents.items() if its == parent]
    yield from found[1:]
