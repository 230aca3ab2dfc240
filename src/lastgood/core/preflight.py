"""Whether a version can be restored: facts in, findings out. `operations` gathers the facts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from lastgood.core.manifest import Manifest, Output
from lastgood.core.registry import History, Version
from lastgood.errors import Finding, FindingsError, Flaw, UsageError

DOUBTFUL = frozenset({Flaw.MOVED, Flaw.DELETED, Flaw.UNJOURNALED, Flaw.DISAGREES, Flaw.WITHDRAWN})
"""Findings about a tag that prevent restoring its version. `withdrawn`: origin no longer has it, while a stage there is
assigned to its commit."""

LISTED = 1 << 13
"""More bytes than one member takes in a listing: a path of 4 KiB, escaped."""


@dataclass(frozen=True, slots=True)
class Missing:
    """An object of an output that is missing where it was looked up; `member` is its path inside a directory."""

    output: Output
    md5: str
    member: str | None = None

    @property
    def path(self) -> PurePosixPath:
        """The file's path in a release."""
        return self.output.path / self.member if self.member else self.output.path

    def may_have(self, size: int, *, partly: bool = False) -> bool:
        """Whether an object of `size` bytes, or of at least that many if `partly`, can be this one. A file has its own
        recorded size, a member at most its directory's."""
        output = self.output
        if output.is_directory and self.member is None:
            return output.files is None or size <= LISTED * (output.files + 1)
        if output.size is None:
            return True
        return size <= output.size if output.is_directory or partly else size == output.size


@dataclass(frozen=True, slots=True)
class Corrupted:
    """An object on a remote whose content does not match its name."""

    need: Missing
    remote: str

    @property
    def text(self) -> str:
        """What is wrong, without the version."""
        return f"object {self.need.md5} on remote `{self.remote}` is corrupted"


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts about a version's restorability. `None` for a store that was not checked.

    `built` says that a verified release of it exists here; `lock` is the digest of the environment lock in the commit;
    `unfit` are the findings that code and outputs do not fit in one directory (`core.fitting`). `artifact`: the commit
    has something at the artifact's own path.
    """

    manifest: Manifest | None
    code: bool = True
    artifact: bool = True
    strange_code: Sequence[str] = ()
    unfit: Sequence[Finding] = ()
    reserved_code: Sequence[str] = ()
    lock: str | None = None
    built: bool = False
    missing_here: Sequence[Missing] | None = None
    missing_on_remote: Sequence[Missing] | None = None


def check_tags(history: History, version: Version) -> tuple[Finding, ...]:
    """Findings about the tags of this version: moved, deleted, removed on origin, contradicting itself, or lastgood's
    and not in the journal."""
    tag = version.event.tag
    return tuple(
        one
        for one in history.findings
        if one.subject == tag
        and one.kind in {Flaw.MOVED, Flaw.DELETED, Flaw.UNJOURNALED, Flaw.DISAGREES, Flaw.WITHDRAWN}
    )


def require_as_registered(history: History, version: Version) -> None:
    """Raise `FindingsError` for a version whose tag differs from the registered one."""
    tampered = check_tags(history, version)
    if tampered:
        name = f"{history.artifact} {version.text}"
        message = f"{name} is not what was registered: {'; '.join(map(str, tampered))}"
        raise FindingsError(message, tampered, hint="lastgood verify")


def require_reason(reason: str, what: str, *, dry_run: bool = False) -> None:
    """Raise `UsageError` for an event without a reason: later nobody would know why it was recorded."""
    if not reason.strip() and not dry_run:
        raise UsageError(f"{what} needs a reason", hint="--reason TEXT")


def check(version: Version, facts: Facts) -> tuple[Finding, ...]:
    """All findings that prevent restoring `version`; empty if it can be restored."""
    findings = []
    name = f"{version.event.artifact} {version.text}"
    if not facts.code:
        findings.append(
            Finding(Flaw.CODE, version.commit, f"the commit of {name}, {version.commit[:12]}, is not available")
        )
    findings.extend(
        Finding(Flaw.CODE, path, f"{path} in {name} is a submodule or LFS pointer, which a release cannot restore")
        for path in facts.strange_code
    )
    findings.extend(facts.unfit)
    findings.extend(reserved(path, name) for path in facts.reserved_code)
    manifest = facts.manifest
    if manifest is not None and not facts.artifact:
        text = f"{manifest.path}, the path of {name}, is neither a DVC output nor a file in git: it cannot be restored"
        findings.append(Finding(Flaw.PATH, manifest.path, text))
    if manifest is not None and manifest.environment.digest and facts.lock not in {None, manifest.environment.digest}:
        lock = manifest.environment.lock
        findings.append(Finding(Flaw.ENVIRONMENT, str(lock), f"{lock} in {name} does not match its manifest"))
    if not facts.built:
        findings.extend(_missing(facts))
    return tuple(findings)


def reserved(path: str, of: str) -> Finding:
    """The finding about a version that tracks a name reserved for lastgood."""
    return Finding(Flaw.CODE, path, f"{path} in {of} is reserved for lastgood; a version may not track it")


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
