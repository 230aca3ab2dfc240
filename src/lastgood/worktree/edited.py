"""Which outputs of a working tree were edited: content that no commit, cache or remote has, and only lies there."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from lastgood.adapters.dvc.ignoring import ignored
from lastgood.core.manifest import Manifest, Output
from lastgood.errors import FindingsError, RefusedError, named
from lastgood.project import Project
from lastgood.versions.manifests import read_pinned
from lastgood.worktree.outputs import Content, files_at, read_outputs
from lastgood.worktree.state import CheckoutState, is_saved


@dataclass(frozen=True, slots=True)
class Look:
    """What outputs are judged by: the version wanted, the state of an interrupted checkout, the paths that are `clean`
    for git, and whether files that DVC ignores stay `hidden` from it."""

    project: Project
    manifest: Manifest
    interrupted: CheckoutState | None
    clean: Collection[str]
    hidden: bool

    @property
    def root(self) -> Path:
        """The working tree's."""
        return self.project.worktree.directory


def edited_outputs(look: Look, former: str, head: str) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """The outputs that are work, each with its unknown files, and where any output lies. Work is content that is
    neither the former commit's nor the target's, nor in DVC's cache, nor `clean` for git.

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
    if special := [one.special for one in contents.values() if one.special is not None]:
        raise RefusedError(
            f"a version cannot contain these files among the outputs: {named(special)}",
            hint="remove it (rm), or move it away",
        )
    edited = {}
    for output in looked_at:
        content, lying = contents[output.path], files_at(look.root / output.path)
        linked = lying and lying[0] == look.root / output.path and lying[0].is_dir()
        hidden = look.hidden or not ignored(look.root, look.root / output.path, lying)
        if not linked and hidden and _is_recorded(look, content, known[output.path]):
            continue  # DVC would follow a link to a directory, and write and delete at its end
        files = tuple(path for path in _unknown_files(look, output.path, known) if path not in look.clean)
        lacks = (
            output in here and content.md5 is not None and lying and look.interrupted is None
        )  # somebody took files away
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


def _is_recorded(look: Look, content: Content, known: Collection[Output]) -> bool:
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
    return not _unknown_files(replace(look, interrupted=None), lying.path, {lying.path: [lying]})


def _unknown_files(
    look: Look, path: PurePosixPath, known: Mapping[PurePosixPath, Collection[Output]]
) -> tuple[str, ...]:
    """The files at an output's path that are not one of the known outputs' files; after an interruption, also not the
    beginning of one, and not put aside."""
    interrupted = look.interrupted
    objects = _objects(look, [one for group in known.values() for one in group if _overlap(one.path, path)])
    alone = look.hidden and all(one.is_directory for one in known[path])  # DVC leaves what it ignores
    lying = files_at(look.root / path)
    hidden = ignored(look.root, look.root / path, lying) if alone else set()
    unknown = []
    for file in lying:
        name = file.relative_to(look.root).as_posix()
        wholes = objects.get(PurePosixPath(name), ())
        broken = file.is_symlink() and not file.exists()  # into a cache that lost the object
        if file in hidden or broken or any(_begins(file, whole, partly=interrupted is not None) for whole in wholes):
            continue
        if interrupted is None or not is_saved(look.project, interrupted, name):
            unknown.append(name)
    return tuple(sorted(unknown))


def _overlap(one: PurePosixPath, other: PurePosixPath) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)


def _objects(look: Look, outputs: list[Output]) -> dict[PurePosixPath, list[Path]]:
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
