"""The worker's jobs: find missing objects, fetch them, push them. Runs in the worker process only."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

from lastgood.adapters.dvc.cache import Cache
from lastgood.adapters.dvc.progress import Meter
from lastgood.adapters.dvc.remote import Remote
from lastgood.adapters.dvc.transfers import Brought, Wanted
from lastgood.adapters.dvc.translate import foreign, translated
from lastgood.core.manifest import Output
from lastgood.core.preflight import Missing
from lastgood.errors import Finding, FindingsError, Flaw, LastgoodError

Answer = TypeVar("Answer")
Where = tuple[str, bool]
"""A remote's name, and whether the object has DVC 2's layout."""


@dataclass
class Job:
    """One request: the trusted configuration, the cache, the outputs, and the remotes opened so far."""

    config: dict[str, Any]
    cache: Cache
    outputs: Sequence[Output]
    meter: Meter
    have: frozenset[str] = frozenset()
    """Objects that need not be fetched: a release has them."""
    expected: bool = True
    """Whether something was pushed to the remotes before, so that an empty one counts as unreachable."""
    remotes: dict[Where, Remote] = field(default_factory=dict)
    stopped: Event = field(default_factory=Event)

    def where(self, output: Output) -> Where:
        """The output's own remote if the trusted configuration knows it, else the default one."""
        name = (output.remote or "").lower()
        if name not in self.config["remote"]:
            name = self.config["core"].get("remote", "")
        if not name:
            raise LastgoodError("no DVC remote is configured", hint="dvc remote add -d NAME URL", unchanged=True)
        return name, output.legacy

    def remote(self, where: Where) -> Remote:
        """The remote, opened once."""
        if where not in self.remotes:
            self.remotes[where] = Remote(self.config, where[0], legacy=where[1])
        return self.remotes[where]

    def absent(self, needs: Iterable[Missing]) -> list[Missing]:
        """The objects of `needs` that their remote lacks."""
        groups = self.by_remote(needs)
        if not groups:
            return []
        self.meter.start(f"asking {names(groups)}", count(groups))
        present = self.together(groups, self._present)
        return [need for where, group in groups.items() for need in group if need.md5 not in present[where]]

    def _present(self, remote: Remote, group: Sequence[Missing]) -> frozenset[str]:
        found = remote.present(_unique(group), self.meter)
        if not found and self.expected:
            remote.require_there()
        return found

    def bring(self, needs: Iterable[Missing]) -> list[Missing]:
        """Download the objects of `needs` that the cache lacks, from all remotes at once. Returns those that the
        remotes lack.

        Raises `FindingsError` with the objects that are corrupted there.
        """
        groups = self.by_remote(need for need in needs if self._lacks(need))
        if not groups:
            return []
        wanted = [need for group in groups.values() for need in group]
        if all(need.member is None and need.output.is_directory for need in wanted):
            self.meter.start(f"fetching listings from {names(groups)}", count(groups))
        else:
            size = self.cache.size_of_missing(wanted)
            self.meter.start(f"fetching from {names(groups)}", count(groups), size, moves=True)
        brought = self.together(groups, self._download)
        absent = [need for where, group in groups.items() for need in group if need.md5 in brought[where].absent]
        corrupted = [
            _corrupted(need, f"remote `{where[0]}`")
            for where, group in groups.items()
            for need in group
            if need.md5 in brought[where].corrupted
        ]
        corrupted += [
            _oversized(need, where[0], brought[where].wrong[need.md5])
            for where, group in groups.items()
            for need in group
            if need.md5 in brought[where].wrong
        ]
        if corrupted:
            raise FindingsError("objects on the remote are corrupted; none of them was kept", corrupted)
        return absent

    def _download(self, remote: Remote, group: Sequence[Missing]) -> Brought:
        ordered = sorted(group, key=lambda need: need.md5.endswith(".dir"))
        sizes = {need.md5: _weight(need.output) for need in ordered}
        shared = bool(self.config["cache"].get("shared"))
        by_name: dict[str, list[Missing]] = {}
        for need in ordered:
            by_name.setdefault(need.md5, []).append(need)

        def fits(md5: str, size: int, partly: bool) -> bool:
            return any(need.may_have(size, partly=partly) for need in by_name[md5])

        wanted = Wanted(sizes, fits)
        brought = remote.download(wanted, self.cache.directory, self.meter, shared=shared, stopped=self.stopped)
        if brought.absent == sizes.keys():
            remote.require_there()
        return brought

    def push(self, absent: Iterable[Missing]) -> None:
        """Upload these objects of the cache, to all remotes at once; then flush every output's remote, whoever wrote
        the objects there."""
        groups = self.by_remote(absent)
        if groups:
            sizes = (
                _size(self.cache, md5, legacy=where[1]) for where, group in groups.items() for md5 in _unique(group)
            )
            self.meter.start(f"pushing to {names(groups)}", count(groups), sum(sizes), moves=True)
            self.together(groups, self._upload)
        everything = self.by_remote(Missing(output, output.md5) for output in self.outputs)
        self.together(everything, lambda remote, _: remote.flush(self.meter))

    def _upload(self, remote: Remote, group: Sequence[Missing]) -> None:
        """Upload objects, listings last: a listing on the remote must mean that its members are there (facts.md,
        D10)."""
        identifiers = _unique(group)
        for directories in (False, True):
            part = [one for one in identifiers if one.endswith(".dir") is directories]
            remote.upload(part, self.cache.directory, self.meter, stopped=self.stopped)
        if not self.stopped.is_set():
            _check_after_upload(self, remote, identifiers)

    def listings(self) -> list[Missing]:
        """Fetch every directory's listing into the cache, to know its members. Returns those that are missing
        everywhere."""
        return self.bring([Missing(output, output.md5) for output in self.outputs if output.is_directory])

    def needs(self, without: Iterable[Missing] = ()) -> list[Missing]:
        """Every object of the outputs, members before their listing, without outputs whose listing is missing
        everywhere."""
        hidden = {need.output for need in without}
        return [need for output in self.outputs if output not in hidden for need in self.cache.objects(output)]

    def _lacks(self, need: Missing) -> bool:
        return need.md5 not in self.have and not self.cache.has(need.md5, legacy=need.output.legacy)

    def by_remote(self, needs: Iterable[Missing]) -> dict[Where, list[Missing]]:
        """The needs, grouped by the remote that should have them."""
        groups: dict[Where, list[Missing]] = {}
        for need in needs:
            groups.setdefault(self.where(need.output), []).append(need)
        return groups

    def together(
        self, groups: Mapping[Where, list[Missing]], work: Callable[[Remote, list[Missing]], Answer]
    ) -> dict[Where, Answer]:
        """Do `work` at every remote: different ones at the same time, the two layouts of one after each other.

        The first error stops the others before their next batch.
        """
        remotes = {where: self.remote(where) for where in groups}

        def serve(name: str) -> dict[Where, Answer]:
            with translated(f"remote `{name}`"), foreign(f"remote `{name}`"):
                return {where: work(remotes[where], groups[where]) for where in groups if where[0] == name}

        answers: dict[Where, Answer] = {}
        different = sorted({name for name, _ in groups})
        with ThreadPoolExecutor(len(different)) as pool:
            try:
                for done in as_completed([pool.submit(serve, name) for name in different]):
                    answers.update(done.result())
            except BaseException:
                self.stopped.set()
                raise
        return answers


def missing(job: Job) -> list[Missing]:
    """Every object of the outputs that the remote lacks, members of directories included."""
    lost = job.listings()
    return lost + job.absent(job.needs(lost))


def fetch(job: Job) -> list[Missing]:
    """Fetch everything into the cache: the listings, which name the other objects, then all objects of all outputs."""
    lost = job.listings()
    lost += job.bring(job.needs(lost))
    if lost:
        found = [_lost(need) for need in lost]
        raise FindingsError(f"{len(found)} objects are neither in the cache nor on the remote", found)
    return []


def push(job: Job) -> list[Missing]:
    """Everything onto the remotes that they lack; returns what was uploaded. All of it is on disk there at the end."""
    lost = job.listings()
    absent = job.absent(job.needs(lost))
    _check_before_upload(job, lost, absent)
    job.push(absent)
    return absent


def _check_before_upload(job: Job, lost: Sequence[Missing], absent: Sequence[Missing]) -> None:
    """Raise an error unless each object is in the cache and matches its name: DVC would upload a corrupted one."""
    found = [_lost(need) for need in lost]
    job.meter.start("hashing", len(absent))
    for need in absent:
        path = job.cache.path_of(need.md5, legacy=need.output.legacy)
        remote = job.remote(job.where(need.output))
        if not path.is_file():
            found.append(_lost(need))
        elif remote.hash_of(str(path), lambda size: job.meter.beat(size=size)) != need.md5.removesuffix(".dir"):
            found.append(_corrupted(need, "cache"))
        job.meter.beat(objects=1)
    if found:
        raise FindingsError("nothing was uploaded: objects are missing or corrupted", found)


def _check_after_upload(job: Job, remote: Remote, identifiers: Sequence[str]) -> None:
    present = remote.present(identifiers, Meter(lambda _: job.meter.beat()))
    whole = [
        one
        for one in present
        if not remote.knows_sizes() or remote.size(one) == _size(job.cache, one, legacy=remote.legacy)
    ]
    if len(whole) < len(identifiers):
        message = f"remote `{remote.name}` took {len(identifiers)} objects and has {len(whole)} of them"
        raise LastgoodError(message, hint="run the command again; objects that arrived are not sent twice")


def _size(cache: Cache, md5: str, *, legacy: bool) -> int:
    return cache.path_of(md5, legacy=legacy).stat().st_size


def _weight(output: Output) -> int:
    """The approximate bytes of an object of the output; only for cutting batches, never shown."""
    return (output.size or 0) // max(1, output.files or 1)


def _unique(needs: Iterable[Missing]) -> list[str]:
    return list(dict.fromkeys(need.md5 for need in needs))


def count(groups: Mapping[Where, Sequence[Missing]]) -> int:
    """The number of objects."""
    return sum(len(_unique(group)) for group in groups.values())


def names(groups: Iterable[Where]) -> str:
    """The remotes' names, for people."""
    return ", ".join(sorted({f"`{name}`" for name, _ in groups}))


def _lost(need: Missing) -> Finding:
    path = str(need.path)
    return Finding(Flaw.MISSING, path, f"{path} is neither in the cache nor on the remote: {need.md5}")


def _corrupted(need: Missing, where: str) -> Finding:
    path = str(need.path)
    return Finding(
        Flaw.CORRUPTED, path, f"{path} is corrupted in the {where}: {need.md5}".replace("the remote", "remote")
    )


def _oversized(need: Missing, remote: str, size: int) -> Finding:
    path, output = str(need.path), need.output
    listing = need.member is None and output.is_directory
    recorded = f"a listing of {output.files} files is recorded" if listing else f"{output.size} are recorded"
    text = f"{path} is corrupted on remote `{remote}`: {need.md5} has {size} bytes, {recorded}"
    return Finding(Flaw.CORRUPTED, path, text)


JOBS: dict[str, Callable[[Job], list[Missing]]] = {"missing": missing, "fetch": fetch, "push": push}


def load(
    root: Path, outputs: Sequence[Output], meter: Meter, have: Iterable[str] = (), *, expected: bool = True
) -> Job:
    """A job with the configuration in `root/.dvc` and the levels above it."""
    from lastgood.adapters.dvc.configuration import cache_directory, read_config

    config = read_config(root)
    return Job(config, Cache(cache_directory(config, root)), outputs, meter, frozenset(have), expected)
