"""The document of `lastgood guard`: of one look, or with `--dry-run` of what the guard will do."""

from typing import TypedDict

from lastgood.cli.documents.parts import Read, Warned


class Check(TypedDict):
    """One check. `answer` is value, empty, nan, error or stale. `evidence` is compared with `threshold`; for a gauge
    both are numbers of values. Times are in seconds; a dry run has no decision, a look no forecast."""

    name: str
    decision: str | None
    answer: str
    why: str
    evidence: float | None
    threshold: float
    bad: float | None
    total: float | None
    first_bad: str | None
    notes: list[str]
    false_alarm_every: float | None
    traffic: float | None
    notice: float | None


class Document(Read, Warned):
    """`outcome` is healthy, cannot tell, rolled back or frozen. `to` is what a rollback went to, `tags` what it wrote;
    `stopped` says why an unhealthy version was not left."""

    artifact: str
    stage: str
    version: str
    since: str
    outcome: str | None
    checks: list[Check]
    to: str | None
    tags: list[str]
    live: str | None
    stopped: str | None
    hint: str | None
    dry_run: bool
