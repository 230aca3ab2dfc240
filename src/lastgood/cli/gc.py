"""`lastgood gc --remote`: objects on the DVC remote that nothing needs."""

from typing import TYPE_CHECKING, Annotated

import typer

from lastgood.cli import options
from lastgood.cli.output import json, streams, text
from lastgood.cli.session import Session
from lastgood.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from lastgood.cli.documents.gc import Document
    from lastgood.core.needed import Stored
    from lastgood.operations.gc import Plan
    from lastgood.project import Project

ONE = {"versions": "version", "branches": "branch", "tags": "tag", "journal entries": "journal entry"}
MOST = 20
"""Objects that the text names; JSON has them all."""

Remote = Annotated[bool, typer.Option("--remote", help="Clean the DVC remote; there is nothing else to clean yet.")]
Yes = Annotated[bool, typer.Option("--yes", help="Remove without asking; needed where nobody can be asked.")]
Grace = Annotated[
    int | None,
    typer.Option(
        "--grace",
        metavar="HOURS",
        min=0,
        help="Leave what came within so many hours; else as lastgood.toml says.",
        show_default=False,
    ),
]
Share = Annotated[
    int | None,
    typer.Option(
        "--max-share",
        metavar="PERCENT",
        min=0,
        max=100,
        help="Refuse to remove more than this part of all objects; else as lastgood.toml says.",
        show_default=False,
    ),
]


def gc(
    context: typer.Context,
    remote: Remote = False,
    yes: Yes = False,
    grace: Grace = None,
    max_share: Share = None,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Remove from the DVC remote what no version, branch, tag or journal entry on origin needs.

    It asks origin what there is now, reads everything that a ref leads to in two ways, and takes only what neither of
    them needs, after showing it and asking. It refuses where it cannot know: in a shallow clone, in one without tags,
    with a version or listing that cannot be read, and when more than a share of all objects would go. Do not use it on
    a remote that other repositories use, too. `prune` removes releases here.
    """
    from lastgood.operations.gc import execute, prepare

    if not remote:
        raise UsageError("gc needs a target: --remote", hint="lastgood gc --remote, or lastgood prune")
    session = Session.of(context, as_json=as_json)
    project = session.open()
    plan = prepare(project, grace=grace, share=max_share)
    if not dry_run and plan.objects:
        if not yes:
            _confirm(session, plan)
        plan = execute(project, plan)
    session.warn(plan.view.warnings)
    session.answer(_document(project, plan, dry_run=dry_run), _text(plan, dry_run=dry_run, shown=not yes))


def _confirm(session: Session, plan: "Plan") -> None:
    """Show what would go, and ask. Raises `RefusedError` where there is nobody to ask, or the answer is no."""
    hint = "add --yes to remove without asking, or --dry-run to look"
    if session.as_json or not (streams.is_terminal("stdin") and streams.is_terminal("stderr")):
        raise RefusedError(f"{_what(plan)} would be removed, and there is no terminal to ask", hint=hint)
    session.print_beside(_table(plan))
    if not streams.ask(f"remove {_what(plan)} for good?"):
        raise RefusedError("not confirmed", hint=hint)


def _document(project: "Project", plan: "Plan", *, dry_run: bool) -> "Document":
    now = project.now()
    return {
        "objects": [
            {
                "root": one.root,
                "remote": one.remote,
                "md5": one.md5,
                "legacy": one.legacy,
                "size": one.size,
                "modified": one.modified,
                "why": one.why,
                "age": None if one.modified is None else round(now - one.modified),
            }
            for one in plan.objects
        ],
        "removed": 0 if dry_run else len(plan.objects),
        "bytes": plan.bytes,
        "total": plan.total,
        "remotes": dict(plan.totals),
        "young": plan.young,
        "doubted": plan.doubted,
        "looked_at": dict(plan.looked_at),
        "grace": plan.grace,
        "max_share": plan.share,
        "dry_run": dry_run,
        "as_of": json.moment(plan.view.as_of),
        "warnings": json.findings(plan.view.warnings),
    }


def _text(plan: "Plan", *, dry_run: bool, shown: bool) -> str:
    *most, last = (f"{number} {ONE[noun] if number == 1 else noun}" for noun, number in plan.looked_at.items())
    kept = plan.total - len(plan.objects) - plan.young
    needed = (
        f"keeping {text.count(kept, 'object')}, referenced by {', '.join(most)} and {last} on origin, or by this clone"
    )
    young = f"keeping {text.count(plan.young, 'object')} of the last {plan.grace} hours, which may be needed soon"
    said = [text.prose(needed), text.prose(young) if plan.young else ""]
    if not plan.objects:
        rest = "nothing else to do" if plan.young else "nothing to do: every object on the remote is needed"
        return text.paragraphs(*said, rest)
    table = _table(plan) if dry_run or not shown else ""
    end = f"dry run: would remove {_what(plan)}; nothing was changed" if dry_run else f"removed {_what(plan)}"
    return text.paragraphs(table, *said, end)


def _what(plan: "Plan") -> str:
    size = "" if plan.bytes is None else f", {text.size(plan.bytes)}"
    return f"{len(plan.objects)} of {text.count(plan.total, 'object')}{size}"


def _table(plan: "Plan") -> str:
    rows = [(one.md5[:12], one.remote, text.size(one.size), one.why) for one in _largest(plan)]
    more = len(plan.objects) - len(rows)
    return text.paragraphs(
        text.table(rows, ("OBJECT", "REMOTE", "SIZE", "REASON")),
        f"and {text.count(more, 'smaller object')} (--json names them all)" if more else "",
    )


def _largest(plan: "Plan") -> "list[Stored]":
    return sorted(plan.objects, key=lambda one: -(one.size or 0))[:MOST]
