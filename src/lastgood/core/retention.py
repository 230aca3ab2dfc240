"""Which releases stay on a machine and why: a policy applied to given facts. It removes nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lastgood.core.version import SemanticVersion

LOWEST: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Retention:
    """`keep` is how many of an artifact's versions that have a release here stay; `stable` keeps every stable one."""

    keep: int = 3
    stable: bool = True


@dataclass(frozen=True, slots=True)
class Held:
    """A release on this machine and the reasons to keep it.

    `live`, `recent` (live within the last day) and `assigned` name stages, `unfinished` names interrupted work that
    needs it.
    """

    artifact: str
    version: str
    stable: bool = False
    live: tuple[str, ...] = ()
    recent: tuple[str, ...] = ()
    assigned: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()
    used: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a release stays, and every reason for it."""

    kept: bool
    why: str


def judge(releases: Sequence[Held], policy: Retention) -> tuple[Verdict, ...]:
    """The verdict on each release, in their order. Several releases of one version (partial ones) count once."""
    last = _last_versions(releases, policy.keep)
    verdicts = []
    for release in releases:
        reasons = list(_reasons(release, policy, last=(release.artifact, release.version) in last))
        verdicts.append(Verdict(bool(reasons), "; ".join(reasons) or _why_not(policy)))
    return tuple(verdicts)


def _last_versions(releases: Sequence[Held], keep: int) -> frozenset[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for artifact in {release.artifact for release in releases}:
        versions = {release.version for release in releases if release.artifact == artifact}
        ordered = sorted(versions, key=_order, reverse=True)
        found |= {(artifact, version) for version in ordered[: max(keep, 0)]}
    return frozenset(found)


def _order(version: str) -> tuple[bool, object, str]:
    """Semantic order; invalid versions come first."""
    parsed = SemanticVersion.parse(version)
    return parsed is not None, parsed.key if parsed else LOWEST, version


def _reasons(release: Held, policy: Retention, *, last: bool) -> Iterator[str]:
    """Every reason to keep a release; reasons that no policy can change come first."""
    if release.live:
        yield f"live in {', '.join(release.live)}"
    if release.used:
        yield "in use"
    if recent := [stage for stage in release.recent if stage not in release.live]:
        yield f"live in {', '.join(recent)} within the last day"
    if release.assigned:
        yield f"assigned to {', '.join(release.assigned)}"
    for work in release.unfinished:
        yield f"named by {work}, which is not finished"
    if policy.stable and release.stable:
        yield "stable"
    if last:
        yield "the last version" if policy.keep == 1 else f"among the last {policy.keep} versions"


def _why_not(policy: Retention) -> str:
    words = ["nothing needs it here"]
    if policy.stable:
        words.append("not stable")
    if policy.keep > 0:
        words.append("not the last version" if policy.keep == 1 else f"not among the last {policy.keep} versions")
    return ", ".join(words)
