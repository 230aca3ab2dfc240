"""Objects in the releases of this machine, for those that DVC's cache lacks, or has on another file system."""

import json
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG

from lastgood.core.digests import Digests
from lastgood.core.listing import is_listing
from lastgood.core.manifest import Output
from lastgood.errors import NotCarriedOutError
from lastgood.releases.contents import walk
from lastgood.releases.place import Place
from lastgood.releases.placing import may_link
from lastgood.releases.proofs import Proofs
from lastgood.releases.release import Release, list_releases

Key = tuple[str, bool]
"""An object's md5, and whether it has DVC 2's layout."""


def find_objects(
    place: Place, artifact: str, wanted: Collection[str], proofs: Proofs, *, read: bool = False
) -> dict[str, str]:
    """Which of these objects, by MD5, are in a finished release of an artifact, each with the path of one such file.

    Only files that may be linked count, and of these the ones that were hashed and are unchanged. With `read` the
    others are hashed: `dvc gc` unlinks an object that a release shares, and that ends its proof as a write would.
    """
    found: dict[str, str] = {}
    for release in list_releases(place):
        if release.artifact != artifact or len(found) == len(wanted):
            continue
        with suppress(OSError, NotCarriedOutError):  # being removed or written by another process
            states, _ = walk(release.path)
            files = {f"{release.path}/{path}": one for path, one in states.items() if may_link(one)}
            digests = proofs.digests_at(files) if read else proofs.known(files)
            found.update((one.md5, path) for path, one in digests.items() if one.md5 in wanted)
    return found


def find_anywhere(place: Place, wanted: Collection[Key], proofs: Proofs) -> dict[Key, tuple[str, Release]]:
    """Which of these objects are in a finished release of any artifact, to be copied from there: path and release."""
    found: dict[Key, tuple[str, Release]] = {}
    for release in list_releases(place):
        with suppress(OSError, NotCarriedOutError):  # as above
            for path, digests in _digests(release, proofs).items():
                for key in ((digests.md5, False), (digests.md5, True)):
                    if key in wanted:
                        found.setdefault(key, (f"{release.path}/{path}", release))
    return found


def write_listings(
    place: Place, wanted: Iterable[Output], directory: Path, proofs: Proofs
) -> dict[Key, tuple[str, Release]]:
    """Make the listings of these directory outputs again, from releases that hold them: path below `directory` and
    release. A listing that does not match its id byte for byte is left out.

    The format: dvc_data/hashfile/tree.py, `Tree.as_bytes`.
    """
    found: dict[Key, tuple[str, Release]] = {}
    for output in wanted:
        for release in list_releases(place):
            if not any((one.path, one.md5) == (output.path, output.md5) for one in release.outputs):
                continue
            with suppress(OSError, NotCarriedOutError):  # as above
                start = f"{output.path}/"
                members = [
                    {"md5": one.md5, "relpath": path.removeprefix(start)}
                    for path, one in _digests(release, proofs).items()
                    if path.startswith(start) and path not in release.tracked
                ]
                content = json.dumps(sorted(members, key=lambda one: one["relpath"]), sort_keys=True).encode()
                if is_listing(content, output.md5):
                    (directory / output.md5).write_bytes(content)
                    found[output.md5, output.legacy] = (str(directory / output.md5), release)
    return found


def _digests(release: Release, proofs: Proofs) -> Mapping[str, Digests]:
    """Every file of a release with its digests, by its path there."""
    regular = {path: status for path, status in walk(release.path)[0].items() if S_ISREG(status.st_mode)}
    found = proofs.digests_at({f"{release.path}/{path}": status for path, status in regular.items()})
    return dict(zip(regular, found.values(), strict=True))
