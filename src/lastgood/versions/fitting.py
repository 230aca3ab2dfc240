"""Whether a commit's code and its outputs fit together, told before anything is recorded: as the builder judges."""

from collections.abc import Iterable, Sequence
from hashlib import md5

from lastgood.adapters.dvc.store import Store
from lastgood.adapters.git import export
from lastgood.adapters.git.command import Git
from lastgood.core.fitting import fit
from lastgood.core.listing import Member
from lastgood.core.manifest import Output
from lastgood.errors import Finding, FindingsError

SUBMODULE = "160000"


def check_fit(
    git: Git, entries: Iterable[export.TreeEntry], outputs: Iterable[Output], store: Store
) -> tuple[Finding, ...]:
    """What stands in the way of a release of these outputs. A listing that is not in the cache is told elsewhere."""
    code = {entry.path: entry for entry in entries if entry.mode != SUBMODULE}

    def is_same(path: str, expected: str) -> bool:
        return md5(export.read_blobs(git, [code[path].oid])[0], usedforsecurity=False).hexdigest() == expected

    def members(output: Output) -> Sequence[Member]:
        try:
            return store.members(output)
        except FindingsError:
            return ()

    return fit({path: entry.mode.startswith("100") for path, entry in code.items()}, outputs, members, is_same).findings
