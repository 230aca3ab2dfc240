"""Registering a version: refuse unless it can be restored elsewhere, then tag, manifest and journal in one push."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from lastgood.adapters.dvc.version import Declared, Pinned
from lastgood.adapters.git import refs, repository
from lastgood.core.manifest import Manifest
from lastgood.core.naming import Wanted, name_version
from lastgood.core.registry import History
from lastgood.core.tags import is_artifact
from lastgood.core.transaction import Draft
from lastgood.core.unknown import find_meant
from lastgood.core.version import Bump
from lastgood.errors import (
    Finding,
    FindingsError,
    Flaw,
    RaceError,
    RefusedError,
    UnknownError,
    UsageError,
    named,
)
from lastgood.machine import health
from lastgood.operations.register.registrable import find_loading_code, prove_outputs, require_registrable
from lastgood.operations.register.uploading import require_place, upload
from lastgood.project import Project
from lastgood.registry import recording
from lastgood.registry.recording import Record
from lastgood.registry.signatures import require_able
from lastgood.registry.view import View, read, retrying
from lastgood.versions import manifests


@dataclass(frozen=True, slots=True)
class Request:
    """What to register: the version, or which part to raise (patch without either, as GTO does)."""

    artifact: str | None = None
    version: str | None = None
    bump: Bump | None = None
    message: str = ""
    push_branch: bool = False


@dataclass(frozen=True)
class Registered:
    """The new version, what was uploaded for it, and what a person should know."""

    manifest: Manifest
    record: Record = field(default_factory=Record)
    uploaded: tuple[str, ...] = ()
    warnings: tuple[Finding, ...] = ()
    dry_run: bool = False


def register(project: Project, request: Request, *, dry_run: bool = False) -> Registered:
    """Register the commit that is checked out. If any step fails nothing stays behind, locally or on origin.

    Raises `RefusedError` (dirty tree, failing gate, second version on the commit), `FindingsError` (what cannot be
    restored), `UnknownError` (a name that no `dvc.yaml` declares), `UsageError`, `PushRefusedError`;
    `RaceError` when the commit is left meanwhile.
    """
    recording.author(project, request.message)
    commit = _require_clean(project)
    with _held(project, commit):
        manifest, warnings = _check(project, request, commit, dry_run=dry_run)
    if dry_run:
        require_place(project, manifest)
        return Registered(manifest, warnings=warnings, dry_run=True)
    with project.locked(f"register {manifest.artifact} {manifest.version}"):
        uploaded = upload(project, manifest)
        _require_unmoved(project, commit)
        record = retrying(project, lambda fresh: _record(project, fresh, manifest, request))
    return Registered(manifest, record, uploaded, warnings)


def _check(project: Project, request: Request, commit: str, *, dry_run: bool) -> tuple[Manifest, tuple[Finding, ...]]:
    """The manifest of what can be restored elsewhere, and warnings; uploads and records nothing."""
    require_able(project, commit)
    _branch(project, request)  # before anything is uploaded for a push that cannot be
    view = read(project, fetch=True)
    pinned, declared = _require_declared(project, commit, request.artifact)
    wanted = Wanted(declared.name, commit, request.version, request.bump)
    version = _name(project, view, wanted, dry_run=dry_run)
    manifest = manifests.make_manifest(project, version, commit, pinned, declared, python=manifests.running_python())
    require_registrable(project, manifest, pinned)
    _require_gate(project, declared)
    manifest = prove_outputs(project, manifest)
    return manifest, (*find_loading_code(project, manifest), *pinned.unread, *_warn(project, commit, request))


def _require_clean(project: Project) -> str:
    if project.worktree != project.git:
        raise RefusedError("a shallow clone cannot register versions", hint="git fetch --unshallow")
    commit = repository.head(project.worktree)
    if commit is None:
        raise RefusedError("there is no commit to register", hint="git commit")
    dirty = repository.dirty_paths(project.worktree)
    if dirty:
        raise RefusedError(
            f"the working tree is not clean ({named(dirty)}): uncommitted files could not be restored",
            hint="git commit what belongs to the version, git stash or .gitignore the rest",
        )
    return commit


def _require_unmoved(project: Project, commit: str) -> None:
    if repository.head(project.worktree) != commit:
        raise RaceError(
            "the checked-out commit changed while it was being registered; no version was registered",
            hint="check out the commit to register, then run the command again",
            unchanged=False,
        )


@contextmanager
def _held(project: Project, commit: str) -> Iterator[None]:
    """What is found in the working tree is none of the commit's if that was left meanwhile: raise `RaceError` then."""
    try:
        yield
    except (FindingsError, RefusedError):
        _require_unmoved(project, commit)
        raise


def _require_declared(project: Project, commit: str, artifact: str | None) -> tuple[Pinned, Declared]:
    """The artifact's declaration at the commit, with everything DVC pins there."""
    if artifact is not None and not is_artifact(artifact):
        raise UsageError(f"{artifact!r} cannot be an artifact's name")
    found: dict[str, tuple[Pinned, Declared]] = {}
    for directory in repository.projects_at(project.git, commit):
        pinned = manifests.read_pinned(project, commit, directory)
        found |= {declared.name: (pinned, declared) for declared in pinned.artifacts}
    if artifact is None and len(found) == 1:
        return next(iter(found.values()))
    if artifact is not None and artifact in found:
        return found[artifact]
    known = ", ".join(sorted(found)) or "none"
    meant = find_meant(artifact, found) if artifact else None
    add = f"did you mean {meant}?" if meant else "add it to `artifacts:` in dvc.yaml, with its path, and commit"
    asked = f"no dvc.yaml declares the artifact {artifact}" if artifact else "name the artifact to register"
    raise UnknownError(
        f"{asked} (declared: {known})",
        hint=add if artifact else "lastgood register NAME",
    )


def _name(project: Project, view: View, wanted: Wanted, *, dry_run: bool) -> str:
    """The version's name. Where that is refused, the artifact's last event is on origin with all of its tags first: it
    may be this very registration."""
    try:
        return name_version(view.registry, wanted, repository.tags_at(project.git, wanted.commit))
    except RefusedError as error:
        if dry_run or not retrying(project, lambda fresh: recording.complete(project, fresh, wanted.artifact)):
            raise
        text = f"{error.message}; {project.remote} had an incomplete last event, which is complete now"
        raise RefusedError(text, hint=error.hint, unchanged=False) from None


def _require_gate(project: Project, declared: Declared) -> None:
    gate = project.config.register.gate
    if not gate:
        return
    project.on_step("gate")
    root = project.worktree.directory / declared.project
    words = health.ask(gate, root, {"LASTGOOD_ARTIFACT": declared.name}, None)
    if words is not None:
        raise RefusedError(f"the gate ({gate}) fails: {words}", hint=gate)
    dirty = repository.dirty_paths(project.worktree)
    if dirty:
        raise RefusedError(
            f"the gate left the working tree dirty ({named(dirty)}); no version was registered", unchanged=False
        )


def _warn(project: Project, commit: str, request: Request) -> list[Finding]:
    if project.remote is None:
        return [Finding(Flaw.REMOTE, "origin", "there is no git remote: the version is recorded in this clone only")]
    refs.fetch(project.git, project.remote, [f"+refs/heads/*:refs/remotes/{project.remote}/*"], project.deadline * 10)
    if request.push_branch or repository.remote_branches_with(project.git, commit, project.remote):
        return []
    text = f"commit {commit[:12]} is on no branch of {project.remote}: only the version's tag will keep it there"
    return [Finding(Flaw.BRANCH, commit, f"{text} (git push, or register --push-branch)")]


def _record(project: Project, view: View, manifest: Manifest, request: Request) -> Record:
    wanted = Wanted(manifest.artifact, manifest.commit, manifest.version)
    name_version(view.registry, wanted, repository.tags_at(project.git, manifest.commit))
    history = view.registry.artifacts.get(manifest.artifact)
    author = recording.author(project, request.message)
    draft = Draft(history or History(manifest.artifact, (), recording.journal_of(view, manifest.artifact)), author)
    record = recording.record(project, view, draft.register(manifest), more=_branch(project, request))
    recording.outwait(project, record)
    return record


def _branch(project: Project, request: Request) -> tuple[str, ...]:
    if not request.push_branch or project.remote is None:
        return ()
    name = repository.branch(project.worktree)
    if name is None:
        raise RefusedError(
            "HEAD is detached: there is no branch to push",
            hint="git switch -c NAME, or register without --push-branch",
        )
    return (f"refs/heads/{name}:refs/heads/{name}",)
