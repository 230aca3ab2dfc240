"""Reads commits through a worker with DVC. A version that costs too much gets a finding, and the next one is read."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lastgood.adapters.dvc.cache import Cache
from lastgood.adapters.dvc.child import START_UP, Worker, converse, last_words
from lastgood.adapters.dvc.reader import PATIENCE
from lastgood.adapters.dvc.version import Pinned
from lastgood.errors import Finding, FindingsError, Flaw, LastgoodError


class Reader:
    """One worker for all versions that a command reads; it starts with the first of them.

    `seconds` of processor time are the limit for one version; it must not import from the directories in `avoid`.
    """

    def __init__(self, environ: Mapping[str, str], seconds: int, avoid: Iterable[Path]) -> None:
        self._environ = dict(environ)
        self._avoid = tuple(avoid)
        self._seconds = seconds
        self._worker: Worker | None = None

    def read(self, git_dir: Path, commit: str, project: str, trusted_remotes: frozenset[str], cache: Cache) -> Pinned:
        """As `read_version`. Raises `FindingsError`, kind `limits`, for a version that cannot be read within bounds."""
        document = self._ask(
            {
                "job": "read",
                "git_dir": str(git_dir.absolute()),
                "commit": commit,
                "project": project,
                "trusted": sorted(trusted_remotes),
                "cache": str(cache.directory),
                "seconds": self._seconds,
            }
        )
        try:
            return Pinned.from_json(document)
        except ValueError as error:
            message = f"the pipeline files of commit {commit[:12]} cannot be used: {error}"
            raise FindingsError(message, [Finding(Flaw.UNREADABLE, commit, message)]) from error

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        worker, self._worker = self._worker or Worker(self._environ, self._avoid), None
        try:
            answer = converse(worker, request, START_UP + 2 * PATIENCE * self._seconds)
        except EOFError:
            message = f"the process that reads versions ended without an answer: {last_words(worker.errors)}"
            raise LastgoodError(message) from None
        except FindingsError:
            self._worker = worker
            raise
        self._worker = worker
        return answer[0]
