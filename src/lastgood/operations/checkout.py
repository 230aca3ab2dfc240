"""Checking out a version: code, data and model of the working tree, proved to be its. Safe, but not atomic.

The order: what is to be done is noted, git moves the code, DVC the outputs, everything is hashed, the note goes. Dying
anywhere leaves the note, by which `status` names the state and the same command knows what it may overwrite.
"""

import json
from dataclasses import dataclass

from lastgood.adapters.dvc.worktree import checkout_outputs
from lastgood.adapters.git import export, repository
from lastgood.core.manifest import Manifest, Output
from lastgood.core.references import find_version
from lastgood.core.registry import History, Version
from lastgood.errors import Finding, FindingsError, LastgoodError, RefusedError, UnfinishedError
from lastgood.operations.facts import require_restorable
from lastgood.operations.manifests import read_pinned
from lastgood.operations.reading import read
from lastgood.operations.worktree import differing, read_outputs
from lastgood.project import Project
from lastgood.releases import durable
from lastgood.releases.proofs import Proofs
from lastgood.releases.proving import CorruptedObjectsError, find_missing, gather, prove

NOTE = "checkout.json"


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


def checkout(project: Project, reference: str, *, dry_run: bool = False) -> CheckedOut:
    """Make the working tree equal to a version's manifest, or say what state it is in.

    Raises `RefusedError` for edited or untracked files in the way and `FindingsError` for what cannot be restored,
    nothing changed; `UnfinishedError` when it failed half-way: the same command finishes it, without any flag.
    """
    view = read(project, fetch=True)
    history, version = find_version(view.registry, reference)
    manifest = require_restorable(project, history, version, here=True, stage=None)
    _bring_commit(project, version)
    note = read_note(project)
    resumed = note is not None and note.commit == version.commit
    former = note.former if note is not None else repository.head(project.worktree) or version.commit
    _require_safe(project, manifest, note, former)
    head = repository.head(project.worktree)
    if not resumed and head == version.commit and not differing(project, manifest):
        return CheckedOut(history, version, manifest, changed=False, dry_run=dry_run)
    if dry_run:
        return CheckedOut(history, version, manifest, resumed, dry_run=True)
    with project.locked(f"checkout {history.artifact} {version.text}"):
        _prove_objects(project, manifest)
        _write_note(project, Note(version.event.tag, former, version.commit))
        try:
            _move(project, version, manifest, forced=note is not None)
        except RefusedError:
            raise
        except LastgoodError as error:
            raise UnfinishedError(
                f"the working tree is between {former[:12]} and {history.artifact} {version.text}: {error.message}",
                hint=f"lastgood checkout {history.artifact}@{version.text}",
            ) from error
        (project.place.root / NOTE).unlink()
    return CheckedOut(history, version, manifest, resumed)


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
    durable.write_atomic(project.place.root / NOTE, json.dumps(document).encode())


def _bring_commit(project: Project, version: Version) -> None:
    """A shallow clone gets the one commit it lacks, by its tag, from our mirror; its settings stay as they are."""
    if repository.has_commit(project.worktree, version.commit):
        return
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
    """An output whose content is neither the former commit's nor the target's is somebody's work.

    After an interruption a directory may hold files of both; a file that neither knows was edited since.
    """
    here = read_pinned(project, former, manifest.project).outputs if former != manifest.commit else manifest.outputs
    stored = tuple(output for output in here if output.storage == "dvc")
    later = {output.path: output for output in manifest.stored}
    contents = read_outputs(project, stored)
    edited = []
    for output in stored:
        content = contents[output.path]
        both = [output, *([later[output.path]] if output.path in later else [])]
        if content.md5 is None or any(content.is_that_of(one) for one in both):
            continue
        if not (interrupted and content.files <= _known_files(project, manifest.project, both)):
            edited.append(str(output.path))
    if edited:
        raise RefusedError(
            f"outputs were edited and not recorded: {', '.join(edited[:5])}; nothing was changed",
            hint="dvc commit and git commit them, or dvc checkout to drop the edits",
        )


def _known_files(project: Project, directory: str, outputs: list[Output]) -> frozenset[str]:
    store = project.store(directory)
    return frozenset(
        md5
        for output in outputs
        for md5 in ([member.md5 for member in store.members(output)] if output.is_directory else [output.md5])
    )


def _is_ours(project: Project, path: str, note: Note, commit: str) -> bool:
    """Whether a changed file is what an interrupted checkout left: old content, new content, or a part of the new.

    A file that differs from all of these was edited since.
    """
    file = project.worktree.directory / path
    contents = [export.read_file(project.worktree, one, path) for one in (note.former, note.commit, commit)]
    if not file.exists() or file.is_symlink():
        return any(content is not None for content in contents)
    if not file.is_file():
        return False
    there = file.read_bytes()
    return any(content is not None and content.startswith(there) for content in contents)


def _prove_objects(project: Project, manifest: Manifest) -> None:
    """Every object of the version in the cache and hashed, before anything in the working tree changes."""
    store = project.store(manifest.project)
    cache = store.cache()
    project.on_step("fetch objects")
    store.fetch(manifest.stored)

    def prove_all() -> None:
        parts = gather(manifest.outputs, lambda md5, legacy: cache.path_of(md5, legacy=legacy), store.members)
        find_missing(parts)
        with Proofs(project.place.create().proofs) as proofs:
            prove(manifest.outputs, parts, lambda md5, legacy: cache.path_of(md5, legacy=legacy), proofs)

    try:
        prove_all()
    except CorruptedObjectsError as corrupted:
        for md5, legacy, _ in corrupted.objects:
            store.drop(md5, legacy=legacy)
        store.fetch(manifest.stored)
        prove_all()


def _move(project: Project, version: Version, manifest: Manifest, *, forced: bool) -> None:
    git = project.worktree
    project.on_step("code")
    if forced:
        # Only our own dead process can have left it: the note was there and the lock on .lastgood/ is ours.
        (project.worktree.directory / git.line("rev-parse", "--git-path", "index.lock")).unlink(missing_ok=True)
    options = ["--force"] if forced else ["--no-overwrite-ignore"]
    code, _, words = git.attempt("checkout", "--quiet", "--detach", *options, version.commit, "--")
    if code != 0 and not forced and repository.head(git) != version.commit:
        (project.place.root / NOTE).unlink()
        raise RefusedError(f"git does not check out {version.event.tag}: {words.strip()}; nothing was changed")
    if code != 0:
        raise LastgoodError(f"git checkout: {words.strip()}")
    project.on_step("outputs")
    checkout_outputs(git.directory / manifest.project, None)
    project.on_step("prove")
    wrong = differing(project, manifest)
    if wrong:
        findings = [
            Finding("changed", str(output.path), f"{output.path} is not what the manifest says") for output in wrong
        ]
        raise FindingsError("not everything could be restored: " + ", ".join(map(str, findings)), findings)
