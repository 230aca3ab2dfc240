"""The trusted side of DVC: the cache and the remotes that the directory running the tool configures.

A version is only ever a list of `Output`s here; its own configuration is not read. A child process with a deadline
talks to remotes; the cache is read without DVC.
"""

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from lastgood.adapters.dvc import child
from lastgood.adapters.dvc.cache import Cache
from lastgood.adapters.dvc.configuration import cache_directory, read_config, remote_names
from lastgood.adapters.dvc.progress import Progress
from lastgood.core.listing import Member
from lastgood.core.manifest import Output
from lastgood.core.preflight import Corrupted, Missing
from lastgood.core.subset import Subset
from lastgood.errors import AbsentRemoteError, LastgoodError

Report = Callable[[Progress], None]


class Store:
    """Cache and remotes of the DVC project, or serving directory, at `root`, which holds `.dvc`.

    `deadline` is in seconds without a sign of life from a remote. `environ` is the child process's environment; `spare`
    are workers that were started ahead.
    """

    def __init__(
        self,
        root: Path,
        *,
        deadline: float = 60.0,
        environ: Mapping[str, str] | None = None,
        spare: list[child.Worker] | None = None,
    ) -> None:
        self.root = root
        self.deadline = deadline
        self._environ = dict(os.environ if environ is None else environ)
        self._spare = [] if spare is None else spare

    @cached_property
    def _config(self) -> dict[str, Any]:
        return read_config(self.root)

    def cache(self) -> Cache:
        """The cache that DVC's configuration names."""
        return Cache(cache_directory(self._config, self.root))

    def remotes(self) -> frozenset[str]:
        """The names of all configured remotes."""
        return remote_names(self._config)

    def default_remote(self) -> str | None:
        """The name of the remote for outputs that name none."""
        name = self._config["core"].get("remote")
        return str(name) if name else None

    def members(self, output: Output) -> tuple[Member, ...]:
        """As `Cache.members`."""
        return self.cache().members(output)

    def missing_in_cache(self, outputs: Iterable[Output]) -> tuple[Missing, ...]:
        """As `Cache.missing`: existence only."""
        return self.cache().missing(_stored(outputs))

    def missing_on_remote(self, outputs: Iterable[Output], *, on_progress: Report | None = None) -> tuple[Missing, ...]:
        """Every object that the remote lacks, members of directories included, each looked up by name.

        Listings that the cache lacks are fetched into it first; one that is missing everywhere stands for its members.
        """
        return self._ask("missing", outputs, on_progress)

    def fetch(
        self, outputs: Iterable[Output], *, have: Collection[str] = (), on_progress: Report | None = None
    ) -> None:
        """Fetch everything that the cache lacks from the remote, hashed before it is kept; without what the caller
        already has.

        Raises `FindingsError` with all that is missing everywhere (`missing`) or wrong on the remote (`corrupted`). The
        fetched objects stay in the cache.
        """
        cache = self.cache()
        wanted = [
            output for output in _stored(outputs) if any(need.md5 not in have for need in cache.missing([output]))
        ]
        if not wanted:  # else the worker does
            from lastgood.adapters.dvc.staging import sweep

            sweep(cache.directory)
        self._ask("fetch", wanted, on_progress, have)

    def push(
        self, outputs: Iterable[Output], *, expected: bool = False, on_progress: Report | None = None
    ) -> tuple[str, ...]:
        """Push everything that the remote lacks from the cache, hashed before. Returns the ids uploaded. Raises
        `FindingsError` before anything is uploaded if an object is missing or corrupted. With `expected`, raises
        `AbsentRemoteError` if a remote does not exist; otherwise it is created, as `dvc push` does."""
        pushed = self._ask("push", outputs, on_progress, expected=expected)
        return tuple(dict.fromkeys(need.md5 for need in pushed))

    def corrupted_on_remote(
        self, outputs: Iterable[Output], subset: Subset | None = None, *, on_progress: Report | None = None
    ) -> tuple[Corrupted, ...]:
        """Every object on the remote whose content differs from the expected one; each is read there, as a stream. With
        a subset, of that part of the objects. Missing objects do not count."""
        wanted = list(dict.fromkeys(_stored(outputs)))
        if not wanted:
            return ()
        found = self.ask("corrupted", wanted, {"subset": str(subset) if subset else None}, on_progress)
        return tuple(Corrupted(_missing(one, wanted), str(one["remote"])) for one in found)

    def require_remotes(self, outputs: Iterable[Output]) -> None:
        """Raise `AbsentRemoteError` if one of the outputs' remotes does not exist."""
        wanted = list(dict.fromkeys(_stored(outputs)))
        for one in self.ask("absent", wanted, {}) if wanted else ():
            raise AbsentRemoteError(str(one["message"]), hint=str(one["hint"]))

    def absent_remotes(self, outputs: Iterable[Output]) -> frozenset[str]:
        """The addresses of the outputs' remotes that do not exist."""
        return frozenset(self._address(str(one["remote"])) for one in self.ask("absent", outputs, {}))

    def addresses(self, outputs: Iterable[Output]) -> frozenset[str]:
        """The addresses of the outputs' remotes, by the trusted configuration."""
        names = {output.remote.lower() if output.remote else "" for output in _stored(outputs)}
        return frozenset(self._address(name) for name in names)

    def _address(self, name: str) -> str:
        settings = self._config["remote"]
        url = str(settings.get(name if name in settings else self.default_remote(), {}).get("url", ""))
        return url if "://" in url else os.path.normpath(url)

    def drop(self, md5: str, *, legacy: bool = False) -> None:
        """Remove a corrupted object from the cache, so that `fetch` downloads it again."""
        self.cache().path_of(md5, legacy=legacy).unlink(missing_ok=True)

    def give(self, sources: Mapping[tuple[str, bool], str]) -> frozenset[tuple[str, bool]]:
        """Copy files into the cache as objects, by id and layout, each with a path. Returns those that it has now.

        A file that does not match its id is left out; the others are on disk when this returns (ordering.md, O1).
        """
        from lastgood.adapters.dvc.progress import Meter
        from lastgood.adapters.dvc.staging import Staging

        given: set[tuple[str, bool]] = set()
        meter = Meter(lambda _: None)
        for layout in (False, True):
            files = {md5: path for (md5, legacy), path in sources.items() if legacy is layout}
            if files:
                shared = bool(self._config["cache"].get("shared"))
                with Staging(self.cache().directory, meter, legacy=layout, shared=shared) as staging:
                    digests = staging.copy(files)
                    whole = [md5 for md5, found in digests.items() if found == md5.removesuffix(".dir")]
                    staging.keep(whole)
                    staging.flush_directories()
                    given.update((md5, layout) for md5 in whole)
        return frozenset(given)

    def ask(
        self, job: str, outputs: Iterable[Output], more: Mapping[str, Any], on_progress: Report | None = None
    ) -> list[dict[str, Any]]:
        """The answer of a job of `cleaning` or `holding`. Raises the worker's error."""
        return self._converse(job, list(dict.fromkeys(_stored(outputs))), {"have": [], "more": more}, on_progress)

    def _ask(
        self,
        job: str,
        outputs: Iterable[Output],
        on_progress: Report | None,
        have: Collection[str] = (),
        *,
        expected: bool = True,
    ) -> tuple[Missing, ...]:
        wanted = list(dict.fromkeys(_stored(outputs)))
        if not wanted:
            return ()
        answer = self._converse(job, wanted, {"have": list(have), "expected": expected}, on_progress)
        return tuple(_missing(document, wanted) for document in answer)

    def _converse(
        self, job: str, wanted: list[Output], more: Mapping[str, Any], on_progress: Report | None
    ) -> list[dict[str, Any]]:
        if not wanted and self.default_remote() is None:
            raise LastgoodError("no DVC remote is configured", hint="dvc remote add -d NAME URL", unchanged=True)
        return child.ask(
            {
                "job": job,
                "root": str(self.root.absolute()),
                "outputs": [output.to_json() for output in wanted],
                **more,
            },
            deadline=self.deadline,
            environ=self._environ,
            on_progress=on_progress,
            worker=self._spare.pop() if self._spare else None,
        )


def _stored(outputs: Iterable[Output]) -> list[Output]:
    """The outputs that DVC stores, without those in git or at a URL."""
    return [output for output in outputs if output.storage == "dvc"]


def _missing(document: Mapping[str, Any], outputs: list[Output]) -> Missing:
    return Missing(outputs[document["output"]], str(document["md5"]), document["member"])
