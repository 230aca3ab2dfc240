"""What several documents have in common. `object` is any JSON value; times are ISO 8601 with their offset."""

from typing import Literal, NotRequired, TypedDict

from lastgood.core.events import Kind
from lastgood.core.manifest import Storage
from lastgood.core.offline import Outcome

Move = TypedDict("Move", {"from": str, "to": str})
"""The version that is left, and the one that takes its place."""

MaybeMove = TypedDict("MaybeMove", {"from": str | None, "to": str | None})
"""As `Move`, where either may be absent."""

Values = TypedDict("Values", {"from": object, "to": object})
"""A value in the older and in the newer version; null where it has none."""

From = TypedDict("From", {"from": str | None})
"""The version that was left."""

Origin = TypedDict("Origin", {"from": str})
"""What something was restored from."""


class Finding(TypedDict):
    """One thing that is not as it must be; `subject` names it (a path, a tag, a version)."""

    kind: str
    subject: str
    message: str


class Rejected(TypedDict):
    """A version that a rollback does not go to."""

    version: str
    why: str


class Failure(TypedDict, total=False):
    """What a command adds to its document when it also failed: the keys of the error document."""

    error: str
    code: int
    message: str
    hint: str | None
    changed: Literal[False] | None


class Read(TypedDict):
    """`as_of`: when origin was last asked; null where that is not known."""

    as_of: str | None


class Warned(TypedDict):
    """What the command warned of."""

    warnings: list[Finding]


class Recorded(TypedDict):
    """The tags of the transaction, none if nothing was recorded, and whether origin has them."""

    tags: list[str]
    published: bool


class Event(From):
    """One event of the journal, or of a tag that is not in it."""

    kind: Kind
    artifact: str
    version: str
    stage: str | None
    actor: str
    at: str
    reason: str
    trigger: str | None
    tag: str | None
    added_by: Literal["lastgood"] | None
    added_with: str | None
    adopted: bool
    external: bool
    commit: str | None
    occurred: str | None
    superseded_by: str | None
    cause: str | None


class Act(Move):
    """A rollback done here that is not published yet; `finish` is the command that publishes it."""

    id: str
    artifact: str
    stage: str
    actor: str
    reason: str
    occurred: str | None
    finish: str


class Published(Act, Recorded):
    """A rollback done here earlier that origin has now, and what the stage is assigned since."""

    outcome: Outcome
    assigned: str | None


class Version(TypedDict):
    """One version in a list."""

    version: str
    commit: str
    mark: str
    stages: list[str]
    registered_at: str | None
    registered_by: str
    metrics: dict[str, object] | None
    adopted: bool
    external: bool
    deregistered: bool


class Output(TypedDict):
    """One output of a manifest; `path` is relative to the git root, `size` in bytes, `files` counts files."""

    path: str
    md5: str
    sha256: str | None
    size: int | None
    files: int | None
    storage: Storage


class Environment(TypedDict):
    """The version of Python, the path of the lock file and its digest."""

    python: str | None
    lock: str | None
    digest: str | None


class Manifest(TypedDict):
    """What a version pins. `digest` is that of the recorded manifest. `needed`: the outputs that the artifact needs,
    where these are not all."""

    needed: NotRequired[list[str]]
    schema: Literal[1]
    artifact: str
    version: str
    commit: str
    tree: str
    project: str
    path: str
    outputs: list[Output]
    data: list[str]
    metrics: dict[str, object]
    parameters: dict[str, object]
    environment: Environment
    digest: str


class Package(MaybeMove):
    """A package of the environment locks; null where a version does not lock it."""

    name: str


class EnvironmentChange(TypedDict):
    """What differs between the environments of two versions."""

    python: MaybeMove
    packages: list[Package]
