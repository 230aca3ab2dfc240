"""`lastgood discount`: an event that a wrong clock dated ahead, taken out of count."""

from typing import TYPE_CHECKING, Annotated

import typer

from lastgood.cli import options
from lastgood.cli.output import json, text
from lastgood.cli.session import Session, warnings_of

if TYPE_CHECKING:
    from lastgood.cli.documents.discount import Document
    from lastgood.operations.discount import Discounted

Tag = Annotated[
    str, typer.Argument(metavar="TAG", help="The tag of an assignment or mark: 'flights#prod#7'.", show_default=False)
]
Right = Annotated[
    bool, typer.Option("--clock-is-right", help="Do it though most of the newest events are dated ahead, too.")
]


def discount(
    context: typer.Context,
    tag: Tag,
    reason: options.Reason = "",
    clock_is_right: Right = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Take an assignment or mark that is dated more than a day ahead out of count, for lastgood, gto and dvc.

    The journal keeps it, with who took it out of count, when and why; its tag is deleted on origin, and in every clone
    when it fetches next. Assignments that had to be dated after it go with it, and what the stage is assigned is
    recorded again with today's date. A rollback does not need this: it is dated after such an event.
    """
    from lastgood.operations.discount import discount as record_discount

    session = Session.of(context, as_json=as_json)
    project = session.open()
    done = record_discount(project, tag, reason, dry_run=dry_run, clock_is_right=clock_is_right)
    warned = warnings_of(done.view, [done.history]) if done.fulfilled else ()
    session.warn(warned)
    document: Document = {
        "artifact": done.history.artifact,
        "tag": done.tag,
        "stage": done.stage,
        "discounted": [] if done.fulfilled else [done.tag, *done.later],
        "from": done.before,
        "to": done.after,
        "fulfilled": done.fulfilled,
        **json.record(done.record),
        "dry_run": dry_run,
        "warnings": json.findings(warned),
    }
    session.answer(document, _text(done))


def _text(done: "Discounted") -> str:
    if done.fulfilled:
        return text.prose(f"nothing to do: {done.tag} was taken out of count already")
    names = ", ".join((done.tag, *done.later))
    if done.before == done.after:
        stage = f"{done.stage} stays assigned to {done.after}" if done.after else ""
    else:
        stage = f"{done.stage} goes from {done.before or 'nothing'} to {done.after or 'nothing'}"
    if done.dry_run:
        told = (
            f"dry run: would take {names} out of count; {stage}"
            if stage
            else f"dry run: would take {names} out of count"
        )
        return text.prose(f"{told}; nothing was changed")
    return text.paragraphs(
        text.prose(f"taken out of count: {names}"),
        text.fields([("recorded", ", ".join(done.record.tags))], indent=2),
        text.prose(
            f"{stage}; machines that follow it switch at their next sync" if done.before != done.after else stage
        ),
    )
