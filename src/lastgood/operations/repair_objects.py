"""Repairing objects: what the DVC remote lost is pushed again from the cache or from releases here, which `dvc push`
does not notice (FIELD 17); corrupted ones leave the cache and are brought back."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from lastgood.adapters.dvc.store import Store
from lastgood.core.manifest import Manifest, Output
from lastgood.core.preflight import Missing
from lastgood.core.repairs import Mended
from lastgood.errors import Finding, FindingsError
from lastgood.project import Project
from lastgood.releases.hashing import digests, is_legacy_md5
from lastgood.releases.proofs import Proofs
from lastgood.releases.sharing import Key, find_anywhere, write_listings
from lastgood.releases.staging import stage

Results = list[Mended | Finding]
CACHE, REMOTE = "the cache", "the remote"


@dataclass
class _Part:
    """The versions of one DVC project here, and by object which path of which version it is, for people."""

    project: Project
    store: Store
    deep: bool
    dry_run: bool
    manifests: list[Manifest] = field(default_factory=list)
    names: dict[Key, str] = field(default_factory=dict)

    @property
    def outputs(self) -> tuple[Output, ...]:
        return tuple(dict.fromkeys(output for manifest in self.manifests for output in manifest.stored))

    def absent(self) -> dict[Key, Missing]:
        """What the cache lacks."""
        return _by_key(self.store.cache().missing(self.outputs))

    def name(self, key: Key) -> str:
        return self.names.get(key, key[0])


def mend_objects(project: Project, manifests: Iterable[Manifest], *, deep: bool, dry_run: bool) -> Results:
    """Give cache and remotes back what they lost of these versions; with `deep` all of the cache is hashed.

    Raises `UnreachableError` when the remote is silent.
    """
    parts: dict[Path, _Part] = {}
    for manifest in manifests:
        store = project.store(manifest.project)
        parts.setdefault(store.root, _Part(project, store, deep, dry_run)).manifests.append(manifest)
    results: Results = []
    for part in parts.values():
        try:
            results += _mend(part)
        except FindingsError as error:  # a listing that is corrupted on the remote, or that must not be read
            results += error.findings
    return results


def _mend(part: _Part) -> Results:
    bad = _drop_corrupted(part) if part.deep else set()
    own = {(output.md5, output.legacy) for output in part.outputs if output.is_directory}
    restored = _restore(part, [key for key in part.absent() if key in own])
    lost = _by_key(part.store.missing_on_remote(part.outputs, on_progress=part.project.report_transfer))
    if part.deep and not part.dry_run:
        part.project.on_step("fetch objects")
        with suppress(FindingsError):  # what cannot be fetched is looked for in releases
            part.store.fetch(part.outputs, on_progress=part.project.report_transfer)
    absent = part.absent()
    part.names |= {key: f"{need.path}" for key, need in {**absent, **lost}.items()}
    wanted = [key for key in {*lost, *bad} if key in absent or key in bad] + ([*absent] if part.deep else [])
    restored |= _restore(part, [key for key in dict.fromkeys(wanted) if key not in restored])
    replace = [] if part.dry_run else [key[0] for key in absent if key not in lost and key in restored]
    pushed = _push(part, lost, restored, replace)
    back = {key for key in bad if key not in lost and (key in restored or part.dry_run or key not in absent)}
    nowhere = set(lost) - set(pushed) if part.dry_run else set()
    return [
        *(
            Finding("missing", str(lost[key].path), f"{lost[key].path} ({key[0]}) is neither on the remote nor here")
            for key in nowhere
        ),
        *(Mended("object", part.name(key), "pushed to the remote again", restored.get(key, CACHE)) for key in pushed),
        *(Mended("object", part.name(key), "brought into the cache again", restored.get(key, REMOTE)) for key in back),
    ]


def _push(part: _Part, lost: Mapping[Key, Missing], restored: Mapping[Key, str], replace: list[str]) -> list[Key]:
    """Those of the lost objects that could be pushed, or in a dry run that are here."""
    if not lost and not replace:
        return []
    if part.dry_run:
        cache = part.store.cache()
        return [key for key in lost if key in restored or cache.has(key[0], legacy=key[1])]
    part.project.on_step("mend")
    sent = part.store.ask("mend", part.outputs, {"replace": replace}, part.project.report_transfer)
    md5s = {str(one["md5"]) for one in sent}
    return [key for key in (*lost, *(key for key in restored if key[0] in replace)) if key[0] in md5s]


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
        path = cache.path_of(key[0], legacy=key[1])
        part.project.report("hashing the cache", place, len(needs), 0)
        if path.is_file() and not _is_whole(path, key):
            part.names[key] = f"{need.path}"
            found.add(key)
            if not part.dry_run:
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
        given = frozenset(found) if part.dry_run else part.store.give({key: path for key, (path, _) in found.items()})
    return {key: f"release {release.version}" for key, (_, release) in found.items() if key in given}


def _by_key(needs: Iterable[Missing]) -> dict[Key, Missing]:
    return {(need.md5, need.output.legacy): need for need in needs}
