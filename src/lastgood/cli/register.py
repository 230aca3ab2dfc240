"""`lastgood register`: a new version."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lastgood.cli import options
from lastgood.cli.output import json, text
from lastgood.cli.session import Session
from lastgood.cli.show import manifest_document, manifest_text
from lastgood.errors import UsageError

if TYPE_CHECKING:
    from lastgood.cli.documents.register import Document
    from lastgood.operations.register import Registered

Version = Annotated[
    str | None,
    typer.Option("--version", metavar="vX.Y.Z", help="The version; else the next one.", show_default=False),
]
Bump = Annotated[
    Literal["major", "minor", "patch"] | None,
    typer.Option("--bump", metavar="major|minor|patch", help="Which part to raise; patch.", show_default=False),
]
Text = Annotated[
    str,
    typer.Option("--message", "-m", metavar="TEXT", help="What is new; recorded with the version.", show_default=False),
]
PushBranch = Annotated[bool, typer.Option("--push-branch", help="Push the branch along with the version's tag.")]


def register(
    context: typer.Context,
    name: options.Name = None,
    version: Version = None,
    bump: Bump = None,
    message: Text = "",
    push_branch: PushBranch = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
) -> None:
    """Register the checked-out commit as a version of an artifact, unless it could not be restored elsewhere.

    The tree must be clean, the pipeline reproduced, the gate passed and every object on the DVC remote; what is missing
    there is pushed. Tag, manifest and journal go out in one push. If any step fails nothing stays behind.
    """
    if version and bump:
        raise UsageError("--version and --bump cannot be combined", hint="use one of them")
    from lastgood.operations.register import Request
    from lastgood.operations.register import register as record_version

    session = Session.of(context, as_json=as_json)
    project = session.open()
    done = record_version(project, Request(name, version, bump, message, push_branch), dry_run=dry_run)
    session.warn(done.warnings)
    session.answer(_document(done), _text(done))


def _document(done: "Registered") -> "Document":
    return {
        "artifact": done.manifest.artifact,
        "version": done.manifest.version,
        "commit": done.manifest.commit,
        "manifest": manifest_document(done.manifest),
        "uploaded": list(done.uploaded),
        **json.record(done.record),
        "dry_run": done.dry_run,
        "warnings": json.findings(done.warnings),
    }


def _text(done: "Registered") -> str:
    name = f"{done.manifest.artifact}@{done.manifest.version}"
    uploaded = f"uploaded {text.count(len(done.uploaded), 'object')}" if done.uploaded else "nothing to upload"
    return text.paragraphs(
        f"dry run: could register {name}; nothing was changed" if done.dry_run else f"registered {name}",
        manifest_text(done.manifest),
        "" if done.dry_run else f"{uploaded} to the DVC remote",
        "" if done.dry_run else f"next: lastgood assign {name} --stage STAGE --reason TEXT",
    )
