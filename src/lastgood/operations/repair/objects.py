"""Repairing objects: what the DVC remote lost is pushed again from the cache or from releases here, which `dvc push`
does not notice (facts.md, D10), and what it holds corrupted is replaced; corrupted ones leave the cache and are brought
back."""

from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from lastgood.adapters.dvc.store import Store
from lastgood.core.manifest import Manifest, Output
from lastgood.core.preflight import Corrupted, Missing
from lastgood.core.repairs import Mended
from lastgood.core.subset import Subset
from lastgood.errors import Finding, FindingsError, Flaw
from lastgood.project import Project
from lastgood.releases.hashing import digests, is_legacy_md5
from lastgood.releases.proofs import Proofs
from lastgood.releases.sharing import Key, find_anywhere, write_listings
from lastgood.releases.staging import stage

Results = list[Mended | Finding]
CACHE, REMOTE = "the cache", "the remote"
DONE = {False: "pushed to the remote again", True: "replaced on the remote"}


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a repair goes: with `deep` objects are hashed, with `subset` a part of them; a dry run changes none."""

    deep: bool = False
    subset: Subset | None = None
    dry_run: bool = False


@dataclass
class _Part:
    """The versions of one DVC project here, and by object which path of which version it is, for people."""

    project: Project
    store: Store
    reach: Reach
    manifests: list[Manifest] = field(default_factory=list)
    names: dict[Key, str] = field(default_factory=dict)
    hopeless: set[Key] = field(default_factory=set)
    """Listings that are right nowhere: what their outputs need is not known."""

    @property
    def outputs(self) -> tuple[Output, ...]:
        every = dict.fromkeys(output for manifest in self.manifests for output in manifest.stored)
        return tuple(output for output in every if (output.md5, output.legacy) not in self.hopeless)

    def absent(self) -> dict[Key, Missing]:
        """What the cache lacks."""
        return _by_key(self.store.cache().missing(self.outputs))

    def name(self, key: Key) -> str:
        return self.names.get(key, key[0])


def require_remotes(project: Project, manifests: Iterable[Manifest]) -> None:
    """Raise `AbsentRemoteError` where a remote that should hold objects of these versions is not there."""
    for part in _parts(project, manifests, Reach()):
        part.store.require_remotes(part.outputs)


def mend_objects(project: Project, manifests: Iterable[Manifest], reach: Reach) -> Results:
    """Give cache and remotes back what they lost of these versions and, as far as `reach` goes, what rotted there.

    Raises `UnreachableError` when the remote is silent.
    """
    results: Results = []
    for part in _parts(project, manifests, reach):
        try:
            results += _mend(part)
        except FindingsError as error:  # a listing that is corrupted on the remote, or that must not be read
            results += error.findings
    return results


def _parts(project: Project, manifests: Iterable[Manifest], reach: Reach) -> Iterable[_Part]:
    parts: dict[Path, _Part] = {}
    for manifest in manifests:
        store = project.store(manifest.project)
        parts.setdefault(store.root, _Part(project, store, reach)).manifests.append(manifest)
    return parts.values()


def _mend(part: _Part) -> Results:
    bad = _drop_corrupted(part) if part.reach.deep else set()
    own = {(output.md5, output.legacy) for output in part.outputs if output.is_directory}
    restored = _restore(part, [key for key in part.absent() if key in own])
    rotten = _find_rotten(part, restored) if part.reach.deep else {}
    lost = _by_key(part.store.missing_on_remote(part.outputs, on_progress=part.project.report_transfer))
    if part.reach.deep and not part.reach.dry_run:
        _bring_back(part, bad)
    absent = part.absent()
    wrong = lost | {key: one.need for key, one in rotten.items()}
    part.names |= {key: f"{need.path}" for key, need in (absent | wrong).items()}
    wanted = [key for key in dict.fromkeys((*wrong, *bad)) if key in absent or key in bad]
    restored |= _restore(part, [key for key in wanted if key not in restored])
    gone = {key for key in wanted if key not in restored}
    pushed = _push(part, [key for key in wrong if key not in gone], list(rotten))
    back = [key for key in bad if key not in lost and (key in restored or part.reach.dry_run or key not in absent)]
    left = [key for key in wrong if key not in pushed] if part.reach.dry_run else []
    return [
        *(_left(lost.get(key), rotten.get(key)) for key in left),
        *(Mended("object", part.name(key), DONE[key in rotten], restored.get(key, CACHE)) for key in pushed),
        *(Mended("object", part.name(key), "brought into the cache again", restored.get(key, REMOTE)) for key in back),
    ]


def _find_rotten(part: _Part, restored: Collection[Key]) -> dict[Key, Corrupted]:
    """What the remotes hold with another content. Outputs whose listing is right nowhere are left to `verify`."""
    report = part.project.report_transfer
    found = part.store.corrupted_on_remote(part.outputs, part.reach.subset, on_progress=report)
    rotten = {(one.need.md5, one.need.output.legacy): one for one in found}
    cache = part.store.cache()
    part.hopeless |= {
        key
        for key in rotten
        if key[0].endswith(".dir") and key not in restored and not cache.has(key[0], legacy=key[1])
    }
    return rotten


def _bring_back(part: _Part, bad: set[Key]) -> None:
    """Fetch what left the cache because it was corrupted there."""
    part.project.on_step("fetch objects")
    cache = part.store.cache()
    wanted = [one for one in part.outputs if bad and not bad.isdisjoint(_by_key(cache.missing([one])))]
    with suppress(FindingsError):  # what cannot be fetched is looked for in releases
        part.store.fetch(wanted, on_progress=part.project.report_transfer)


def _push(part: _Part, wanted: list[Key], replace: list[Key]) -> list[Key]:
    """Those of the objects that could be pushed, or in a dry run that are here."""
    if part.reach.dry_run or not wanted:
        return wanted
    part.project.on_step("mend")
    more = {"replace": [md5 for md5, _ in replace]}
    sent = part.store.ask("mend", part.outputs, more, part.project.report_transfer)
    md5s = {str(one["md5"]) for one in sent}
    return [key for key in wanted if key[0] in md5s]


def _left(lost: Missing | None, rotten: Corrupted | None) -> Finding:
    """What a repair could not mend."""
    if rotten is not None:
        text = f"{rotten.need.path}: {rotten.text}, and there is no good copy here"
        return Finding(Flaw.CORRUPTED, str(rotten.need.path), text)
    path, md5 = (lost.path, lost.md5) if lost is not None else ("", "")
    return Finding(Flaw.MISSING, str(path), f"{path} ({md5}) is neither on the remote nor in the cache")


def _drop_corrupted(part: _Part) -> set[Key]:
    """The objects in the cache that are not what their id says, read from the disk; they are gone from it then."""
    cache = part.store.cache()
    found: set[Key] = set()
    needs: dict[Key, Missing] = {}
    for output in part.outputs:
        own = (output.md5, output.legacy)
        needs[own] = Missing(output, output.md5)
        if cache.has(*own[:1], legacy=output.legacy):
            needs |= {(need.md5, output.legacy): need for need in cache.objects(output)}
    for place, (key, need) in enumerate(needs.items(), 1):
        if part.reach.subset and not part.reach.subset.has(key[0]):
            continue
        path = cache.path_of(key[0], legacy=key[1])
        part.project.report("hashing the cache", place, len(needs), 0)
        if path.is_file() and not _is_whole(path, key):
            part.names[key] = f"{need.path}"
            found.add(key)
            if not part.reach.dry_run:
                part.store.drop(key[0], legacy=key[1])
    return found


def _is_whole(path: Path, key: Key) -> bool:
    md5 = key[0].removesuffix(".dir")
    return digests(path).md5 == md5 or (key[1] and is_legacy_md5(path, md5))


def _restore(part: _Part, wanted: list[Key]) -> dict[Key, str]:
    """Bring objects into the cache from the releases here; which ones, each with the release it came from."""
    place = part.project.place
    if not wanted or not place.releases.is_dir():
        return {}
    with stage(place) as room, Proofs(place.proofs) as proofs:
        found = find_anywhere(place, wanted, proofs)
        listings = {key: output for output in part.outputs if (key := (output.md5, output.legacy)) in set(wanted)}
        found |= write_listings(place, [one for one in listings.values() if one.is_directory], room, proofs)
        given = (
            frozenset(found) if part.reach.dry_run else part.store.give({key: path for key, (path, _) in found.items()})
        )
    return {key: f"release {release.version}" for key, (_, release) in found.items() if key in given}


def _by_key(needs: Iterable[Missing]) -> dict[Key, Missing]:
    return {(need.md5, need.output.legacy): need for need in needs}
