"""What the working tree holds: each output's content, and the files at a path or in its way."""

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import md5, sha256
from pathlib import Path, PurePosixPath

from lastgood.adapters.dvc.ignoring import ignored
from lastgood.adapters.dvc.special import find_special
from lastgood.adapters.git import export
from lastgood.core.digests import tree_md5, tree_sha256
from lastgood.core.manifest import Manifest, Output
from lastgood.errors import FindingsError, NotWritableError
from lastgood.project import Project
from lastgood.releases.hashing import is_legacy_md5
from lastgood.releases.proofs import Proofs

MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Content:
    """What lies at an output's path: DVC's md5 and our SHA-256, both `None` when nothing does, or something `special`:
    a FIFO, a socket or a device, which is not opened."""

    md5: str | None = None
    sha256: str | None = None
    special: str | None = None

    def is_that_of(self, output: Output) -> bool:
        """Whether this is the output's content: by SHA-256 where a manifest has it, else by md5."""
        if self.special is not None:
            return False
        if output.sha256 is not None and not output.legacy:
            return self.sha256 == output.sha256
        return self.md5 == output.md5


def read_outputs(project: Project, outputs: tuple[Output, ...]) -> Mapping[PurePosixPath, Content]:
    """The content at the path of each output; files are hashed only when they may have changed since the last time."""
    root = project.worktree.directory
    contents = {}
    with suppress(NotWritableError):  # then nothing is remembered, and everybody may look
        project.place.create()
    with Proofs(project.place.proofs) as proofs:
        for output in outputs:
            content = _read(root, output, proofs)
            if content.md5 is not None and not content.is_that_of(output):
                content = _as_git_has_it(project, output, proofs) or content
            contents[output.path] = content
    return contents


def _unconverted(project: Project, output: Output) -> Content | None:
    """What git holds of an output that git calls unchanged: the working tree may have other line ends, `None` if not.

    Such a file is what its commit pins, whatever `core.autocrlf` or an attribute made of it on the way.
    """
    git, path = project.worktree, str(output.path)
    if git.attempt("--literal-pathspecs", "diff", "--quiet", "--no-ext-diff", "HEAD", "--", path)[0] != 0:
        return None
    if output.sha256 is None:
        return Content(output.md5)  # whatever `dvc.lock` says: the commit pins it, and `dvc pull` does not look
    files = {
        str(PurePosixPath(entry.path).relative_to(output.path)): content
        for entry in export.list_tree(git, "HEAD", path)
        if (content := export.read_file(git, "HEAD", entry.path)) is not None
    }
    md5s = {name: md5(content, usedforsecurity=False).hexdigest() for name, content in files.items()}
    if output.is_directory:
        digest = tree_sha256((name, len(content), sha256(content).hexdigest()) for name, content in files.items())
        return Content(tree_md5(md5s.items()), digest)
    return Content(md5s["."], sha256(files["."]).hexdigest()) if files else None


def _as_git_has_it(project: Project, output: Output, proofs: Proofs) -> Content | None:
    """The content, judged once more by what git holds there; `None` where git holds nothing."""
    if output.storage == "git":
        return _unconverted(project, output)
    tracked = tracked_inside(project, output)
    return _read(project.worktree.directory, output, proofs, without=tracked) if tracked else None


def tracked_inside(project: Project, output: Output) -> frozenset[Path]:
    """The files inside a directory output that are git's, and not in its listing; none where that is not here."""
    if not output.is_directory:
        return frozenset()
    words = project.worktree.run("--literal-pathspecs", "ls-files", "-z", "--", str(output.path))
    tracked = [one for one in words.decode(errors="surrogateescape").split("\0") if one]
    if not tracked:
        return frozenset()
    try:
        listed = {str(output.path / one.path) for one in project.store(str(output.path.parent)).members(output)}
    except FindingsError:
        return frozenset()
    return frozenset(project.worktree.directory / one for one in tracked if one not in listed)


def _read(root: Path, output: Output, proofs: Proofs, *, without: Collection[Path] = ()) -> Content:
    path = root / output.path
    for one, word in find_special(path):
        return Content(special=f"{one.relative_to(root)} is {word}")
    if output.is_directory and path.is_dir():
        there = [file for file in sorted(path.rglob("*")) if file.is_file()]
        hidden = ignored(root, path, there)
        files = [file for file in there if file not in hidden and file not in without]
        found = proofs.digests_of(files)
        listed = [(PurePosixPath(file.relative_to(path)), found[file]) for file in files]
        digest = tree_sha256((name, digests.size, digests.sha256) for name, digests in listed)
        return Content(tree_md5((name, digests.md5) for name, digests in listed), digest)
    if not output.is_directory and path.is_file():
        digests = proofs.digests(path)
        legacy = output.legacy and is_legacy_md5(path, output.md5)
        found_md5 = output.md5 if legacy else digests.md5
        return Content(found_md5, digests.sha256)
    return Content()


def differing(project: Project, manifest: Manifest) -> tuple[Output, ...]:
    """The outputs whose content in the working tree is not the version's; those at a URL are not looked at."""
    outputs = tuple(output for output in manifest.outputs if output.storage != "url")
    contents = read_outputs(project, outputs)
    return tuple(output for output in outputs if not contents[output.path].is_that_of(output))


def blocked_by(root: Path, path: str) -> str | None:
    """The file or link that lies where a directory above `path` has to be."""
    for parent in reversed(PurePosixPath(path).parents[:-1]):
        above = root / parent
        if above.is_symlink() or (os.path.lexists(above) and not above.is_dir()):
            return str(parent)
    return None


def occupants(root: Path, path: str) -> Iterator[str]:
    """The files that must go so that one can lie at `path`: itself, what is below, or in place of a directory above.
    git's own view leaves out what is ignored, and a checkout by force takes that, too."""
    if above := blocked_by(root, path):
        yield above
    else:
        yield from (one.relative_to(root).as_posix() for one in files_at(root / path))


def files_at(path: Path) -> list[Path]:
    """Every file and link at a path or below it; links are not followed. Raises `OSError` for a directory that cannot
    be read: what is in there may be work."""
    if path.is_symlink() or not path.is_dir():
        return [path] if os.path.lexists(path) else []

    def refuse(error: OSError) -> None:
        raise error

    return [
        Path(parent, name)
        for parent, directories, files in os.walk(path, onerror=refuse)
        for name in [*files, *(one for one in directories if Path(parent, one).is_symlink())]
    ]
