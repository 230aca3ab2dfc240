"""Checking out a version: code, data and model of the working tree, proved to be its. Safe, but not atomic.

The order: what is to be done is noted, git moves the code, DVC the outputs, everything is hashed, the note goes. Dying
anywhere leaves the note, by which `status` names the state and the same command knows what it may overwrite.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from lastgood.adapters.dvc.worktree import checkout_outputs
from lastgood.adapters.git import export, repository
from lastgood.core.manifest import Manifest, Output
from lastgood.core.references import find_version
from lastgood.core.registry import History, Version
from lastgood.errors import Finding, FindingsError, LastgoodError, LockedError, RefusedError, UnfinishedError
from lastgood.operations.code import bring_code
from lastgood.operations.facts import require_restorable
from lastgood.operations.manifests import read_pinned
from lastgood.operations.objects import with_objects
from lastgood.operations.reading import View, read
from lastgood.operations.worktree import differing, read_outputs
from lastgood.project import Project
from lastgood.releases import durable
from lastgood.releases.proofs import Proofs
from lastgood.releases.proving import find_missing, gather, prove

NOTE = "checkout.json"
BEGUN = ".*.tmp"
BEGUN_LENGTH = len("..tmp") + 22
"""dvc_objects' `tmp_fname`: a dot, 22 characters of a short uuid, `.tmp`; renamed when complete."""


@dataclass(frozen=True, slots=True)
class Note:
    """What an interrupted checkout was doing: from which commit to which, and the tag that names it."""

    tag: str
    former: str
    commit: str


@dataclass(frozen=True)
class CheckedOut:
    """The version that the working tree holds now."""

    history: History
    version: Version
    manifest: Manifest
    resumed: bool = False
    changed: bool = True
    dry_run: bool = False
    view: View | None = None


def checkout(project: Project, reference: str, *, dry_run: bool = False) -> CheckedOut:
    """Make the working tree equal to a version's manifest, or say what state it is in.

    Raises `RefusedError` for edited or untracked files in the way and `FindingsError` for what cannot be restored,
    nothing changed; `UnfinishedError` when it failed half-way: the same command finishes it, without any flag.
    """
    view = read(project, fetch=True)
    history, version = find_version(view.registry, reference)
    manifest = require_restorable(project, history, version, here=True, stage=None)
    _bring_commit(project, version)
    wanted = CheckedOut(history, version, manifest, dry_run=dry_run, view=view)
    if dry_run:
        return _prepare(project, wanted, read_note(project))
    # Alone from here on: a note that is there now was left by a dead process and not by one at work.
    with project.locked(f"checkout {history.artifact} {version.text}"):
        note = read_note(project)
        if note is not None:
            _sweep(project, manifest)
        prepared = _prepare(project, wanted, note)
        if prepared.changed:
            _carry_out(project, prepared, note)
    return prepared


def _prepare(project: Project, wanted: CheckedOut, note: Note | None) -> CheckedOut:
    """What is to be done. Raises `RefusedError` when somebody's work would be lost by it."""
    commit = wanted.version.commit
    resumed = note is not None and note.commit == commit
    _require_safe(project, wanted.manifest, note, _former(project, note, commit))
    there = repository.head(project.worktree) == commit and not differing(project, wanted.manifest)
    return replace(wanted, resumed=resumed, changed=note is not None or not there)


def _carry_out(project: Project, wanted: CheckedOut, note: Note | None) -> None:
    version = wanted.version
    former = _former(project, note, version.commit)
    _prove_objects(project, wanted.manifest)
    _write_note(project, Note(version.event.tag, former, version.commit))
    try:
        _move(project, version, wanted.manifest, forced=note is not None)
    except RefusedError:
        raise
    except LastgoodError as error:
        if note is None and isinstance(error, LockedError) and "index.lock" in error.message:
            (project.place.root / NOTE).unlink()  # that of HEAD comes after the files, this one before
            raise
        name = wanted.history.artifact
        raise UnfinishedError(
            f"the working tree is between {former[:12]} and {name} {version.text}: {error.message}",
            hint=f"lastgood checkout {name}@{version.text}",
        ) from error
    # Neither git nor DVC flushes a working tree: the note is what tells a torn one (ordering.md, O1 and O5).
    durable.sync_file_system(project.worktree.directory)
    (project.place.root / NOTE).unlink()


def _former(project: Project, note: Note | None, commit: str) -> str:
    return note.former if note is not None else repository.head(project.worktree) or commit


def _sweep(project: Project, manifest: Manifest) -> None:
    """Remove the files that DVC had begun under names of its own when it was killed."""
    root = project.worktree.directory
    for output in manifest.stored:
        place = root / output.path
        begun = place.rglob(BEGUN) if output.is_directory else place.parent.glob(BEGUN)
        for path in list(begun):
            if len(path.name) == BEGUN_LENGTH and path.is_file():
                path.unlink()


def read_note(project: Project) -> Note | None:
    """What an interrupted checkout left, or `None`."""
    try:
        document = json.loads((project.place.root / NOTE).read_bytes())
        return Note(str(document["tag"]), str(document["former"]), str(document["commit"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        (project.place.root / NOTE).unlink(missing_ok=True)
        return None


def _write_note(project: Project, note: Note) -> None:
    document = {"schema": 1, "tag": note.tag, "former": note.former, "commit": note.commit}
    project.place.create()
    durable.remove_leftovers(project.place.root)  # under the lock of the one command that writes so beside the note
    durable.write_atomic(project.place.root / NOTE, json.dumps(document).encode())


def _bring_commit(project: Project, version: Version) -> None:
    """A shallow clone gets the one commit it lacks, by its tag, from our mirror; its settings stay as they are."""
    if repository.has_commit(project.worktree, version.commit):
        return
    bring_code(project, {version.commit: version.event.tag})
    source = export.git_directory(project.git)
    tag = f"refs/tags/{version.event.tag}"
    project.worktree.run(
        "fetch", "--quiet", "--no-tags", "--depth=1", "--no-write-fetch-head", f"file://{source}", f"{tag}:{tag}"
    )


def _require_safe(project: Project, manifest: Manifest, note: Note | None, former: str) -> None:
    """Refuse when the user's own work would be lost: edited or untracked code, outputs that no version recorded."""
    git = project.worktree
    dirty = repository.dirty_paths(git, untracked=False)
    if note is not None:
        dirty = tuple(path for path in dirty if not _is_ours(project, path, note, manifest.commit))
    if dirty:
        raise RefusedError(
            f"the working tree has changes that would be lost: {', '.join(dirty[:5])}; nothing was changed",
            hint="git stash, or commit them",
        )
    code = {entry.path for entry in export.list_tree(git, manifest.commit)}
    tracked = {entry.path for entry in export.list_tree(git, repository.head(git) or manifest.commit)}
    untracked = {path for path in repository.dirty_paths(git) if path not in tracked}
    if note is not None:
        untracked = {path for path in untracked if not _is_ours(project, path, note, manifest.commit)}
    places = {str(output.path) for output in manifest.outputs}
    in_the_way = sorted(
        path for path in untracked if path in code or any(path == one or path.startswith(f"{one}/") for one in places)
    )
    if in_the_way:
        raise RefusedError(
            f"untracked files are in the way: {', '.join(in_the_way[:5])}; nothing was changed",
            hint="move them away, or commit them",
        )
    _require_recorded_outputs(project, manifest, former, interrupted=note is not None)


def _require_recorded_outputs(project: Project, manifest: Manifest, former: str, *, interrupted: bool) -> None:
    """An output whose content is neither the former commit's nor the target's, nor in DVC's cache, is somebody's work.

    After an interruption a directory may hold files of both; a file that neither knows was edited since. Somebody may
    have checked another commit out by hand since, which is the former one, too.
    """
    here = read_pinned(project, former, manifest.project).outputs if former != manifest.commit else manifest.outputs
    stored = tuple(output for output in here if output.storage == "dvc")
    head = repository.head(project.worktree) or former
    others = manifest.stored
    if head not in {former, manifest.commit}:
        others += tuple(one for one in read_pinned(project, head, manifest.project).outputs if one.storage == "dvc")
    contents = read_outputs(project, stored)
    edited = []
    for output in stored:
        content = contents[output.path]
        known = [output, *(one for one in others if one.path == output.path)]
        if content.md5 is None or any(content.is_that_of(one) for one in known):
            continue
        if _is_cached(project, manifest.project, replace(output, md5=content.md5)):
            continue
        if not (interrupted and _is_unfinished(project, manifest.project, known)):
            edited.append(str(output.path))
    if edited:
        raise RefusedError(
            f"outputs were edited and not recorded: {', '.join(edited[:5])}; nothing was changed",
            hint="dvc commit and git commit them, or dvc checkout to drop the edits",
        )


def _is_cached(project: Project, directory: str, lying: Output) -> bool:
    """Whether the cache holds what lies there: another version's, after `git checkout` without `dvc checkout`."""
    return not project.store(directory).missing_in_cache([lying]) and _is_unfinished(project, directory, [lying])


def _is_unfinished(project: Project, directory: str, outputs: list[Output]) -> bool:
    """Whether every file at an output's path is one of the outputs' files, whole or begun: what a dead process left."""
    store = project.store(directory)
    root, cache = project.worktree.directory, store.cache()
    known: dict[PurePosixPath, list[Path]] = {}
    for output in outputs:
        files = [(output.path, output.md5)]
        if output.is_directory:
            files = [(output.path / member.path, member.md5) for member in store.members(output)]
        for path, md5 in files:
            known.setdefault(path, []).append(cache.path_of(md5, legacy=output.legacy))
    top = root / outputs[0].path
    there = [path for path in top.rglob("*") if not path.is_dir()] if top.is_dir() else [top]
    return all(
        any(_begins(path, whole) for whole in known.get(PurePosixPath(path.relative_to(root)), ())) for path in there
    )


def _begins(part: Path, whole: Path) -> bool:
    """Whether a file is another one, or its beginning."""
    if not (part.is_file() and whole.is_file()) or part.stat().st_size > whole.stat().st_size:
        return False
    with part.open("rb") as first, whole.open("rb") as second:
        while piece := first.read(1 << 20):
            if piece != second.read(len(piece)):
                return False
    return True


def _is_ours(project: Project, path: str, note: Note, commit: str) -> bool:
    """Whether a changed file is what an interrupted checkout left: old content, new content, or a part of the new.

    A file that differs from all of these was edited since.
    """
    file = project.worktree.directory / path
    contents = [export.read_file(project.worktree, one, path) for one in (note.former, note.commit, commit)]
    if not file.exists() or file.is_symlink():
        return any(content is not None for content in contents)
    there = file.read_bytes() if file.is_file() else None
    return there is not None and any(content is not None and content.startswith(there) for content in contents)


def _prove_objects(project: Project, manifest: Manifest) -> None:
    """Every object of the version in the cache and hashed, before anything in the working tree changes."""
    store = project.store(manifest.project)
    cache = store.cache()

    def prove_all() -> None:
        parts = gather(manifest.outputs, cache.place_of, store.members)
        states = find_missing(parts)
        with Proofs(project.place.create().proofs) as proofs:
            prove(manifest.outputs, parts, states, cache.place_of, proofs)

    with_objects(project, store, manifest.stored, prove_all)


def _move_code(project: Project, version: Version, *, forced: bool) -> None:
    """Have git check out the version's commit. Raises `RefusedError` when it has begun nothing."""
    git, before = project.worktree, repository.dirty_paths(project.worktree)
    option = "--force" if forced else "--no-overwrite-ignore"
    code, _, words = git.attempt("checkout", "--quiet", "--detach", option, version.commit, "--")
    moved = code == 0 or repository.head(git) == version.commit or repository.dirty_paths(git) != before
    if code != 0 and (forced or moved):
        raise LastgoodError(f"git checkout: {words.strip()}")
    if code != 0:
        (project.place.root / NOTE).unlink()
        raise RefusedError(f"git does not check out {version.event.tag}: {words.strip()}; nothing was changed")


def _move(project: Project, version: Version, manifest: Manifest, *, forced: bool) -> None:
    cache = project.store(manifest.project).cache().directory  # as configured now, not by what is checked out
    project.on_step("code")
    _move_code(project, version, forced=forced)
    project.on_step("outputs")
    place = project.worktree.directory / manifest.project
    checkout_outputs(place, None, cache=cache)
    project.on_step("prove")
    if wrong := differing(project, manifest):  # a fault in DVC's midst, now or long ago
        checkout_outputs(place, None, cache=cache, anew=True)
        wrong = differing(project, manifest)
    if wrong:
        paths = [str(output.path) for output in wrong]
        findings = [Finding("changed", path, f"{path} is not what the manifest says") for path in paths]
        raise FindingsError("not everything could be restored: " + ", ".join(map(str, findings)), findings)
