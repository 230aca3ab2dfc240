"""The worker's checks of remotes: which do not exist, and which of their objects are corrupted. Worker only."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from lastgood.adapters.dvc.jobs import Job, count, names
from lastgood.adapters.dvc.remote import Remote
from lastgood.core.preflight import Missing
from lastgood.core.subset import Subset
from lastgood.errors import AbsentRemoteError

Document = dict[str, Any]
Digests = tuple[str, str | None]
Bad = tuple[Missing, str]
"""An object, and the remote where it is corrupted."""


def absent(job: Job, more: Mapping[str, Any]) -> Iterator[Document]:  # noqa: ARG001  # every job's signature
    """The outputs' remotes that have nothing at their address, with a message about each."""
    for where in sorted({job.where(output) for output in job.outputs}):
        try:
            job.remote(where).require_there()
        except AbsentRemoteError as error:
            yield {"remote": where[0], "message": error.message, "hint": error.hint}


def corrupted(job: Job, more: Mapping[str, Any]) -> Iterator[Document]:
    """The objects of the outputs whose content on their remote does not match their name, or the version's SHA-256.
    Each is read there, whatever the cache has. `more["subset"]` limits them to a part; missing objects are left out."""
    subset = Subset.parse(more["subset"]) if more["subset"] else None

    def chosen(needs: Iterable[Missing]) -> list[Missing]:
        return [need for need in needs if subset is None or subset.has(need.md5)]

    listings = [Missing(output, output.md5) for output in job.outputs if output.is_directory]
    unknown = [need for need in listings if not job.cache.has(need.md5, legacy=need.output.legacy)]
    bad = _read(job, dict.fromkeys([*unknown, *chosen(listings)]))
    wrong = {need for need, _ in bad}
    hidden = [need for need in unknown if need in wrong]
    hidden += job.bring(need for need in unknown if need not in wrong)
    bad += _read(job, [need for need in chosen(job.needs(hidden)) if not need.md5.endswith(".dir")])
    positions = {output: position for position, output in enumerate(job.outputs)}
    for need, remote in bad:
        yield {"output": positions[need.output], "md5": need.md5, "member": need.member, "remote": remote}


def _read(job: Job, needs: Iterable[Missing]) -> list[Bad]:
    """The corrupted objects among these, on the remote where they should be."""
    groups = job.by_remote(needs)
    if not groups:
        return []
    job.meter.start(f"hashing on {names(groups)}", count(groups))

    def digests(remote: Remote, group: Sequence[Missing]) -> dict[str, Digests]:
        asked: dict[str, bool] = {}
        for need in group:
            asked[need.md5] = asked.get(need.md5, False) or sha256_of(need) is not None
        return remote.digests(asked, job.meter, stopped=job.stopped)

    found = job.together(groups, digests)
    return [
        (need, where[0])
        for where, group in groups.items()
        for need in group
        if need.md5 in found[where] and not is_right(need, found[where][need.md5])
    ]


def sha256_of(need: Missing) -> str | None:
    """The recorded SHA-256 of a file; for a directory it covers the whole, which is no single object."""
    return None if need.output.is_directory else need.output.sha256


def is_right(need: Missing, found: Digests) -> bool:
    """Whether this is the content that a version needs."""
    return found[0] == need.md5.removesuffix(".dir") and sha256_of(need) in {None, found[1]}


JOBS: dict[str, Callable[[Job, Mapping[str, Any]], Iterator[Document]]] = {"absent": absent, "corrupted": corrupted}
