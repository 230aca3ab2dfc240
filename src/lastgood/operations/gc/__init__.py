"""Removing from the DVC remote what no version, branch, tag or journal entry on origin needs, and nothing else."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from lastgood.adapters.git import refs, repository
from lastgood.adapters.git.export import history_of
from lastgood.core.needed import PINNING, UNNEEDED, Stored, both, exceeds, hashes_in, old_enough
from lastgood.core.tags import TAGS
from lastgood.errors import Finding, FindingsError, Flaw, RefusedError, StaleError, counted
from lastgood.operations.gc.needs import BRANCHES, Needs, find_needs, list_refs
from lastgood.project import Project
from lastgood.registry.races import repeat
from lastgood.registry.view import View, read

ATTEMPTS = 5


@dataclass(frozen=True)
class Plan:
    """What would go from the remotes, of how many objects. `young` lie there for too short a time to be taken;
    `doubted` stay because one of two readings takes them for needed."""

    view: View
    needs: Needs
    objects: tuple[Stored, ...] = ()
    totals: Mapping[str, int] = field(default_factory=dict)
    young: int = 0
    doubted: int = 0
    grace: int = 0
    share: int = 0

    @property
    def total(self) -> int:
        """How many objects all remotes have."""
        return sum(self.totals.values())

    @property
    def looked_at(self) -> Mapping[str, int]:
        """What was asked what it needs, by its kind."""
        versions = sum(len(history.versions) for history in self.view.registry.artifacts.values())
        branches, tags = (sum(ref.startswith(one) for ref in self.needs.refs) for one in (BRANCHES, TAGS))
        return {"versions": versions, "branches": branches, "tags": tags, "journal entries": self.needs.entries}

    @property
    def bytes(self) -> int | None:
        """How many bytes would go, where the remotes tell."""
        sizes = [one.size for one in self.objects if one.size is not None]
        return sum(sizes) if len(sizes) == len(self.objects) else None


def prepare(project: Project, *, grace: int | None = None, share: int | None = None) -> Plan:
    """What nothing on origin needs, `grace` hours old and at most `share` percent; else as the configuration says.

    Raises `RefusedError` (no whole view of what is needed, or too much would go), `FindingsError` (something needed
    cannot be read), `UnreachableError`. Nothing was changed.
    """
    _require_view(project)
    view = read(project, fetch=True)
    for history in view.registry.artifacts.values():
        for finding in history.findings:
            if finding.kind == Flaw.JOURNAL:
                raise RefusedError(f"{finding.message}", hint=f"git log {finding.subject}")
    if not view.registry.artifacts:
        raise RefusedError("origin has no version, so every object would look unneeded")
    project.on_step("survey")
    needs = find_needs(project, view)
    found = _survey(project, needs)
    grace = project.config.gc.grace if grace is None else grace
    share = project.config.gc.share if share is None else share
    old, young = old_enough([_stored(one) for one in _of(found, "unneeded")], project.now(), grace)
    totals: dict[str, int] = {}
    for one in _of(found, "remote"):
        totals[one["remote"]] = totals.get(one["remote"], 0) + one["objects"]
    doubted = sum(one["doubted"] for one in _of(found, "remote"))
    return _require_share(Plan(view, needs, _named(project, old), totals, young, doubted, grace, share))


def execute(project: Project, plan: Plan) -> Plan:
    """Remove what the plan shows and is still unneeded; the plan of what went.

    Raises as `prepare`; `RaceError` when origin does not hold still; `FindingsError` when somebody recorded meanwhile
    what needs an object that went (ordering.md, O7: it is looked right before, and again after).
    """
    if not plan.objects:
        return plan
    with project.locked("gc --remote"):
        plan = _renewed(project, plan)
        project.on_step("remove")
        removed = _ask(project, "remove", {"objects": [asdict(one) for one in plan.objects]})
        gone = replace(plan, objects=both(map(_stored, removed), plan.objects))
        project.on_step("look again")
        if list_refs(project) != plan.needs.refs:
            _require_unneeded(project, gone)
    return gone


def _require_view(project: Project) -> None:
    """Refuse where this clone cannot know what is needed (facts.md, D11). Raises `RefusedError`."""
    if repository.is_shallow(project.worktree):
        raise RefusedError("a shallow clone lacks the history of old versions", hint="git fetch --unshallow")
    if project.remote is None:
        raise RefusedError("without a git remote, the needs of other clones are unknown")
    if not refs.list_refs(project.git, TAGS):
        raise RefusedError("this clone has no tags, so it has no versions", hint="git fetch --tags")


def _require_share(plan: Plan) -> Plan:
    if exceeds(len(plan.objects), plan.total, plan.share):
        raise RefusedError(
            f"{len(plan.objects)} of {counted(plan.total, 'object')} would be removed, more than {plan.share} %: "
            "does another repository keep its objects on this remote, too?",
            hint="use --dry-run --max-share 100 to look, and --max-share PERCENT to allow it",
        )
    return plan


def _renewed(project: Project, plan: Plan) -> Plan:
    """The plan, made anew while origin moves on; never more than was shown."""

    def attempt() -> Plan:
        nonlocal plan
        if list_refs(project) == plan.needs.refs:
            return plan
        fresh = prepare(project, grace=plan.grace, share=100)
        plan = replace(fresh, objects=both(plan.objects, fresh.objects), share=plan.share)
        raise StaleError("something was recorded meanwhile")

    return repeat(attempt, ATTEMPTS)


def _require_unneeded(project: Project, gone: Plan) -> None:
    view = read(project, fetch=True)
    needs = find_needs(project, view)
    lost = _of(_survey(project, needs, {one.md5 for one in gone.objects}), "lost")
    if lost:
        text = "{} was removed, but events recorded meanwhile need it"
        found = [Finding(Flaw.MISSING, one["md5"], text.format(one["md5"])) for one in lost]
        raise FindingsError(
            f"{counted(len(found), 'object')} must be pushed again", found, hint="lastgood repair", unchanged=False
        )


def _survey(project: Project, needs: Needs, taken: Iterable[str] = ()) -> list[dict[str, Any]]:
    return _ask(project, "survey", needs.request(project, taken))


def _ask(project: Project, job: str, more: Mapping[str, Any]) -> list[dict[str, Any]]:
    return project.store(".").ask(job, (), more, project.report_transfer)


def _of(found: Iterable[Mapping[str, Any]], kind: str) -> list[Mapping[str, Any]]:
    return [one for one in found if one["kind"] == kind]


def _stored(one: Mapping[str, Any]) -> Stored:
    return Stored(one["root"], one["remote"], one["md5"], one["legacy"], one["size"], one["modified"])


def _named(project: Project, objects: Sequence[Stored]) -> tuple[Stored, ...]:
    """The objects, each with what once named it here: DVC's files in this clone's history, the newest first."""
    if not objects:
        return ()
    wanted = {one.md5 for one in objects}
    named: dict[str, str] = {}
    for commit, path, content in history_of(project.git, PINNING):
        for md5 in hashes_in(content) & wanted:
            named.setdefault(md5, f"{path} of commit {commit[:12]} named it; {UNNEEDED} now")
    return tuple(replace(one, why=named.get(one.md5, one.why)) for one in objects)
