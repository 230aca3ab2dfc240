"""The work in a working tree that a checkout would lose: what nobody has recorded, and no other copy is known of."""

import filecmp
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from lastgood.adapters.git import export, repository
from lastgood.core.manifest import Manifest, Output
from lastgood.errors import FindingsError, RefusedError
from lastgood.operations.manifests import read_pinned
from lastgood.operations.notes import Note
from lastgood.operations.worktree import Content, read_outputs
from lastgood.project import Project

FILES, STAGED = "files", "staged"
"""Where below a directory of saved work the files lie, each at its path in the working tree; and what was staged of
those where the working tree had something else."""


@dataclass(frozen=True, slots=True)
class Work:
    """Paths from the working tree's root: tracked files with git's two letters (git-status(1)); untracked files where
    the version has something; outputs, and of each the files whose content neither commit nor the cache has."""

    changed: Mapping[str, str]
    in_the_way: tuple[str, ...]
    outputs: Mapping[str, tuple[str, ...]]

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
        named = sorted(self.changed or self.in_the_way or self.outputs)
        more = f" and {len(named) - 5} more" if len(named) > 5 else ""
        return RefusedError(f"{what}: {', '.join(named[:5])}{more}; nothing was changed", hint=hint)


def find_work(project: Project, manifest: Manifest, note: Note | None, former: str) -> Work:
    """What a checkout of the manifest's version from `former` would lose.

    After an interruption what that one left is nobody's work: old content, new content, a part of the new, or what it
    had put aside.
    """
    git = project.worktree
    head = repository.head(git)

    def is_work(path: str) -> bool:
        return note is None or not _is_ours(project, path, note, manifest.commit)

    dirty = repository.dirty(git)
    tracked = {entry.path for entry in export.list_tree(git, head or manifest.commit)}
    changed = {path: letters for path, letters in dirty.items() if letters != repository.UNTRACKED}
    untracked = {path for path in dirty if path not in changed}
    places = [str(output.path) for output in manifest.outputs]
    code = {entry.path for entry in export.list_tree(git, manifest.commit)}
    in_the_way = {path for path in untracked if any(_is_within(path, place) for place in places)}
    for path in (code - tracked) | (code & changed.keys()):
        in_the_way |= set(_occupants(git.directory, path)) - tracked - changed.keys()
    return Work(
        {path: letters for path, letters in sorted(changed.items()) if is_work(path)},
        tuple(sorted(path for path in in_the_way if is_work(path))),
        _edited_outputs(project, manifest, note, former, head or former),
    )


def _is_within(path: str, place: str) -> bool:
    return path == place or path.startswith(f"{place}/")


def _occupants(root: Path, path: str) -> Iterator[str]:
    """The files that must go so that one can lie at `path`: itself, what is below, or in place of a directory above.
    git's own view leaves out what is ignored, and a checkout by force takes that, too."""
    for parent in reversed(PurePosixPath(path).parents[:-1]):
        above = root / parent
        if above.is_symlink() or (os.path.lexists(above) and not above.is_dir()):
            yield str(parent)
            return
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


def _is_ours(project: Project, path: str, note: Note, commit: str) -> bool:
    """Whether a changed file is what an interrupted checkout left; one that differs from all of that was edited."""
    file = project.worktree.directory / path
    if _is_saved(project, path, note):
        return True
    contents = [export.read_file(project.worktree, one, path) for one in (note.former, note.commit, commit)]
    if not file.exists() or file.is_symlink():
        return any(content is not None for content in contents)
    there = file.read_bytes() if file.is_file() else None
    return there is not None and any(content is not None and content.startswith(there) for content in contents)


def _is_saved(project: Project, path: str, note: Note) -> bool:
    """Whether an interrupted checkout put aside what lies there, or what lay there and is gone."""
    here = project.worktree.directory / path
    for copy in (project.place.saved / name / kind / path for name in note.saved for kind in (FILES, STAGED)):
        if os.path.lexists(copy) and (not os.path.lexists(here) or _is_same(here, copy)):
            return True
    return False


def _is_same(one: Path, other: Path) -> bool:
    if one.is_symlink() or other.is_symlink():
        return one.is_symlink() and other.is_symlink() and one.readlink() == other.readlink()
    return one.is_file() and other.is_file() and (one.samefile(other) or filecmp.cmp(one, other, shallow=False))


def _edited_outputs(
    project: Project, manifest: Manifest, note: Note | None, former: str, head: str
) -> dict[str, tuple[str, ...]]:
    """Outputs whose content is neither the former commit's nor the target's, nor in DVC's cache.

    After an interruption a directory may hold files of both; a file that neither knows was edited since. Somebody may
    have checked another commit out by hand since, which is the former one, too. And DVC asks nobody about what lies,
    ignored by git, where only the target has an output.
    """
    here = _stored(project, former, manifest)
    by_hand = _stored(project, head, manifest) if head not in {former, manifest.commit} else ()
    known: dict[PurePosixPath, list[Output]] = {}
    for output in (*here, *manifest.stored, *by_hand):
        known.setdefault(output.path, []).append(output)
    looked_at = tuple(known[path][0] for path in dict.fromkeys(one.path for one in (*here, *manifest.stored)))
    contents = read_outputs(project, looked_at)
    edited = {}
    for output in looked_at:
        content = contents[output.path]
        if _is_recorded(project, manifest.project, content, known[output.path]):
            continue
        files = _unknown_files(project, manifest.project, output.path, known, note)
        lacks = output in here and content.md5 is not None and note is None  # then somebody took files away
        if files or lacks:
            edited[str(output.path)] = files
    return edited


def _stored(project: Project, commit: str, manifest: Manifest) -> tuple[Output, ...]:
    if commit == manifest.commit:
        return manifest.stored
    return tuple(one for one in read_pinned(project, commit, manifest.project).outputs if one.storage == "dvc")


def _is_recorded(project: Project, directory: str, content: Content, known: Collection[Output]) -> bool:
    """Whether it is one of the outputs, or another version's whole content: that of a `git checkout` without DVC's."""
    if content.md5 is None:
        return False
    if any(content.is_that_of(one) for one in known):
        return True
    lying = replace(next(iter(known)), md5=content.md5)
    if project.store(directory).missing_in_cache([lying]):
        return False
    return not _unknown_files(project, directory, lying.path, {lying.path: [lying]}, None)


def _unknown_files(
    project: Project,
    directory: str,
    path: PurePosixPath,
    known: Mapping[PurePosixPath, Collection[Output]],
    note: Note | None,
) -> tuple[str, ...]:
    """The files at an output's path that are not one of the known outputs' files; after an interruption, also not the
    beginning of one, and not put aside."""
    root = project.worktree.directory
    objects = _objects(
        project, directory, [one for group in known.values() for one in group if _overlap(one.path, path)]
    )
    unknown = []
    for file in files_at(root / path):
        name = file.relative_to(root)
        wholes = objects.get(PurePosixPath(name), ())
        broken = file.is_symlink() and not file.exists()  # into a cache that lost the object
        if broken or any(_begins(file, whole, partly=note is not None) for whole in wholes):
            continue
        if note is None or not _is_saved(project, name.as_posix(), note):
            unknown.append(name.as_posix())
    return tuple(sorted(unknown))


def _overlap(one: PurePosixPath, other: PurePosixPath) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)


def _objects(project: Project, directory: str, outputs: list[Output]) -> dict[PurePosixPath, list[Path]]:
    """By the path of each file of these outputs, where the cache has its content."""
    store = project.store(directory)
    cache, found = store.cache(), dict[PurePosixPath, list[Path]]()
    for output in outputs:
        files = [(output.path, output.md5)]
        if output.is_directory:
            files = []
            with suppress(FindingsError):  # its listing is nowhere here: nothing is known of its files
                files = [(output.path / member.path, member.md5) for member in store.members(output)]
        for path, md5 in files:
            found.setdefault(path, []).append(cache.path_of(md5, legacy=output.legacy))
    return found


def _begins(part: Path, whole: Path, *, partly: bool) -> bool:
    """Whether a file is another one or, `partly`, its beginning."""
    if not (part.is_file() and whole.is_file()):
        return False
    if part.stat().st_size != whole.stat().st_size and not (partly and part.stat().st_size < whole.stat().st_size):
        return False
    with part.open("rb") as first, whole.open("rb") as second:
        while piece := first.read(1 << 20):
            if piece != second.read(len(piece)):
                return False
    return True
