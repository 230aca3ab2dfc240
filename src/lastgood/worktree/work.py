"""The work in a working tree that a checkout would lose: what nobody has recorded, and no other copy is known of."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from lastgood.adapters.git import export, repository
from lastgood.adapters.git.command import Git
from lastgood.adapters.git.repository import Entry
from lastgood.core.manifest import Manifest
from lastgood.errors import RefusedError, named
from lastgood.project import Project
from lastgood.worktree.edited import Look, edited_outputs
from lastgood.worktree.outputs import blocked_by, occupants
from lastgood.worktree.state import CheckoutState, is_saved, saved_copies

INDEXED = "MARCT"
"""git's letters for what the index has and the commit has not."""


@dataclass(frozen=True, slots=True)
class Work:
    """Paths from the working tree's root: tracked files with git's two letters (git-status(1)); untracked files where
    the version has something; outputs, and of each the files whose content neither commit nor the cache has."""

    changed: Mapping[str, str]
    in_the_way: tuple[str, ...]
    outputs: Mapping[str, tuple[str, ...]]
    replaced: bool = False
    """Whether the version has code where outputs of this one lie, which git goes over by force only. No work."""

    def __bool__(self) -> bool:
        return bool(self.changed or self.in_the_way or self.outputs)

    @property
    def paths(self) -> tuple[str, ...]:
        """What is called by name when it is refused or saved."""
        return tuple(sorted({*self.changed, *self.in_the_way, *self.outputs}))

    def refusal(self) -> RefusedError:
        """Why nothing was done, by the first kind of work that there is."""
        aside = "or give --save, which puts them aside first"
        if self.changed:
            what, hint = "the working tree has changes that would be lost", f"git stash or commit them, {aside}"
        elif self.in_the_way:
            what, hint = "untracked files are in the way", f"move them away or commit them, {aside}"
        else:
            what = "outputs were edited and not recorded"
            hint = f"dvc commit and git commit them, dvc checkout to drop the edits, {aside}"
        paths = sorted(self.changed or self.in_the_way or self.outputs)
        return RefusedError(f"{what}: {named(paths)}", hint=hint)


NONE = Work({}, (), {})


def find_work(project: Project, manifest: Manifest, interrupted: CheckoutState | None, former: str) -> Work:
    """What a checkout of the manifest's version from `former` would lose.

    After an interruption what that one left is nobody's work: old content, new content, a part of the new, or what it
    had put aside. Raises `RefusedError` for edits that git was told to overlook.
    """
    git = project.worktree
    head, dirty, index = repository.head(git), repository.dirty(git), repository.index(git)
    _require_nothing_overlooked(git, index)
    staged = {path: index[path].blob for path, letters in dirty.items() if letters[0] in INDEXED and path in index}

    def is_work(path: str) -> bool:
        return interrupted is None or not _is_left(project, interrupted, manifest.commit, path, staged.get(path))

    changed = {path: letters for path, letters in dirty.items() if letters != repository.UNTRACKED}
    untracked = {path for path in dirty if path not in changed}
    tracked = {*index, *changed}
    paths = [str(output.path) for output in manifest.outputs if output.storage != "dvc"]
    code = {entry.path: entry.oid for entry in export.list_tree(git, manifest.commit)}
    in_the_way = {path for path in untracked if any(_is_within(path, other) for other in paths)}
    for other in (str(output.path) for output in manifest.stored):
        in_the_way |= {one for one in [blocked_by(git.directory, other)] if one} - tracked
    for path in (code.keys() - tracked) | (code.keys() & changed.keys()):
        in_the_way |= set(occupants(git.directory, path)) - tracked
    blobs = {path: entry.blob for path, entry in index.items()}
    hidden = _ignoring(blobs) == _ignoring(code)  # what DVC ignores now, it ignores then
    look = Look(project, manifest, interrupted, tracked - changed.keys(), hidden)
    edited, judged = edited_outputs(look, former, head or former)
    outputs = {path for path in in_the_way if any(_is_within(path, other) for other in judged)}
    return Work(
        {path: letters for path, letters in sorted(changed.items()) if is_work(path)},
        tuple(sorted(path for path in in_the_way - outputs if is_work(path))),
        edited,
        replaced=bool(outputs),
    )


def _require_nothing_overlooked(git: Git, index: Mapping[str, Entry]) -> None:
    """By force git goes over such edits, or stops at them, depending on the flag."""
    blobs = {
        path: entry.blob
        for path, entry in index.items()
        if entry.overlooked and entry.blob and (git.directory / path).is_file()
    }
    contents = zip(blobs, export.read_blobs(git, list(blobs.values())), strict=True)
    if edited := [path for path, content in contents if (git.directory / path).read_bytes() != content]:
        raise RefusedError(
            f"git is told to overlook changes of {named(edited)}",
            hint="git update-index --no-assume-unchanged --no-skip-worktree, with their names",
        )


def _ignoring(blobs: Mapping[str, str | None]) -> dict[str, str | None]:
    return {path: oid for path, oid in blobs.items() if PurePosixPath(path).name == ".dvcignore"}


def _is_left(project: Project, interrupted: CheckoutState, commit: str, path: str, staged: str | None) -> bool:
    """Whether what lies at a path, and the blob that is staged, is what an interrupted checkout left; what differs from
    all of that was edited."""
    git = project.worktree
    contents = [export.read_file(git, one, path) for one in (interrupted.former, interrupted.commit, commit)]
    if staged is not None:
        copies = [copy.read_bytes() for copy in saved_copies(project, interrupted, path) if copy.is_file()]
        if export.read_blobs(git, [staged])[0] not in [*contents[:2], *copies]:
            return False
    if is_saved(project, interrupted, path):
        return True
    file = git.directory / path
    if not file.exists() or file.is_symlink() or blocked_by(git.directory, path):
        return any(content is not None for content in contents)
    there = file.read_bytes() if file.is_file() else None
    return there is not None and any(content is not None and content.startswith(there) for content in contents)


def _is_within(path: str, other: str) -> bool:
    return path == other or path.startswith(f"{other}/")
