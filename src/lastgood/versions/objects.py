"""Where the objects of a version come from: DVC's cache, a release that is here, else the remote."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from lastgood.adapters.dvc.store import Store
from lastgood.core.manifest import Output
from lastgood.core.preflight import Missing
from lastgood.errors import FindingsError
from lastgood.project import Project
from lastgood.releases.proofs import Proofs
from lastgood.releases.proving import CorruptedObjectsError
from lastgood.releases.sharing import find_objects

T = TypeVar("T")


@dataclass(frozen=True)
class Sources:
    """The objects of one version: those in a release by their path there, all others by their place in the cache."""

    store: Store
    shared: Mapping[str, str] = field(default_factory=dict)

    def place_of(self, md5: str, legacy: bool) -> str:  # the builder's own signature
        """Where an object is to be linked from, there or not."""
        return self.shared.get(md5) or self.store.cache().place_of(md5, legacy)


def find_sources(project: Project, store: Store, artifact: str, outputs: Sequence[Output]) -> Sources:
    """Where to take the objects of these outputs from.

    Releases are looked through when the cache lacks something, or lies on another file system: a release can be linked
    where the cache must be copied.
    """
    missing = {need.md5 for need in store.missing_in_cache(outputs)}
    wanted = missing if _is_linkable(project, store) else {*missing, *_all(store, outputs)}
    if not wanted or not project.place.releases.is_dir():
        return Sources(store)
    with Proofs(project.place.proofs) as proofs:
        return Sources(store, find_objects(project.place, artifact, wanted, proofs, read=bool(missing)))


def lacking(project: Project, store: Store, artifact: str, outputs: Sequence[Output]) -> tuple[Missing, ...]:
    """Every object that neither the cache nor a release here has."""
    missing = store.missing_in_cache(outputs)
    if not missing:
        return ()
    shared = find_sources(project, store, artifact, outputs).shared
    return tuple(need for need in missing if need.md5 not in shared)


def with_objects(
    project: Project, store: Store, outputs: Sequence[Output], work: Callable[[], T], have: Collection[str] = ()
) -> T:
    """Do what needs the objects of these outputs in the cache but for those had elsewhere.

    What is missing is fetched, what is corrupted dropped and fetched again, once.
    """
    project.on_step("fetch objects")
    store.fetch(outputs, have=have, on_progress=project.report_transfer)
    try:
        return work()
    except CorruptedObjectsError as corrupted:
        for md5, legacy, _ in corrupted.objects:
            store.drop(md5, legacy=legacy)
        store.fetch(outputs, have=have, on_progress=project.report_transfer)
        return work()


def _all(store: Store, outputs: Sequence[Output]) -> set[str]:
    md5s = {output.md5 for output in outputs if output.storage == "dvc"}
    for output in outputs:
        with suppress(FindingsError):  # a listing that is not here, or is none: said by who needs it
            md5s.update(member.md5 for member in store.members(output))
    return md5s


def _is_linkable(project: Project, store: Store) -> bool:
    """Whether cache and releases are on one file system, or there is no cache yet."""
    try:
        return store.cache().directory.stat().st_dev == project.place.staging.stat().st_dev
    except OSError:
        return True
