"""Objects as they lie in the releases of this machine: what DVC's cache lacks, or has on another file system."""

from collections.abc import Collection
from contextlib import suppress

from lastgood.errors import NotCarriedOutError
from lastgood.releases.place import Place
from lastgood.releases.placing import may_link
from lastgood.releases.proofs import Proofs
from lastgood.releases.release import list_releases, walk


def find_objects(
    place: Place, artifact: str, wanted: Collection[str], proofs: Proofs, *, read: bool = False
) -> dict[str, str]:
    """Which of these objects, by MD5, lie in a finished release of an artifact, each with the path of one such file.

    Only files that may be linked count, and of these the ones that were hashed and are still as they were. With `read`
    the others are hashed: `dvc gc` unlinks an object that a release shares, and that ends its proof as a write would.
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
