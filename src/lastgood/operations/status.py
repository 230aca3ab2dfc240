"""Where everything stands: what the working tree holds, what each stage should run, what is live here, what waits."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from lastgood.adapters.git import repository
from lastgood.core.events import CANDIDATE
from lastgood.core.failed import find_failed, leave_command
from lastgood.core.manifest import Manifest, Output
from lastgood.core.offline import Act
from lastgood.core.registry import History, Registry, Version
from lastgood.errors import Finding, FindingsError, Flaw, LastgoodError
from lastgood.machine.health import last_failure
from lastgood.project import Project
from lastgood.registry.freshness import require_newest
from lastgood.registry.races import repeat
from lastgood.registry.view import View, read
from lastgood.releases import activation, pending
from lastgood.releases.census import find_changed
from lastgood.releases.release import read_placement
from lastgood.versions.manifests import read_manifest, read_pinned
from lastgood.versions.selection import warn_of_names
from lastgood.worktree.outputs import Content, read_outputs
from lastgood.worktree.state import read_state

AS_RECORDED, CHANGED, MISSING, SPECIAL = "as recorded", "changed", "missing", "special"


@dataclass(frozen=True, slots=True)
class OutputStatus:
    """One output in the working tree: as its commit records it or not, and the versions whose content it is; or the
    FIFO, socket or device that it holds."""

    path: str
    state: str
    versions: tuple[str, ...]
    special: str | None = None


@dataclass(frozen=True, slots=True)
class Worktree:
    """The working tree. `version` is set when code, data and model belong to one; `code` are versions of its commit."""

    commit: str | None
    branch: str | None
    version: str | None
    code: tuple[str, ...]
    outputs: tuple[OutputStatus, ...]
    dirty: tuple[str, ...]
    interrupted: str | None
    whole: bool


@dataclass(frozen=True, slots=True)
class StageStatus:
    """One stage of one artifact. `waiting`: followed or live here, but not what it should be; or `pending`, done here
    while origin was out of reach and not published. `finish` is the command that ends the waiting.

    `failed`: the assigned version is marked failed. No sync makes it live; `leave` is the command that leaves it.
    `placed` says how many files of what is live were placed how: as a reflink, a hard link or a copy. `partial`: what
    is live leaves out outputs that the artifact's own `dvc.yaml` needs, for `lastgood.toml` names fewer.
    `damaged`: what is live is not what was built, as far as that shows without hashing. `unhealthy`: what the health
    command said when it was last run on what is live, if it failed.
    """

    artifact: str
    stage: str
    assigned: str | None
    judgement: str | None
    live: str | None
    followed: bool
    waiting: bool
    finish: str | None
    path: str | None
    problems: tuple[Finding, ...]
    placed: tuple[tuple[str, int], ...] = ()
    pending: tuple[Act, ...] = ()
    partial: bool = False
    damaged: bool = False
    unhealthy: str | None = None
    failed: Finding | None = None
    leave: str | None = None


@dataclass(frozen=True)
class Status:
    """The whole answer; `findings` concern the registry. `worktree` is `None` on a serving host, and where
    it cannot be told (finding `unreadable`)."""

    view: View
    worktree: Worktree | None
    stages: tuple[StageStatus, ...]
    findings: tuple[Finding, ...]

    @property
    def waits(self) -> bool:
        """Whether something recorded is not carried out here."""
        return any(stage.waiting for stage in self.stages)


def status(project: Project, *, fetch: bool = False) -> Status:
    """Look, and change nothing but what is remembered of hashing. Raises `UnreachableError` with `fetch` only.

    Registry and live links are of one moment: they are read again when another command here has recorded between them.
    """
    view, stages = repeat(lambda: _look(project, fetch=fetch))
    findings = [*view.registry.findings]
    for history in view.registry.artifacts.values():
        findings += history.findings
    findings += warn_of_names(project.config, None, view.registry.artifacts)
    worktree = None
    try:
        worktree = _worktree(project, view.registry) if project.root is not None else None
    except LastgoodError as error:  # what is live here does not depend on the working tree's files
        text = f"the working tree cannot be told: {error.message}"
        findings.append(Finding(Flaw.UNREADABLE, str(project.root), text))
    return Status(view, worktree, stages, tuple(findings))


def _look(project: Project, *, fetch: bool) -> tuple[View, tuple[StageStatus, ...]]:
    view = read(project, fetch=fetch)
    stages = tuple(_stages(project, view.registry))
    require_newest(project, *view.registry.artifacts.values())
    return view, stages


def _stages(project: Project, registry: Registry) -> Iterable[StageStatus]:
    followed = set(activation.followed(project.place))
    linked = {(artifact, stage) for artifact, stage, _ in activation.live_links(project.place)}
    named = {(name, stage) for name, history in registry.artifacts.items() for stage in history.assigned}
    kept = {(one.artifact, one.stage): one for one in pending.read(project.place)}
    for artifact, stage in sorted(followed | linked | named | kept.keys()):
        history = registry.artifacts.get(artifact)
        event = history.assigned.get(stage) if history else None
        release, problems = activation.inspect_live(project.place, artifact, stage)
        follows = (artifact, stage) in followed
        problems = find_changed(release) if release is not None else problems
        same = (
            event is not None
            and release is not None
            and (event.version, event.commit) == (release.version, release.commit)
        )
        unpublished = kept.get((artifact, stage))
        failed = find_failed(history, stage) if history else None
        leave = leave_command(history, stage, event.version) if failed and history and event else None
        concerned = (follows or (artifact, stage) in linked) and event is not None
        waiting = (concerned and (failed is not None or not same or bool(problems))) or unpublished is not None
        finish = leave if leave and not unpublished else f"lastgood sync {artifact} --stage {stage}"
        yield StageStatus(
            artifact=artifact,
            stage=stage,
            assigned=event.version if event else None,
            judgement=_judgement(history, event.version) if history and event else None,
            live=release.version if release else None,
            followed=follows,
            waiting=waiting,
            finish=finish if waiting else None,
            path=str(release.path) if release else None,
            problems=(*problems, *([unpublished.problem] if unpublished and unpublished.problem else [])),
            placed=tuple(read_placement(release).items()) if release else (),
            pending=unpublished.acts if unpublished else (),
            damaged=bool(problems),
            unhealthy=last_failure(project, release, stage) if release else None,
            partial=release is not None and release.partial,
            failed=failed,
            leave=leave,
        )


def _judgement(history: History, version: str) -> str:
    return history.by_name[version].judgement if version in history.by_name else CANDIDATE


def _worktree(project: Project, registry: Registry) -> Worktree:
    git = project.worktree
    commit = repository.head(git)
    if commit is None:
        return Worktree(None, repository.branch(git), None, (), (), (), None, whole=False)
    dirty = repository.dirty_paths(git)
    versions = [version for history in registry.artifacts.values() for version in history.versions]
    mine = [version for version in versions if version.commit == commit]
    recorded = _recorded(project, registry, commit, mine)
    contents = read_outputs(project, recorded)
    outputs = tuple(_output(one, contents[one.path], mine, versions) for one in recorded)
    code = tuple(_name(version) for version in mine)
    whole = bool(mine) and not dirty and all(one.state == AS_RECORDED for one in outputs)
    interrupted = read_state(project)
    return Worktree(
        commit=commit,
        branch=repository.branch(git),
        version=", ".join(code) if whole else None,
        code=code,
        outputs=outputs,
        dirty=dirty,
        interrupted=interrupted.tag if interrupted else None,
        whole=whole and interrupted is None,
    )


def _recorded(project: Project, registry: Registry, commit: str, mine: list[Version]) -> tuple[Output, ...]:
    """What the checked-out commit records: by a version's manifest where it is one, else as DVC says."""
    outputs: dict[object, Output] = {}
    for version in mine:
        try:
            manifest = read_manifest(project, registry.history(version.event.artifact), version)
        except FindingsError:
            continue
        outputs |= {one.path: one for one in manifest.outputs if one.storage != "url"}
    if not outputs:
        for directory in repository.projects_at(project.worktree, commit):
            pinned = read_pinned(_at_worktree(project), commit, directory)
            outputs |= {one.path: one for one in pinned.outputs if one.storage != "url"}
    return tuple(outputs.values())


def _at_worktree(project: Project) -> Project:
    """The same project reading the user's clone, where HEAD is, also when refs are kept in a mirror."""
    return replace(project, git=project.worktree)


def _output(output: Output, content: Content, mine: list[Version], versions: list[Version]) -> OutputStatus:
    if content.special is not None:
        return OutputStatus(str(output.path), SPECIAL, (), content.special)
    if content.md5 is None:
        return OutputStatus(str(output.path), MISSING, ())
    if content.is_that_of(output):
        return OutputStatus(str(output.path), AS_RECORDED, tuple(_name(version) for version in mine))
    others = tuple(_name(version) for version in versions if _holds(version, output, content))
    return OutputStatus(str(output.path), CHANGED, others)


def _holds(version: Version, output: Output, content: Content) -> bool:
    """Whether the version's short manifest has this content at this path; adopted versions cannot tell."""
    line = version.event.message.manifest
    if line is None:
        return False
    try:
        outputs = Manifest.parse(line).outputs
    except ValueError:
        return False
    return any(one.path == output.path and content.is_that_of(one) for one in outputs)


def _name(version: Version) -> str:
    return f"{version.event.artifact}@{version.text}"
