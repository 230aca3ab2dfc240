"""What the working tree holds: which version its code is, and which version each output's content is."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lastgood.core.digests import tree_md5, tree_sha256
from lastgood.core.manifest import Manifest, Output
from lastgood.project import Project
from lastgood.releases.hashing import is_legacy_md5
from lastgood.releases.proofs import Proofs

MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Content:
    """What lies at an output's path: DVC's md5 and our SHA-256, both `None` when nothing does; the md5 of each file."""

    md5: str | None = None
    sha256: str | None = None
    files: frozenset[str] = frozenset()

    def is_that_of(self, output: Output) -> bool:
        """Whether this is the output's content: by SHA-256 where a manifest has it, else by md5."""
        if output.sha256 is not None and not output.legacy:
            return self.sha256 == output.sha256
        return self.md5 == output.md5


def read_outputs(project: Project, outputs: tuple[Output, ...]) -> Mapping[PurePosixPath, Content]:
    """The content at the path of each output; files are hashed only when they may have changed since the last time."""
    root = project.worktree.directory
    contents = {}
    project.place.create()
    with Proofs(project.place.proofs) as proofs:
        for output in outputs:
            contents[output.path] = _read(root, output, proofs)
    return contents


def _read(root: Path, output: Output, proofs: Proofs) -> Content:
    path = root / output.path
    if output.is_directory and path.is_dir():
        files = [file for file in sorted(path.rglob("*")) if file.is_file()]
        found = proofs.digests_of(files)
        listed = [(PurePosixPath(file.relative_to(path)), found[file]) for file in files]
        sha256 = tree_sha256((name, digests.size, digests.sha256) for name, digests in listed)
        md5s = frozenset(digests.md5 for _, digests in listed)
        return Content(tree_md5((name, digests.md5) for name, digests in listed), sha256, md5s)
    if not output.is_directory and path.is_file():
        digests = proofs.digests(path)
        legacy = output.legacy and is_legacy_md5(path, output.md5)
        md5 = output.md5 if legacy else digests.md5
        return Content(md5, digests.sha256, frozenset((md5,)))
    return Content()


def differing(project: Project, manifest: Manifest) -> tuple[Output, ...]:
    """The outputs whose content in the working tree is not the version's; those at a URL are not looked at."""
    outputs = tuple(output for output in manifest.outputs if output.storage != "url")
    contents = read_outputs(project, outputs)
    return tuple(output for output in outputs if not contents[output.path].is_that_of(output))
