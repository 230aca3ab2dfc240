"""`lastgood status`: where everything stands."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, cast

import typer

from lastgood.cli import options
from lastgood.cli.output import json, text
from lastgood.cli.output.commands import typed
from lastgood.cli.session import Session
from lastgood.errors import Finding, FindingsError, Flaw, UnfinishedError, UnhealthyError

if TYPE_CHECKING:
    from lastgood.cli.documents import status as documents
    from lastgood.errors import LastgoodError
    from lastgood.operations.status import StageStatus, Status, Worktree
    from lastgood.project import Project

ExitCode = Annotated[
    bool, typer.Option("--exit-code", help="Exit with 3 unless the working tree is one version, whole.")
]


def status(
    context: typer.Context,
    fetch: options.Fetch = False,
    exit_code: ExitCode = False,
    root: options.Root = None,
    as_json: options.Json = False,
) -> None:
    """Tell what the working tree holds, what each stage is assigned, what is live here and what waits.

    Exits with 6 while the health command fails on what is live, as it did when it was last run (by sync or rollback).
    Exits with 7 when something recorded is not carried out on this machine, or when a stage that it follows is assigned
    a version that is marked failed, or what is live is damaged (a file is gone, or has another size, time or inode; to
    hash is verify --deep), and names the command that comes next.
    """
    from lastgood.operations.status import status as look

    session = Session.of(context, as_json=as_json)
    project = session.look(root)
    seen = look(project, fetch=fetch)
    session.warn((*seen.findings, *(problem for stage in seen.stages for problem in stage.problems)))
    session.say_age(project, seen.view)
    failure = _failure(seen, strict=exit_code)
    session.answer(_document(project, seen, failure), _text(seen))
    if failure is not None:
        raise typer.Exit(failure.exit_code)


def _failure(seen: "Status", *, strict: bool) -> "LastgoodError | None":
    """What the exit code says: the working tree, where that was asked for, before this machine's stages."""
    tree = seen.worktree
    if strict and (unread := [one for one in seen.findings if one.kind == Flaw.UNREADABLE]):
        return FindingsError("the working tree cannot be told", unread)
    if strict and tree is not None and not tree.whole:
        found = [Finding(Flaw.DIRTY, path, f"{path} is not as committed") for path in tree.dirty]
        found += [
            Finding(Flaw(one.state), one.path, one.special or f"{one.path} is {one.state}")
            for one in tree.outputs
            if one.state != OK
        ]
        return FindingsError("the working tree does not match one version", found, hint="lastgood checkout REF")
    if sick := [stage for stage in seen.stages if stage.unhealthy]:
        told = "; ".join(map(_sick_text, sick))
        next_step = sick[0].finish or f"lastgood sync {sick[0].artifact} --stage {sick[0].stage}, which asks again"
        return UnhealthyError(told, hint=next_step)
    waiting = [stage for stage in seen.stages if stage.waiting]
    if unpublished := [stage.pending[-1] for stage in waiting if stage.pending]:
        told = "; ".join(map(str, unpublished))
        return UnfinishedError(f"carried out here, but not published: {told}", hint=unpublished[0].finish)
    if failed := [stage for stage in waiting if stage.failed]:
        told = "; ".join(f"{stage.failed}, and {_live_text(stage)}" for stage in failed)
        return UnfinishedError(told, hint=failed[0].leave or "")
    if damaged := [stage for stage in waiting if stage.damaged]:
        names = ", ".join(f"{stage.stage} of {stage.artifact}" for stage in damaged)
        return UnfinishedError(f"what is live here is damaged: {names}", hint=damaged[0].finish or "")
    if waiting:
        names = ", ".join(f"{stage.stage} of {stage.artifact}" for stage in waiting)
        return UnfinishedError(f"recorded, but not carried out here: {names}", hint=waiting[0].finish or "")
    return None


def _sick_text(stage: "StageStatus") -> str:
    """What the health command last said of what is live in a stage."""
    return f"{stage.artifact} {stage.live} is live in {stage.stage}, but the health command fails: {stage.unhealthy}"


def _live_text(stage: "StageStatus") -> str:
    """What is live here in a stage whose assigned version is marked failed."""
    return f"{stage.live} is live here" if stage.live else "nothing is live here"


OK = "as recorded"


def _document(project: "Project", seen: "Status", failure: "LastgoodError | None") -> "documents.Document":
    tree = seen.worktree
    return {
        **cast("documents.Failure", json.failure(failure)),
        "worktree": None if tree is None else _tree_document(tree),
        "stages": [_stage_document(stage) for stage in seen.stages],
        "waiting": any(stage.waiting for stage in seen.stages),
        "as_of": json.moment(seen.view.as_of),
        "warnings": json.findings((*project.notices, *seen.findings)),
    }


def _tree_document(tree: "Worktree") -> "documents.Worktree":
    return {
        "commit": tree.commit,
        "branch": tree.branch,
        "version": tree.version,
        "whole": tree.whole,
        "code": list(tree.code),
        "outputs": [
            {"path": one.path, "state": one.state, "versions": list(one.versions), "special": one.special}
            for one in tree.outputs
        ],
        "dirty": list(tree.dirty),
        "interrupted": tree.interrupted,
    }


def _stage_document(stage: "StageStatus") -> "documents.Stage":
    return {
        "artifact": stage.artifact,
        "stage": stage.stage,
        "assigned": stage.assigned,
        "mark": stage.judgement,
        "failed": stage.failed.message if stage.failed else None,
        "next": typed(stage.finish or stage.leave or "") or None,
        "live": stage.live,
        "partial": stage.partial,
        "path": stage.path,
        "followed": stage.followed,
        "waiting": stage.waiting,
        "damaged": stage.damaged,
        "unhealthy": text.without_secrets(stage.unhealthy) if stage.unhealthy else None,
        "finish": typed(stage.finish) if stage.finish else None,
        "pending": [json.act(one) for one in stage.pending],
        "files": None if stage.live is None else dict(stage.placed),
        "problems": json.findings(stage.problems),
    }


def _text(seen: "Status") -> str:
    finish = [
        f"  {typed(str(stage.finish))}"
        for stage in seen.stages
        if stage.waiting and not stage.pending and not stage.failed
    ]
    publish = [f"  {typed(str(stage.finish))}" for stage in seen.stages if stage.pending]
    return text.paragraphs(
        _tree_text(seen.worktree) if seen.worktree else "",
        _stages_text(seen.stages),
        *(text.prose(_sick_text(stage)) for stage in seen.stages if stage.unhealthy),
        *(_failed_text(stage) for stage in seen.stages if stage.failed),
        "waiting; to carry it out here:" if finish else "",
        *finish,
        *(text.prose(act) for stage in seen.stages for act in stage.pending),
        "not published yet; when the git remote is back:" if publish else "",
        *publish,
    )


def _tree_text(tree: "Worktree") -> str:
    where = f"{(tree.commit or 'no commit')[:12]} ({tree.branch or 'detached'})"
    if tree.version and tree.whole:
        return text.prose(f"working tree: code, data and model are {tree.version}; {where}")
    if tree.commit is None:
        return f"working tree: no commit yet ({tree.branch or 'detached'})"
    told = (
        f"code is {', '.join(tree.code)}, but some outputs or files differ"
        if tree.code
        else "its commit is not a version"
    )
    rows = [(one.path, one.state, one.special or ", ".join(one.versions) or "-") for one in tree.outputs]
    return text.paragraphs(
        text.prose(f"working tree: {told}; {where}"),
        f"  interrupted: lastgood checkout {text.one_line(tree.interrupted)}" if tree.interrupted else "",
        text.table(rows, ("OUTPUT", "STATE", "CONTENT OF"), indent=2) if rows else "",
        _few("not committed", tree.dirty),
        f"  to restore them: lastgood checkout {tree.code[0]}" if tree.code and not tree.interrupted else "",
    )


def _few(title: str, paths: Sequence[str], most: int = 10) -> str:
    more = f"and {len(paths) - most} more" if len(paths) > most else ""
    return text.fields([(title, "; ".join((*paths[:most], *([more] if more else []))))], indent=2)


def _stages_text(stages: "Sequence[StageStatus]") -> str:
    rows = [
        (
            stage.artifact,
            stage.stage,
            f"{stage.assigned} {stage.judgement}" if stage.assigned else "-",
            f"{stage.live} (partial)" if stage.partial else stage.live or "-",
            _here(stage),
        )
        for stage in stages
    ]
    if not rows:
        return "no stage is assigned"
    return text.paragraphs(
        text.table(rows, ("ARTIFACT", "STAGE", "ASSIGNED", "LIVE HERE", "THIS MACHINE")),
        *(_files_text(stage) for stage in stages if stage.placed),
    )


def _failed_text(stage: "StageStatus") -> str:
    """That no sync brings the stage's version, what is live instead, and how to leave it."""
    return text.paragraphs(
        text.prose(f"{stage.failed}; {_live_text(stage)}; to leave it:"), f"  {typed(str(stage.leave))}"
    )


def _here(stage: "StageStatus") -> str:
    if stage.pending:
        return "not published"
    if stage.waiting and stage.failed:
        return "to roll back"
    if stage.waiting and stage.damaged:
        return "damaged"
    return "waiting" if stage.waiting else "followed" if stage.followed else "not followed"


def _files_text(stage: "StageStatus") -> str:
    """How the files of what is live were placed: two names for one place on disk, or bytes of their own."""
    ways = ", ".join(f"{count} {how}" for how, count in stage.placed)
    return text.prose(f"{stage.artifact} {stage.live} in {stage.stage}, files: {ways}", indent=2)
