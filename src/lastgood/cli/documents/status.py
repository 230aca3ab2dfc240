"""The document of `lastgood status`."""

from typing import TypedDict

from lastgood.cli.documents import parts
from lastgood.cli.documents.parts import Act, Finding, Read, Warned


class Output(TypedDict):
    """An output in the working tree; `versions` have its content."""

    path: str
    state: str
    versions: list[str]
    special: str | None


class Worktree(TypedDict):
    """The working tree; `code` are the versions of its commit. `whole`: its outputs are theirs, nothing is edited."""

    commit: str | None
    branch: str | None
    version: str | None
    whole: bool
    code: list[str]
    outputs: list[Output]
    dirty: list[str]
    interrupted: str | None


class Stage(TypedDict):
    """A stage, what it is assigned and what is live here; `next` is the command to type, `files` how many were placed
    in which way. `damaged`: what is live is not what was built, as far as that shows without hashing.
    `unhealthy`: what the health command said of what is live, if it failed when it was last run."""

    artifact: str
    stage: str
    assigned: str | None
    mark: str | None
    failed: str | None
    next: str | None
    live: str | None
    partial: bool
    path: str | None
    followed: bool
    waiting: bool
    damaged: bool
    unhealthy: str | None
    finish: str | None
    pending: list[Act]
    files: dict[str, int] | None
    problems: list[Finding]


class Failure(parts.Failure, total=False):
    """`findings`: with `--exit-code`, what keeps the working tree from being one version."""

    findings: list[Finding]


class Document(Failure, Read, Warned):
    """Where everything stands; on a serving host there is no working tree."""

    worktree: Worktree | None
    stages: list[Stage]
    waiting: bool
