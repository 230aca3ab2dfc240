"""One run of the program: where it works, how it answers, what it warns of."""

import gc
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from lastgood.cli.output import json, text
from lastgood.cli.output.commands import typed
from lastgood.cli.output.progress import Progress
from lastgood.cli.output.streams import write
from lastgood.errors import Finding

if TYPE_CHECKING:
    from lastgood.core.registry import History
    from lastgood.machine.offline import Published
    from lastgood.project import Project
    from lastgood.registry.view import View


@dataclass
class Session:
    """`directory` is `-C`; `as_json` says that standard output takes one JSON document and nothing else."""

    directory: Path
    as_json: bool = False
    progress: Progress = field(default_factory=Progress)
    opened: "list[Project]" = field(default_factory=list)

    @classmethod
    def of(cls, context: typer.Context, *, as_json: bool) -> "Session":
        """The session of a command."""
        session: Session = context.obj
        session.as_json = as_json
        return session

    def open(self, root: Path | None = None, repository: str | None = None) -> "Project":
        """The project around the directory, or the serving host's directory `root`."""
        gc.enable()  # see `__main__`: what the command needs is imported
        from lastgood.project import Project

        if root is None:
            return self._begin(Project.open(self.directory))
        beside = self.directory / repository if repository else None
        url = str(beside) if beside is not None and beside.is_dir() else repository
        return self._begin(Project.serve(self.directory / root, url))

    def look(self, root: Path | None) -> "Project":
        """As `open`, for what is live here: no file of the working tree keeps from telling (`Project.look`)."""
        if root is not None:
            return self.open(root)
        gc.enable()  # as in `open`
        from lastgood.project import Project

        return self._begin(Project.look(self.directory))

    def discard(self) -> None:
        """Remove the places that this run made, where they hold nothing that counts."""
        for project in self.opened:
            if project.ground is not None:
                project.ground.clear()

    def _begin(self, project: "Project") -> "Project":
        self.opened = [project]
        project.report, project.report_transfer = self.progress.report, self.progress.transfer
        project.on_step = self.progress.step
        self.warn(project.notices)
        return project

    def answer(self, document: json.Document, words: str, *, one_line: bool = False) -> bool:
        """The answer, on standard output; whether all of it went out. `one_line` keeps JSON on one line."""
        self.progress.clear()
        return write("stdout", json.dump(document, one_line=one_line) if self.as_json else words)

    def print_beside(self, words: str) -> None:
        """Print on standard error, beside the answer."""
        self.progress.clear()
        write("stderr", words)

    def warn(self, found: Iterable[Finding]) -> None:
        """Findings that do not stop the command; each is said once."""
        for message in dict.fromkeys(finding.message for finding in found):
            self.print_beside(f"warning: {text.one_line(typed(message))}")

    def tell_published(self, published: "Published") -> None:
        """An act done while origin was out of reach, which origin has now."""
        self.print_beside(text.prose(published))

    def say_age(self, project: "Project", view: "View") -> None:
        """When origin was last asked, for people; JSON documents carry it as `as_of`."""
        if project.remote is None or self.as_json:
            return
        age = f"as of {text.when(view.as_of)}" if view.as_of else "as of this clone's last fetch"
        self.print_beside(age if view.origin is not None else f"{age} (--fetch asks {project.remote} now)")


def warnings_of(view: "View | None", histories: "Iterable[History]") -> tuple[Finding, ...]:
    """What concerns these artifacts: their own findings, and the registry's but for those about others' tags."""
    shown = tuple(histories)
    own = tuple(finding for history in shown for finding in history.findings)
    if view is None:
        return own
    others = (
        one for name, one in view.registry.artifacts.items() if name not in {history.artifact for history in shown}
    )
    tags = {event.tag for history in others for event in history.events}
    return (*(finding for finding in view.warnings if finding.subject not in tags), *own)
