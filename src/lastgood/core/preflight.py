"""Whether a version can be restored: facts in, findings out; who gathers the facts is `operations`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from lastgood.core.manifest import Manifest, Output
from lastgood.core.registry import History, Version
from lastgood.core.selection import pins_artifact
from lastgood.errors import Finding, FindingsError, Flaw, UsageError

DOUBTFUL = frozenset({Flaw.MOVED, Flaw.DELETED, Flaw.UNJOURNALED, Flaw.DISAGREES, Flaw.WITHDRAWN})
"""What a tag must not be for its version to be restored. `withdrawn`: origin no longer has it, while a stage there is
assigned to its commit."""

LISTED = 1 << 13
"""More bytes than one member takes in a listing: a path of 4 KiB, escaped."""


@dataclass(frozen=True, slots=True)
class Missing:
    """An object of an output that is not where it was looked for; `member` is its path inside a directory."""

    output: Output
    md5: str
    member: str | None = None

    @property
    def path(self) -> PurePosixPath:
        """The file's path in a release."""
        return self.output.path / self.member if self.member else self.output.path

    def may_have(self, size: int, *, partly: bool = False) -> bool:
        """Whether an object of `size` bytes, or `partly` of at least so many, can be this one, as far as the version
        records sizes: a file has its own, a member at most its directory's."""
        output = self.output
        if output.is_directory and self.member is None:
            return output.files is None or size <= LISTED * (output.files + 1)
        if output.size is None:
            return True
        return size <= output.size if output.is_directory or partly else size == output.size


@dataclass(frozen=True, slots=True)
class Corrupted:
    """An object that a remote holds with another content than its name says."""

    need: Missing
    remote: str

    @property
    def text(self) -> str:
        """What is wrong, without the version."""
        return f"object {self.need.md5} on remote `{self.remote}` is corrupted"


@dataclass(frozen=True, slots=True)
class Code:
    """What a commit holds, as far as its version can be restored only with it.

    `modes` are git's file modes by path; `strange` are submodules and LFS pointers, `reserved` names of lastgood's own
    at the root; `lock` is the digest of the environment lock, `None` without the file; `unfit` is what keeps code and
    outputs from lying in one directory (`core.fitting`).
    """

    tree: str
    modes: Mapping[str, str]
    strange: Sequence[str] = ()
    reserved: Sequence[str] = ()
    lock: str | None = None
    unfit: Sequence[Finding] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a version's restorability. `None` for code that cannot be had, and for a place that was not
    asked. `built` says that a verified release of it stands here: then only `reserved` of the code is looked at."""

    manifest: Manifest
    code: Code | None
    built: bool = False
    missing_here: Sequence[Missing] | None = None
    missing_on_remote: Sequence[Missing] | None = None


def check_tags(history: History, version: Version) -> tuple[Finding, ...]:
    """What is wrong with the tags of this version: moved, deleted, gone on origin, at odds with itself, or not in the
    journal though lastgood's."""
    tag = version.event.tag
    return tuple(
        one
        for one in history.findings
        if one.subject == tag
        and one.kind in {Flaw.MOVED, Flaw.DELETED, Flaw.UNJOURNALED, Flaw.DISAGREES, Flaw.WITHDRAWN}
    )


def require_as_registered(history: History, version: Version) -> None:
    """Raise `FindingsError` for a version whose tag is not what was registered."""
    tampered = check_tags(history, version)
    if tampered:
        name = f"{history.artifact} {version.text}"
        message = f"{name} is not what was registered: {'; '.join(map(str, tampered))}"
        raise FindingsError(message, tampered, hint="lastgood verify")


def require_reason(reason: str, what: str, *, dry_run: bool = False) -> None:
    """Raise `UsageError` for an event without a reason: nobody could tell later why it was recorded."""
    if not reason.strip() and not dry_run:
        raise UsageError(f"{what} needs a reason", hint="--reason TEXT")


def check(version: Version, facts: Facts) -> tuple[Finding, ...]:
    """Everything that stands in the way of restoring `version`, at once; empty when nothing does."""
    name = f"{version.event.artifact} {version.text}"
    if facts.code is None:
        text = f"the commit of {name}, {version.commit[:12]}, is not available"
        return (Finding(Flaw.CODE, version.commit, text), *_missing(facts))
    if facts.built:
        return _reserved(name, facts.code)
    return (*check_code(name, facts.manifest, facts.code), *_missing(facts))


def check_code(name: str, manifest: Manifest, code: Code) -> tuple[Finding, ...]:
    """What in the code of a version, called `name`, keeps it from being restored: asked before it is registered, by
    `verify`, and before a rollback."""
    findings = [
        Finding(Flaw.CODE, path, f"{path} in {name} is a submodule or LFS pointer, which a release cannot restore")
        for path in code.strange
    ]
    if code.tree != manifest.tree:
        findings.append(Finding(Flaw.CODE, manifest.commit, f"the code of {name} is not the tree its manifest names"))
    findings += [*code.unfit, *_reserved(name, code)]
    if not pins_artifact(manifest, code.modes):
        text = f"{manifest.path}, the path of {name}, is neither a DVC output nor a file in git: nothing restores it"
        findings.append(Finding(Flaw.PATH, manifest.path, text))
    lock = manifest.environment.lock
    if lock and code.lock != manifest.environment.digest:
        findings.append(Finding(Flaw.ENVIRONMENT, lock, f"{lock} in {name} is not the lock its manifest names"))
    return tuple(findings)


def _reserved(name: str, code: Code) -> tuple[Finding, ...]:
    text = f"in {name} is reserved for lastgood: no version may track it"
    return tuple(Finding(Flaw.CODE, path, f"{path} {text}") for path in code.reserved)


def _missing(facts: Facts) -> list[Finding]:
    here = None if facts.missing_here is None else {one.md5 for one in facts.missing_here}
    remote = None if facts.missing_on_remote is None else {one.md5 for one in facts.missing_on_remote}
    looked = facts.missing_on_remote if remote is not None else facts.missing_here or ()
    where = {(True, True): "neither in the cache nor on the remote", (True, False): "not on the remote"}
    missing = where.get((remote is not None, here is not None), "not in the cache")
    return [
        Finding(Flaw.MISSING, str(one.path), f"{one.path} ({one.md5}) is {missing}")
        for one in looked or ()
        if here is None or one.md5 in here
    ]
