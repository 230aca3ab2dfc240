"""Every error that lastgood raises on purpose, with its exit code; what it does not hold is a bug (exit code 70)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Flaw(StrEnum):
    """What kind of thing is not as it must be; the values stand in JSON."""

    BAD_HASH = "bad-hash"
    BEHIND = "behind"
    BRANCH = "branch"
    BROKEN_RELEASE = "broken-release"
    CHANGED = "changed"
    CHANGED_DATA = "changed-data"
    CHANGED_STAGE = "changed-stage"
    CLOCK = "clock"
    CLOUD_VERSIONED = "cloud-versioned"
    CODE = "code"
    COLLISION = "collision"
    CORRUPTED = "corrupted"
    DANGLING_LINK = "dangling-link"
    DATED = "dated"
    DELETED = "deleted"
    DIFFERS = "differs"
    DIRTY = "dirty"
    DISAGREES = "disagrees"
    DISCOUNTED = "discounted"
    DVC = "dvc"
    ENVIRONMENT = "environment"
    EXTERNAL = "external"
    FAILED = "failed"
    FOREIGN_PLACE = "foreign-place"
    FUTURE = "future"
    GIT = "git"
    GONE_BACK = "gone-back"
    INCOMPLETE = "incomplete"
    JOURNAL = "journal"
    LAYOUT = "layout"
    LIMITS = "limits"
    LOCK = "lock"
    MANIFEST = "manifest"
    MISSING = "missing"
    MOVED = "moved"
    NO_ARTIFACT = "no-artifact"
    NO_HASH = "no-hash"
    NO_LOCK = "no-lock"
    NO_OUTPUT = "no-output"
    NOT_IN_GIT = "not-in-git"
    NOT_PUSHED = "not-pushed"
    ORDER = "order"
    PATH = "path"
    PENDING = "pending"
    PROJECT = "project"
    PYTHON = "python"
    REFUSED = "refused"
    REMOTE = "remote"
    RUNS_CODE = "runs-code"
    SETTINGS = "settings"
    SIGNER = "signer"
    SIZE = "size"
    SPECIAL = "special"
    STABLE = "stable"
    STRANGE_LINK = "strange-link"
    STRAY = "stray"
    TRACKED = "tracked"
    UNCOMMITTED = "uncommitted"
    UNJOURNALED = "unjournaled"
    UNKNOWN = "unknown"
    UNKNOWN_REMOTE = "unknown-remote"
    UNMOVED_PLACE = "unmoved-place"
    UNPINNED = "unpinned"
    UNPUBLISHED = "unpublished"
    UNREACHABLE = "unreachable"
    UNREAD = "unread"
    UNREADABLE = "unreadable"
    UNSAFE_PATH = "unsafe-path"
    UNSIGNED = "unsigned"
    UV = "uv"
    WITHDRAWN = "withdrawn"
    WRITABLE = "writable"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be; `subject` names it (a path, a tag, a version)."""

    kind: Flaw
    subject: str
    message: str

    def __str__(self) -> str:
        return self.message

    @classmethod
    def from_json(cls, document: Mapping[str, str]) -> "Finding":
        """The finding whose fields an object holds. Raises `ValueError` for an unknown kind."""
        return cls(Flaw(document["kind"]), document["subject"], document["message"])


def counted(number: int, noun: str) -> str:
    """`1 finding`, `2 findings`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def named(items: Sequence[object], most: int = 5) -> str:
    """`a, b and 3 more`: as many as fit on a line."""
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(map(str, items[:most])) + more


class LastgoodError(Exception):
    """Something failed; the message says what. Exit code 1."""

    exit_code = 1
    name = "failed"
    hint = ""
    unchanged = False
    """Whether it is known that nothing was changed. The boundary says so, in commands that change things."""

    def __init__(self, message: str, *, hint: str = "", unchanged: bool | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or type(self).hint
        self.unchanged = type(self).unchanged if unchanged is None else unchanged


class UsageError(LastgoodError):
    """The command line or a configuration file is wrong."""

    exit_code = 2
    name = "usage"
    unchanged = True


class FindingsError(LastgoodError):
    """A version cannot be restored, or `verify` found something; all findings at once."""

    exit_code = 3
    name = "findings"
    unchanged = True

    def __init__(
        self, message: str, findings: Sequence[Finding], *, hint: str = "", unchanged: bool | None = None
    ) -> None:
        super().__init__(message, hint=hint, unchanged=unchanged)
        self.findings = tuple(findings)


class RaceError(LastgoodError):
    """Somebody else was faster and what this command wanted no longer makes sense."""

    exit_code = 4
    name = "lost race"
    unchanged = True


class NotCarriedOutError(LastgoodError):
    """Failed while carrying out, before anything was recorded; the former release is live."""

    exit_code = 5
    name = "not carried out"
    unchanged = True


class UnhealthyError(LastgoodError):
    """Switched, but the health command fails on the release that is live now."""

    exit_code = 6
    name = "unhealthy"


class UnfinishedError(LastgoodError):
    """Recorded, but not carried out everywhere; the hint is the command that finishes it."""

    exit_code = 7
    name = "unfinished"


class NotAProjectError(LastgoodError):
    """The directory is not inside a git repository with a DVC project."""

    exit_code = 10
    name = "not a project"
    unchanged = True


class LockedError(LastgoodError):
    """Another process works in this directory of lastgood, or holds a lock of git; the message names it."""

    exit_code = 11
    name = "locked"
    unchanged = True


class UnknownError(LastgoodError):
    """No such artifact, version or stage, or nothing is assigned to the stage."""

    exit_code = 12
    name = "unknown"
    unchanged = True


@dataclass(frozen=True, slots=True)
class Rejected:
    """A version that was looked at and not taken, and why."""

    version: str
    why: str


class NoGoodVersionError(LastgoodError):
    """There is no version that policy accepts to go back to; the candidates say why not."""

    exit_code = 13
    name = "no good version"
    unchanged = True

    def __init__(self, message: str, candidates: Sequence[Rejected], *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.candidates = tuple(candidates)


class RefusedError(LastgoodError):
    """Refused by policy; nothing changed."""

    exit_code = 14
    name = "refused"
    unchanged = True


class StaleError(Exception):
    """Not an error for users: what was read is no longer the newest, so it is read and planned again
    (`registry.races`). Nothing was changed."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class PushRefusedError(LastgoodError):
    """Origin refused the push; `message` carries the server's words."""


class NotWritableError(LastgoodError):
    """Our own directory is another user's, or cannot be written for another reason."""

    unchanged = True


class UnreachableError(LastgoodError):
    """A remote did not answer, or not in time."""

    name = "unreachable"


class AbsentRemoteError(UnreachableError):
    """Where a DVC remote should be there is nothing at all: its disk is not mounted, or it is new, or lost."""
