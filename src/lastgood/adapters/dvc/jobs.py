"""What the worker does with a request: find what is missing, fetch it, push it. Runs in the worker process only."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lastgood.adapters.dvc.cache import Cache
from lastgood.adapters.dvc.progress import Meter
from lastgood.adapters.dvc.remote import Remote
from lastgood.core.manifest import Output
from lastgood.core.preflight import Missing
from lastgood.errors import Finding, FindingsError, LastgoodError

Where = tuple[str, bool]
"""A remote's name, and whether the object has DVC 2's layout."""


@dataclass
class Job:
    """One request: the trusted configuration, the cache, the outputs asked for, and the remotes opened so far."""

    config: dict[str, Any]
    cache: Cache
    outputs: Sequence[Output]
    meter: Meter
    remotes: dict[Where, Remote] = field(default_factory=dict)

    def where(self, output: Output) -> Where:
        """The output's own remote where the trusted configuration knows it, else the default one."""
        name = (output.remote or "").lower()
        if name not in self.config["remote"]:
            name = self.config["core"].get("remote", "")
        if not name:
            raise LastgoodError("no DVC remote is configured; nothing was changed", hint="dvc remote add -d NAME URL")
        return name, output.legacy

    def remote(self, where: Where) -> Remote:
        """The remote, opened once."""
        if where not in self.remotes:
            self.remotes[where] = Remote(self.config, where[0], legacy=where[1])
        return self.remotes[where]

    def absent(self, needs: Iterable[Missing]) -> list[Missing]:
        """Those of `needs` that their remote does not have."""
        found: list[Missing] = []
        for where, group in self._by_remote(needs).items():
            identifiers = list(dict.fromkeys(need.md5 for need in group))
            self.meter.start(f"asking `{where[0]}`", len(identifiers))
            present = self.remote(where).present(identifiers, self.meter)
            found += [need for need in group if need.md5 not in present]
        return found

    def bring(self, needs: Iterable[Missing]) -> list[Missing]:
        """Download what the remote has of `needs` into the cache; the rest is returned. Raises on corrupted objects."""
        wanted = [need for need in needs if not self.cache.has(need.md5, legacy=need.output.legacy)]
        absent = self.absent(wanted)
        lost = {(need.md5, need.output.legacy) for need in absent}
        corrupted: list[Finding] = []
        for where, group in self._by_remote(wanted).items():
            identifiers = [need.md5 for need in group if (need.md5, where[1]) not in lost]
            identifiers = sorted(set(identifiers), key=lambda one: one.endswith(".dir"))
            self.meter.start(f"fetching from `{where[0]}`", len(identifiers))
            shared = bool(self.config["cache"].get("shared"))
            bad = self.remote(where).download(identifiers, self.cache.directory, self.meter, shared=shared)
            corrupted += [_corrupted(need, f"remote `{where[0]}`") for need in group if need.md5 in bad]
        if corrupted:
            raise FindingsError("objects on the remote are corrupted; none of them was kept", corrupted)
        return absent

    def listings(self) -> list[Missing]:
        """Have every directory's listing in the cache, to know its members; returns those that are nowhere."""
        return self.bring([Missing(output, output.md5) for output in self.outputs if output.is_directory])

    def needs(self, without: Iterable[Missing] = ()) -> list[Missing]:
        """Every object of the outputs, members before their listing, except for outputs whose listing is nowhere."""
        hidden = {need.output for need in without}
        return [need for output in self.outputs if output not in hidden for need in self.cache.objects(output)]

    def _by_remote(self, needs: Iterable[Missing]) -> dict[Where, list[Missing]]:
        groups: dict[Where, list[Missing]] = {}
        for need in needs:
            groups.setdefault(self.where(need.output), []).append(need)
        return groups


def missing(job: Job) -> list[Missing]:
    """Every object of the outputs that the remote lacks, members of directories included."""
    lost = job.listings()
    return lost + job.absent(job.needs(lost))


def fetch(job: Job) -> list[Missing]:
    """Everything into the cache. Members come before the listing: a listing in the cache may be read by anybody."""
    lost = job.listings()
    needs = job.needs(lost)
    lost += job.bring(needs)
    if lost:
        found = [_lost(need) for need in lost]
        raise FindingsError(f"{len(found)} objects are neither in the cache nor on the remote", found)
    return []


def push(job: Job) -> list[Missing]:
    """Everything onto the remote that it lacks; returns what was uploaded. Listings go last: one on the remote must
    mean that its members are there."""
    lost = job.listings()
    absent = job.absent(job.needs(lost))
    _check_before_upload(job, lost, absent)
    for where, group in job._by_remote(absent).items():  # noqa: SLF001  # a job's own functions
        remote = job.remote(where)
        unique = list(dict.fromkeys(need.md5 for need in group))
        job.meter.start(f"pushing to `{where[0]}`", len(unique))
        for directories in (False, True):
            part = [one for one in unique if one.endswith(".dir") is directories]
            remote.upload(part, job.cache.directory, job.meter)
        _check_after_upload(job, where, unique)
    return absent


def _check_before_upload(job: Job, lost: Sequence[Missing], absent: Sequence[Missing]) -> None:
    """Each object is in the cache and is what its name says: DVC would upload a corrupted one as it is."""
    found = [_lost(need) for need in lost]
    job.meter.start("hashing", len(absent))
    for need in absent:
        path = job.cache.path_of(need.md5, legacy=need.output.legacy)
        remote = job.remote(job.where(need.output))
        if not path.is_file():
            found.append(_lost(need))
        elif remote.hash_of(path, job.meter) != need.md5.removesuffix(".dir"):
            found.append(_corrupted(need, "cache"))
        job.meter.beat(objects=1)
    if found:
        raise FindingsError("nothing was uploaded: objects are missing or corrupted", found)


def _check_after_upload(job: Job, where: Where, identifiers: Sequence[str]) -> None:
    remote = job.remote(where)
    present = remote.present(identifiers, job.meter)
    there = [one for one in identifiers if one in present]
    sizes = remote.sizes(there)
    whole = {one for one in there if one not in sizes or sizes[one] == _size(job.cache, one, legacy=where[1])}
    if len(whole) < len(identifiers):
        message = f"remote `{where[0]}` took {len(identifiers)} objects and has {len(whole)} of them"
        raise LastgoodError(message, hint="say it again; what arrived is not sent twice")


def _size(cache: Cache, md5: str, *, legacy: bool) -> int:
    return cache.path_of(md5, legacy=legacy).stat().st_size


def _lost(need: Missing) -> Finding:
    path = str(need.path)
    return Finding("missing", path, f"{path} is neither in the cache nor on the remote: {need.md5}")


def _corrupted(need: Missing, where: str) -> Finding:
    path = str(need.path)
    return Finding("corrupted", path, f"{path} is corrupted in the {where}: {need.md5}".replace("the remote", "remote"))


JOBS: dict[str, Callable[[Job], list[Missing]]] = {"missing": missing, "fetch": fetch, "push": push}


def load(root: Path, outputs: Sequence[Output], meter: Meter) -> Job:
    """A job with the configuration that `root/.dvc` and the levels above it give."""
    from lastgood.adapters.dvc.configuration import cache_directory, read_config

    config = read_config(root)
    return Job(config, Cache(cache_directory(config, root)), outputs, meter)
