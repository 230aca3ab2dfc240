"""The only module that runs the git executable: arguments as lists, no inherited settings that redirect it,
deadlines."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen, TimeoutExpired
from typing import IO

from lastgood.adapters.children import absolute_path, child_environment
from lastgood.adapters.git.objects import ObjectReader
from lastgood.adapters.process import communicate, end
from lastgood.errors import LastgoodError, UnreachableError

SAFE = (
    "-c", "core.hooksPath=/dev/null",  # no code of the repository runs (refs.md, "Trust")
    "-c", "core.fsmonitor=false",
    "-c", "safe.bareRepository=explicit",  # a bare one in the working tree, which a commit can hold, is none of ours
    "-c", "protocol.ext.allow=never",
    "-c", "core.fsync=all",  # git's default loses the last commits and tags on a power cut (facts.md, G14)
    "-c", "gc.auto=0",
    "-c", "maintenance.auto=false",
    "-c", "log.showSignature=false",
)  # fmt: skip
PIECE = 1 << 16
PIPE_SIZE = 1 << 20
"""The most that Linux lets a pipe hold: git continues while lastgood handles its earlier output."""
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
    "LANGUAGE": "C",  # some of git's words are read (transactions.py)
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
}


def strip_environment() -> None:
    """Remove the `GIT_*` variables that hooks and CI leave behind (`GIT_DIR`, `GIT_INDEX_FILE` …) and the relative
    parts of `PATH`; keep credentials.

    GitPython and DVC pass the whole environment to their children, so this is done in lastgood's own process, once, at
    start.
    """
    for name in list(os.environ):
        if name.startswith("GIT_") and not name.startswith(_KEPT):
            del os.environ[name]
    os.environ["PATH"] = absolute_path(os.environ)


class GitError(LastgoodError):
    """A git command failed; `code` and `words` are git's exit code and output."""

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
        """Standard output of a git command. Raises `GitError`, and `UnreachableError` after `deadline` seconds."""
        code, out, words = self.attempt(*arguments, stdin=stdin, environment=environment, deadline=deadline)
        if code != 0:
            raise GitError(arguments, code, words)
        return out

    def at(self, directory: Path, git_dir: Path | None = None) -> "Git":
        """git in another directory, with the same environment rules."""
        return Git(directory, git_dir)

    def line(self, *arguments: str) -> str:
        """The one line of a git command's output."""
        return self.run(*arguments).decode(errors="replace").rstrip("\n")

    def attempt(
        self,
        *arguments: str,
        stdin: bytes | None = None,
        environment: Mapping[str, str] | None = None,
        deadline: float | None = None,
        remote: str | None = None,
    ) -> tuple[int, bytes, str]:
        """Exit code, standard output and standard error. Raises `UnreachableError` after `deadline` seconds, and
        `GitError` for a git that was killed, because that is no answer.

        If it meets the lock of a killed git, it is repeated without the lock; `remote` is the target of a push, for the
        locks there. Raises `LockedError` for a lock that stays.
        """
        while True:
            code, out, words = self._attempt(arguments, stdin, environment, deadline)
            if code < 0:
                raise GitError(arguments, code, f"{words.strip()} (killed by signal {-code})".strip())
            if code == 0 or "File exists" not in words:
                return code, out, words
            from lastgood.adapters.git.stale import mend  # for a case that most commands never meet

            if not mend(self, words, remote):
                return code, out, words

    def _attempt(
        self,
        arguments: tuple[str, ...],
        stdin: bytes | None,
        environment: Mapping[str, str] | None,
        deadline: float | None,
    ) -> tuple[int, bytes, str]:
        process = self.start(arguments, DEVNULL if stdin is None else PIPE, PIPE, environment)
        try:
            out, words = communicate(process, stdin, deadline)
        except TimeoutExpired as error:
            raise UnreachableError(f"git {arguments[0]} got no answer within {deadline:g} s") from error
        except BaseException:
            end(process)
            raise
        return int(process.returncode), out, words.decode(errors="replace")

    @cached_property
    def settings(self) -> Mapping[str, str]:
        """The configuration of remotes, identity and signing, by key; read once, a key's last value counts."""
        wanted = r"^(remote\..*|(committer|user)\.(name|email)|tag\.(gpgsign|forcesignannotated))$"
        code, out, words = self.attempt("config", "-z", "--get-regexp", wanted)
        if code not in {0, 1}:  # 1: nothing found
            raise GitError(("config",), code, words)
        pairs = (line.partition("\n") for line in out.decode(errors="replace").split("\0")[:-1])
        return {key: value for key, _, value in pairs}

    def stream(self, *arguments: str) -> Iterator[bytes]:
        """Standard output piece by piece while the command still runs, so that two processors share a long answer.

        It begins at once, whenever it is read. Raises `GitError` at its end.
        """
        # A pipe for its words, which nobody empties, would stop git: one that failed is run again to hear them.
        return self._pieces(self.start(arguments, DEVNULL, DEVNULL), arguments)

    def _pieces(self, started: "Popen[bytes]", arguments: tuple[str, ...]) -> Iterator[bytes]:
        with started as process:
            try:
                while process.stdout is not None and (piece := os.read(process.stdout.fileno(), PIECE)):
                    yield piece
            except BaseException:
                process.kill()
                raise
            if (code := process.wait()) != 0:
                raise GitError(arguments, code, self.attempt(*arguments)[2])

    @cached_property
    def objects(self) -> ObjectReader:
        """A reader of objects that needs no process for each."""
        same = replace(self)  # not ourselves: a reader that holds its owner is not ended with it
        return ObjectReader(lambda: same.start(("cat-file", "--batch"), PIPE, DEVNULL))

    def start(
        self, arguments: tuple[str, ...], stdin: int, stderr: int, environment: Mapping[str, str] | None = None
    ) -> "Popen[bytes]":
        """A git process; the caller handles its pipes and its end.

        Not through GitPython: its import takes 40 ms and two processes of its own, which only report git's version.
        """
        where = [f"--git-dir={self.git_dir}"] if self.git_dir else []
        try:
            process = Popen(  # arguments are a list, nothing is parsed by a shell
                ["git", *where, *SAFE, *arguments],
                cwd=self.directory,
                stdin=stdin,
                stdout=PIPE,
                stderr=stderr,
                env={**child_environment(os.environ), **_ENVIRONMENT, **self.environment, **(environment or {})},
            )
        except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
            if error.filename == "git":
                raise LastgoodError("git is not installed here, or not on PATH", unchanged=True) from error
            raise GitError(arguments, 128, f"cannot enter {self.directory}") from error
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                _widen(pipe)
        return process


def _widen(pipe: IO[bytes]) -> None:
    """Make a pipe wider, if possible: Linux gives each user 64 MiB for all pipes, then it refuses."""
    with suppress(OSError, AttributeError):  # macOS has no such request
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
