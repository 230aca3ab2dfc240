"""Checking out a version: code, data and model of the working tree, proved to be its. Safe, but not atomic.

The order: the state is written, git moves the code, DVC the outputs, everything is hashed, the state is
removed. A crash leaves the state: `status` shows it, and the same command knows what it may overwrite.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from lastgood.adapters.dvc.worktree import checkout_outputs
from lastgood.adapters.git import export, repository
from lastgood.core.manifest import Manifest
from lastgood.core.references import find_version
from lastgood.core.registry import History, Version
from lastgood.errors import (
    Finding,
    FindingsError,
    Flaw,
    LastgoodError,
    LockedError,
    RefusedError,
    UnfinishedError,
    named,
)
from lastgood.project import Project
from lastgood.registry.view import View, read
from lastgood.releases import durable
from lastgood.releases.proofs import Proofs
from lastgood.releases.proving import find_missing, gather, prove
from lastgood.versions.code import bring_code
from lastgood.versions.manifests import read_pinned
from lastgood.versions.objects import with_objects
from lastgood.versions.restorable import require_restorable
from lastgood.worktree.outputs import blocked_by, differing
from lastgood.worktree.saved import drop_saved, name_saved, save_work
from lastgood.worktree.state import CheckoutState, is_saved, read_state, remove_state, write_state
from lastgood.worktree.work import NONE, Work, find_work

BEGUN = ".*.tmp"
BEGUN_LENGTH = len("..tmp") + 22
"""dvc_objects' `tmp_fname`: a dot, 22 characters of a short uuid, `.tmp`; renamed when complete."""


@dataclass(frozen=True)
class CheckedOut:
    """The version that the working tree holds now; the work that would have been lost, and where it was put aside."""

    history: History
    version: Version
    manifest: Manifest
    resumed: bool = False
    changed: bool = True
    dry_run: bool = False
    view: View | None = None
    work: Work = NONE
    saved: tuple[Path, ...] = ()


def checkout(project: Project, reference: str, *, save: bool = False, dry_run: bool = False) -> CheckedOut:
    """Make the working tree equal to a version's manifest, or say what state it is in.

    With `save`, work that nobody has recorded is put aside first. Raises `RefusedError` for such work without it and
    `FindingsError` for what cannot be restored, nothing changed; `UnfinishedError` when it failed half-way: the same
    command finishes it.
    """
    if begun := repository.under_way(project.worktree):
        raise RefusedError(f"{begun[0]} is under way in the working tree", hint=begun[1])
    view = read(project, fetch=True)
    history, version = find_version(view.registry, reference)
    manifest = require_restorable(project, history, version, here=True, stage=None)
    _bring_commit(project, version)
    read_pinned(project, version.commit, manifest.project)  # with limits: in the working tree DVC has none
    wanted = CheckedOut(history, version, manifest, dry_run=dry_run, view=view)
    if dry_run:
        return _prepare(project, wanted, read_state(project), save=save)
    # The lock is held from here on: a state that exists now was left by a process that crashed.
    with project.locked(f"checkout {history.artifact} {version.text}"):
        interrupted = read_state(project)
        if interrupted is not None:
            _sweep(project, manifest)
        prepared = _prepare(project, wanted, interrupted, save=save)
        if not prepared.changed:
            return prepared
        _prove_objects(project, manifest)  # which may take its time: then it is looked at once more
        return _carry_out(project, _prepare(project, wanted, interrupted, save=save), interrupted)


def _prepare(project: Project, wanted: CheckedOut, interrupted: CheckoutState | None, *, save: bool) -> CheckedOut:
    """What is to be done. Raises `RefusedError` when somebody's work would be lost by it and is not to be saved."""
    commit = wanted.version.commit
    resumed = interrupted is not None and interrupted.commit == commit
    work = find_work(project, wanted.manifest, interrupted, _former(project, interrupted, commit))
    if work and not save:
        raise work.refusal()
    there = repository.head(project.worktree) == commit and not differing(project, wanted.manifest)
    return replace(wanted, resumed=resumed, changed=bool(interrupted or work or not there), work=work)


def _carry_out(project: Project, wanted: CheckedOut, interrupted: CheckoutState | None) -> CheckedOut:
    version = wanted.version
    under_way = _begin(project, wanted, interrupted)
    places = (project.place.saved / name for name in under_way.saved)
    wanted = replace(wanted, saved=tuple(place for place in places if place.is_dir()))
    try:
        forced = interrupted is not None or bool(wanted.work) or wanted.work.replaced
        _move(project, version, wanted.manifest, under_way, forced=forced)
    except RefusedError:
        raise
    except (LastgoodError, OSError) as error:
        if interrupted is None and isinstance(error, LockedError) and "index.lock" in error.message:
            _take_back(project, under_way, interrupted)  # git's lock of HEAD comes after the files, this one before
            raise
        name = wanted.history.artifact
        aside = f"; what was in the way is in {', '.join(map(str, wanted.saved))}" if wanted.saved else ""
        raise UnfinishedError(
            f"the working tree is between {under_way.former[:12]} and {name} {version.text}: {error}{aside}",
            hint=f"lastgood checkout {name}@{version.text}",
        ) from error
    # Neither git nor DVC flushes a working tree: the state file marks an unfinished one (ordering.md, O1 and O5).
    durable.sync_file_system(project.worktree.directory)
    remove_state(project)
    return wanted


def _begin(project: Project, wanted: CheckedOut, interrupted: CheckoutState | None) -> CheckoutState:
    """Write the state, then save the work that it names. After a crash the same command knows what is safe."""
    commit, saved = wanted.version.commit, interrupted.saved if interrupted else ()
    under_way = CheckoutState(wanted.version.event.tag, _former(project, interrupted, commit), commit, saved)
    if not wanted.work:
        write_state(project, under_way)
        return under_way
    name = name_saved(project)
    under_way = replace(under_way, saved=(*saved, name))
    project.on_step("save")
    write_state(project, under_way)
    try:
        save_work(project, wanted.work, name, under_way.tag)
        project.on_step("saved")
        _require_none(find_work(project, wanted.manifest, under_way, under_way.former))
    except BaseException:
        _take_back(project, under_way, interrupted)
        raise
    return under_way


def _take_back(project: Project, under_way: CheckoutState, interrupted: CheckoutState | None) -> None:
    """Leave what was there before: nothing in the working tree has changed."""
    for name in under_way.saved[len(interrupted.saved) if interrupted else 0 :]:
        drop_saved(project, name)
    if interrupted is None:
        remove_state(project)


def _require_none(since: Work) -> None:
    if since:
        raise RefusedError(
            f"changed while they were put aside: {named(since.paths)}",
            hint="run the same command again",
        )


def _former(project: Project, interrupted: CheckoutState | None, commit: str) -> str:
    return interrupted.former if interrupted is not None else repository.head(project.worktree) or commit


def _sweep(project: Project, manifest: Manifest) -> None:
    """Remove the files that DVC had begun under names of its own when it was killed."""
    root = project.worktree.directory
    for output in manifest.stored:
        place = root / output.path
        begun = place.rglob(BEGUN) if output.is_directory else place.parent.glob(BEGUN)
        for path in list(begun):
            if len(path.name) == BEGUN_LENGTH and path.is_file():
                path.unlink()


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
        remove_state(project)
        raise RefusedError(f"git does not check out {version.event.tag}: {words.strip()}")


def _remove_code(project: Project, under_way: CheckoutState) -> None:
    """Remove the files of the former commit that git could not: it says so, and ends with 0 (git 2.39, entry.c)."""
    git, root = project.worktree, project.worktree.directory
    dropped = repository.dropped(git, under_way.former, under_way.commit)
    lying = [path for path in dropped if os.path.lexists(root / path) and not blocked_by(root, path)]
    for path in repository.others(git, lying):
        if repository.is_checked_out(git, under_way.former, path) or is_saved(project, under_way, path):
            (root / path).unlink()


def _put_back_code(project: Project, commit: str) -> None:
    """Have git write the files again that DVC removed from directory outputs: it takes away what no listing names."""
    git = project.worktree
    if lost := [path for path in repository.unlike(git, commit) if not os.path.lexists(git.directory / path)]:
        git.run("--literal-pathspecs", "checkout", "--quiet", "--no-overlay", commit, "--", *lost)


def _make_way(project: Project, manifest: Manifest) -> None:
    """Remove what was put aside and DVC would stop at, or follow: links to directories, files in place of them."""
    root = project.worktree.directory
    for output in manifest.stored:
        path = blocked_by(root, str(output.path)) or output.path
        if (root / path).is_symlink() or ((root / path).is_file() and path != output.path):
            (root / path).unlink()


def _move(project: Project, version: Version, manifest: Manifest, under_way: CheckoutState, *, forced: bool) -> None:
    cache = project.store(manifest.project).cache().directory  # as configured now, not by what is checked out
    project.on_step("code")
    _move_code(project, version, forced=forced)
    _remove_code(project, under_way)
    project.on_step("outputs")
    place = project.worktree.directory / manifest.project
    if forced:
        _make_way(project, manifest)
    checkout_outputs(place, None, cache=cache)
    _put_back_code(project, version.commit)
    project.on_step("prove")
    if wrong := differing(project, manifest):  # a fault in DVC's midst, now or long ago
        checkout_outputs(place, None, cache=cache, anew=True)
        _put_back_code(project, version.commit)
        wrong = differing(project, manifest)
    code = repository.unlike(project.worktree, version.commit)  # git ends with 0 where it could not replace a file, too
    if paths := dict.fromkeys([*(str(output.path) for output in wrong), *code]):
        findings = [Finding(Flaw.CHANGED, path, f"{path} is not the version's") for path in paths]
        raise FindingsError(
            "not everything could be restored: " + ", ".join(map(str, findings)), findings, unchanged=False
        )
