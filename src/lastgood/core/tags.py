"""The grammar of tag names, GTO's (gto/constants.py, `tag_re`), and names of artifacts. It reads no tag object."""

import re
from enum import StrEnum
from typing import NamedTuple

from lastgood.core.version import PATTERN as VERSION

NAME = r"[a-zA-Z0-9](?:[a-zA-Z0-9_/-]*[a-zA-Z0-9])?"
_DIRECTORY = r"[a-zA-Z0-9_./-]+"
_TAG = re.compile(
    rf"(?P<artifact>(?:{_DIRECTORY}=)?{NAME})"
    rf"(?:(?:#(?P<stage>{NAME})|@(?P<version>{VERSION}))(?P<undo>!?)|@(?P<deprecated>deprecated))"
    r"(?:#(?P<counter>[0-9]+))?"
)
_ARTIFACT = re.compile(rf"(?:{_DIRECTORY}:)?{NAME}")
_STAGE = re.compile(NAME)

TAGS = "refs/tags/"
MOST_DIGITS = 15
"""A counter with more digits is ignored: the next one would soon be too long for a ref's name, and nobody could
record."""


class Action(StrEnum):
    """The action of a tag in GTO's grammar. Deregistrations and deprecations are read and never written. So are
    unassignments, except that of a stage's only version (docs/design/decisions.md)."""

    REGISTER = "register"
    ASSIGN = "assign"
    DEREGISTER = "deregister"
    UNASSIGN = "unassign"
    DEPRECATE = "deprecate"


class TagName(NamedTuple):
    """A parsed tag name; `artifact` is the name as the command line writes it (`path/to:name`)."""

    action: Action
    artifact: str
    version: str | None = None
    stage: str | None = None
    counter: int | None = None


def parse(name: str) -> TagName | None:
    """The parsed name of the tag called `name` (without `refs/tags/`), or `None` for a tag that is neither lastgood's
    nor GTO's.

    Two differences to GTO, on purpose: `NAME@created`, which makes GTO crash, and digits outside of ASCII are not
    parsed.
    """
    match = _TAG.fullmatch(name)
    if match is None:
        return None
    artifact, stage, version, undo, deprecated, digits = match.groups("")
    if deprecated:
        action = Action.DEPRECATE
    elif version:
        action = Action.DEREGISTER if undo else Action.REGISTER
    else:
        action = Action.UNASSIGN if undo else Action.ASSIGN
    counter = int(digits) if 0 < len(digits) <= MOST_DIGITS else None
    return TagName(action, artifact.replace("=", ":"), version or None, stage or None, counter)


def artifact_of(name: str) -> str | None:
    """The artifact of the tag called `name`, or `None`."""
    parsed = parse(name)
    return parsed.artifact if parsed else None


def counter_of(name: str) -> int:
    """The counter in a tag's name; 0 if there is none."""
    parsed = parse(name)
    return parsed.counter or 0 if parsed else 0


def version_tag(artifact: str, version: str) -> str:
    """The name of the tag for this version."""
    return f"{artifact.replace(':', '=')}@{version}"


def stage_tag(artifact: str, stage: str, counter: int) -> str:
    """The name of the tag that assigns a stage, or marks when the stage is `stable` or `failed`."""
    return f"{artifact.replace(':', '=')}#{stage}#{counter}"


def is_artifact(name: str) -> bool:
    """Whether `name` is a valid artifact name."""
    return _ARTIFACT.fullmatch(name) is not None


def is_stage(name: str) -> bool:
    """Whether `name` is a valid stage name."""
    return _STAGE.fullmatch(name) is not None


def file_name(artifact: str) -> str:
    """The artifact's name as one component of a path or ref, without collisions: `/` is `+` and `:` is `=`.

    Refs with a common prefix collide (`a` and `a/b`), so the journal's ref uses it too.
    """
    return artifact.replace("/", "+").replace(":", "=")


def from_file_name(name: str) -> str:
    """The inverse of `file_name`."""
    return name.replace("+", "/").replace("=", ":")


def split_artifact(name: str) -> tuple[str, str]:
    """The directory of the `dvc.yaml` (`""` at the git root) and the name inside it."""
    directory, _, short = name.rpartition(":")
    return directory, short
