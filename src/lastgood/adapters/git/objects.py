"""Reads objects one after the other from one `git cat-file --batch`, which starts with the first."""

import os
import select
import weakref
from collections.abc import Callable
from hashlib import sha1, sha256
from subprocess import Popen
from typing import IO

PATIENCE = 60.0
"""Seconds without an answer, after which a request fails: git does not notice if it cannot write that an object is
missing, and disks hang."""
SHORT = 40
"""Hex digits of a SHA-1."""
TYPES = frozenset({"blob", "tree", "commit", "tag"})


class ObjectReader:
    """Objects by name, each in a few microseconds instead of a process. Objects never change, so nothing gets stale; a
    missing one is looked up again each time.

    `start` starts the process. It ends with the reader, or with lastgood.
    """

    def __init__(self, start: Callable[[], "Popen[bytes]"]) -> None:
        self._start = start
        self._process: Popen[bytes] | None = None
        self._owner = os.getpid()
        self._end: Callable[[], object] = lambda: None

    def read(self, name: str) -> tuple[str, bytes] | None:
        """An object's type and content, or `None` if it is missing or unreadable. `name` is in git's syntax: an id,
        `COMMIT:path`, `COMMIT^{tree}`. Raises `TimeoutError` if git is silent."""
        if "\n" in name:  # the end of a request; `-z` would allow it, from git 2.38 on
            return None
        if self._owner != os.getpid():  # we were forked: two that read the same answers
            self._process, self._owner = None, os.getpid()
        try:
            process = self._process or self._begin()
            if process.stdin is None or process.stdout is None:  # pragma: no cover (both are pipes)
                return None
            process.stdin.write(name.encode(errors="surrogateescape") + b"\n")
            process.stdin.flush()
            _await(process.stdout)
            return _answer(process.stdout)
        except (BrokenPipeError, EOFError):  # git gives up on an object that is corrupted
            self.close()
            return None
        except BaseException:  # a partly read answer would be taken for the next one
            self.close()
            raise

    def close(self) -> None:
        """End the process; the next read starts another."""
        self._process = None
        self._end()

    def _begin(self) -> "Popen[bytes]":
        self._process = self._start()
        self._end = weakref.finalize(self, _end, self._process, os.getpid())
        return self._process


def is_blob(content: bytes, oid: str) -> bool:
    """Whether this is the content that a blob's id names; git itself does not check when it reads."""
    digest = sha1(usedforsecurity=False) if len(oid) == SHORT else sha256()
    digest.update(b"blob %d\0" % len(content))
    digest.update(content)
    return digest.hexdigest() == oid


def _await(stream: IO[bytes]) -> None:
    """Return when there is something to read. All former answers were read to their end."""
    poll = select.poll()
    poll.register(stream, select.POLLIN)
    if not poll.poll(PATIENCE * 1000):
        raise TimeoutError(f"git cat-file gave no answer for {PATIENCE:g} s")


def _answer(stream: IO[bytes]) -> tuple[str, bytes] | None:
    """git-cat-file(1), BATCH OUTPUT: `<oid> <type> <size>`, the content, a line feed; else `<name> missing`."""
    header = stream.readline()
    if not header.endswith(b"\n"):
        raise EOFError
    words = header.decode(errors="replace").split()
    if len(words) != 3 or words[1] not in TYPES or not words[2].isdigit():
        return None
    size = int(words[2])
    content = stream.read(size + 1)
    if len(content) != size + 1:
        raise EOFError
    return words[1], content[:-1]


def _end(process: "Popen[bytes]", owner: int) -> None:
    if owner != os.getpid():
        return  # a fork forgets the reader, whose process is not its own
    process.kill()  # it only reads
    process.communicate()
