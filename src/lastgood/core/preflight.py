"""Whether a version can be restored: facts in, findings out; who gathers the facts is `operations`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from lastgood.core.manifest import Manifest, Output
from lastgood.core.registry import History, Version
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
class Facts:
    """What is known of a version's restorability. `None` for a place that was not asked.

    `built` says that a proved release of it stands here; `lock` is the digest of the environment lock in the commit;
    `unfit` is what keeps code and outputs from lying in one directory (`core.fitting`). `artifact`: the commit has
    something at the artifact's own path.
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
    """What is said of a version that tracks a directory of ours."""
    return Finding(Flaw.CODE, path, f"{path} in {of} is reserved for lastgood; a version may not track it")


def _missing(facts: Facts) -> list[Finding]:
    here = None if facts.missing_here is None else {one.md5 for one in facts.missing_here}
    remote = None if facts.missing_on_remote is None else {one.md5 for one in facts.missing_on_remote}
    looked = facts.missing_on_remote if remote is not None else facts.missing_here or ()
    where = {(True, True): "neither in the cache nor on the remote", (True, False): "not on the remote"}
    place = where.get((remote is not None, here is not None), "not in the cache")
    return [
        Finding(Flaw.MISSING, str(one.path), f"{one.path} ({one.md5}) is {place}")
        for one in looked or ()
        if here is None or one.md5 in here
    ]
