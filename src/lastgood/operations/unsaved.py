"""The work in a working tree that a checkout would lose: what nobody has recorded, and no other copy is known of."""

import filecmp
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from lastgood.adapters.dvc.ignoring import ignored
from lastgood.adapters.git import export, repository
from lastgood.core.manifest import Manifest, Output
from lastgood.errors import FindingsError, RefusedError
from lastgood.operations.manifests import read_pinned
from lastgood.operations.notes import Note
from lastgood.operations.worktree import Content, read_outputs
from lastgood.project import Project

INDEXED = "MARCT"
"""git's letters for what the index has and the commit has not."""
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
        named = sorted(self.changed or self.in_the_way or self.outputs)
        more = f" and {len(named) - 5} more" if len(named) > 5 else ""
        return RefusedError(f"{what}: {', '.join(named[:5])}{more}; nothing was changed", hint=hint)


NONE = Work({}, (), {})


def find_work(project: Project, manifest: Manifest, note: Note | None, former: str) -> Work:
    """What a checkout of the manifest's version from `former` would lose.

    After an interruption what that one left is nobody's work: old content, new content, a part of the new, or what it
    had put aside.
    """
    git = project.worktree
    head, dirty, staged = repository.head(git), repository.dirty(git), repository.staged(git)

    def is_work(path: str) -> bool:
        return note is None or not (
            _is_ours(project, path, note, manifest.commit)
            and (
                path not in staged
                or dirty.get(path, repository.UNTRACKED)[0] not in INDEXED
                or _is_known(project, staged[path], path, note)
            )
        )

    changed = {path: letters for path, letters in dirty.items() if letters != repository.UNTRACKED}
    untracked = {path for path in dirty if path not in changed}
    tracked = {*repository.tracked(git), *changed}
    places = [str(output.path) for output in manifest.outputs if output.storage != "dvc"]
    code = {entry.path: entry.oid for entry in export.list_tree(git, manifest.commit)}
    in_the_way = {path for path in untracked if any(_is_within(path, place) for place in places)}
    for place in (str(output.path) for output in manifest.stored):
        in_the_way |= {one for one in [blocked_by(git.directory, place)] if one} - tracked
    for path in (code.keys() - tracked) | (code.keys() & changed.keys()):
        in_the_way |= set(_occupants(git.directory, path)) - tracked
    hidden = _ignoring(staged) == _ignoring(code)  # what DVC ignores now, it ignores then
    look = _Look(project, manifest, note, tracked - changed.keys(), hidden)
    edited, judged = _edited_outputs(look, former, head or former)
    outputs = {path for path in in_the_way if any(_is_within(path, place) for place in judged)}
    return Work(
        {path: letters for path, letters in sorted(changed.items()) if is_work(path)},
        tuple(sorted(path for path in in_the_way - outputs if is_work(path))),
        edited,
        replaced=bool(outputs),
    )


@dataclass(frozen=True, slots=True)
class _Look:
    """What outputs are judged by: the version wanted, an interrupted checkout's note, the paths that are `clean` for
    git, and whether files that DVC ignores stay `hidden` from it."""

    project: Project
    manifest: Manifest
    note: Note | None
    clean: Collection[str]
    hidden: bool

    @property
    def root(self) -> Path:
        return self.project.worktree.directory


def _ignoring(blobs: Mapping[str, str]) -> dict[str, str]:
    return {path: oid for path, oid in blobs.items() if PurePosixPath(path).name == ".dvcignore"}


def require_nothing_overlooked(project: Project) -> None:
    """Raise `RefusedError` for edits that git was told to overlook: by force it goes over some and stops at others."""
    git = project.worktree
    places = {path: git.directory / path for path in repository.overlooked(git)}
    there = [path for path, place in places.items() if place.is_file()]
    blobs = repository.staged(git)
    contents = export.read_blobs(git, [blobs[path] for path in there])
    if edited := [path for path, content in zip(there, contents, strict=True) if places[path].read_bytes() != content]:
        raise RefusedError(
            f"git is told to overlook changes of {', '.join(edited[:5])}; nothing was changed",
            hint="git update-index --no-assume-unchanged --no-skip-worktree, with their names",
        )


def _is_known(project: Project, oid: str, path: str, note: Note) -> bool:
    """Whether what is staged is a commit's, or was put aside."""
    (content,) = export.read_blobs(project.worktree, [oid])
    copies = [project.place.saved / name / kind / path for name in note.saved for kind in (FILES, STAGED)]
    known = [export.read_file(project.worktree, commit, path) for commit in (note.former, note.commit)]
    return content in [*known, *(copy.read_bytes() for copy in copies if copy.is_file())]


def _is_within(path: str, place: str) -> bool:
    return path == place or path.startswith(f"{place}/")


def blocked_by(root: Path, path: str) -> str | None:
    """The file or link that lies where a directory above `path` has to be."""
    for parent in reversed(PurePosixPath(path).parents[:-1]):
        above = root / parent
        if above.is_symlink() or (os.path.lexists(above) and not above.is_dir()):
            return str(parent)
    return None


def _occupants(root: Path, path: str) -> Iterator[str]:
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


def _is_ours(project: Project, path: str, note: Note, commit: str) -> bool:
    """Whether a changed file is what an interrupted checkout left; one that differs from all of that was edited."""
    file = project.worktree.directory / path
    if _is_saved(project, path, note):
        return True
    contents = [export.read_file(project.worktree, one, path) for one in (note.former, note.commit, commit)]
    if not file.exists() or file.is_symlink() or blocked_by(project.worktree.directory, path):
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


def _edited_outputs(look: _Look, former: str, head: str) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Where outputs lie, and which of them are work: content that is neither the former commit's nor the target's, nor
    in DVC's cache, nor `clean` for git.

    After an interruption a directory may hold files of both; a file that neither knows was edited since. Somebody may
    have checked another commit out by hand since, which is the former one, too. And DVC asks nobody about what lies,
    ignored by git, where only the target has an output.
    """
    project, manifest = look.project, look.manifest
    here = _stored(project, former, manifest)
    by_hand = _stored(project, head, manifest) if head not in {former, manifest.commit} else ()
    known: dict[PurePosixPath, list[Output]] = {}
    for output in (*here, *manifest.stored, *by_hand):
        known.setdefault(output.path, []).append(output)
    looked_at = tuple(known[path][0] for path in dict.fromkeys(one.path for one in (*here, *manifest.stored)))
    contents = read_outputs(project, looked_at)
    edited = {}
    for output in looked_at:
        content, lying = contents[output.path], files_at(look.root / output.path)
        linked = lying and lying[0] == look.root / output.path and lying[0].is_dir()
        hidden = look.hidden or not ignored(look.root, look.root / output.path, lying)
        if not linked and hidden and _is_recorded(look, content, known[output.path]):
            continue  # DVC would follow a link to a directory, and write and delete at its end
        files = tuple(path for path in _unknown_files(look, output.path, known) if path not in look.clean)
        lacks = output in here and content.md5 is not None and lying and look.note is None  # somebody took files away
        if files or lacks:
            edited[str(output.path)] = files
    return edited, [str(output.path) for output in looked_at]


def _stored(project: Project, commit: str, manifest: Manifest) -> tuple[Output, ...]:
    if commit == manifest.commit:
        return manifest.stored
    try:
        pinned = read_pinned(project, commit, manifest.project).outputs
    except FindingsError:  # a broken pipeline pins nothing
        return ()
    return tuple(one for one in pinned if one.storage == "dvc")


def _is_recorded(look: _Look, content: Content, known: Collection[Output]) -> bool:
    """Whether it is one of the outputs, or another version's whole content: that of a `git checkout` without DVC's.

    A commit that names it is not enough: its objects must be somewhere (`dvc repro --no-commit` stores none).
    """
    if content.md5 is None:
        return False
    store = look.project.store(look.manifest.project)
    same = [one for one in known if content.is_that_of(one)][:1]
    stored = same and same[0] in look.manifest.stored
    if same and (stored or not (store.missing_in_cache(same) and store.missing_on_remote(same))):
        return True
    lying = replace(next(iter(known)), md5=content.md5)
    if store.missing_in_cache([lying]):
        return False
    return not _unknown_files(replace(look, note=None), lying.path, {lying.path: [lying]})


def _unknown_files(
    look: _Look, path: PurePosixPath, known: Mapping[PurePosixPath, Collection[Output]]
) -> tuple[str, ...]:
    """The files at an output's path that are not one of the known outputs' files; after an interruption, also not the
    beginning of one, and not put aside."""
    note = look.note
    objects = _objects(look, [one for group in known.values() for one in group if _overlap(one.path, path)])
    alone = look.hidden and all(one.is_directory for one in known[path])  # DVC leaves what it ignores
    lying = files_at(look.root / path)
    hidden = ignored(look.root, look.root / path, lying) if alone else set()
    unknown = []
    for file in lying:
        name = file.relative_to(look.root).as_posix()
        wholes = objects.get(PurePosixPath(name), ())
        broken = file.is_symlink() and not file.exists()  # into a cache that lost the object
        if file in hidden or broken or any(_begins(file, whole, partly=note is not None) for whole in wholes):
            continue
        if note is None or not _is_saved(look.project, name, note):
            unknown.append(name)
    return tuple(sorted(unknown))


def _overlap(one: PurePosixPath, other: PurePosixPath) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)


def _objects(look: _Look, outputs: list[Output]) -> dict[PurePosixPath, list[Path]]:
    """By the path of each file of these outputs, where the cache has its content."""
    store = look.project.store(look.manifest.project)
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
