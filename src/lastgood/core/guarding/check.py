"""`[[guard.STAGE.check]]` as a value: what is asked, of whom, and by which rule the answer is judged."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

from lastgood.core.checks import Limits, Policy, Shares
from lastgood.core.guarding.keys import Keys
from lastgood.core.sequential import threshold
from lastgood.errors import UsageError

DAY = 86_400
PLACEHOLDERS = ("artifact", "stage", "version")
_PLACEHOLDER = re.compile(r"\{([A-Za-z_]+)\}")
"""PromQL has braces, too, but with a comparison inside."""

_KEYS = {
    "bad": "Counts: a query for counters of bad requests.",
    "total": "Counts: a query for counters of all requests.",
    "buckets": "Latency: a query for the buckets of a histogram.",
    "slower_than": "Latency: the bucket's bound; slower requests are bad.",
    "value": "A gauge: a query with exactly one series.",
    "url": "HTTP: an address; a good status is healthy, unless `pointer` is given.",
    "pointer": "HTTP: the JSON pointer (RFC 6901) of a number in the answer.",
    "status": "HTTP: the statuses that are healthy; 200 to 299 without any.",
    "version_at": "HTTP: the JSON pointer of the version in the answer; it must be the live one.",
    "token_from": "HTTP: the environment variable that holds a bearer token.",
    "command": "A command that is run in the live version and prints the answer.",
    "name": "What the check is called.",
    "expected": "The share of bad ones (or mean score) that is fine in the long run.",
    "unacceptable": "The share of bad ones (or mean score) that must be noticed.",
    "false_alarm_every": "The mean time between false alarms.",
    "max": "A value above it is bad.",
    "min": "A value below it is bad.",
    "failures": "So many bad values …",
    "of": "… among so many last values are unhealthy.",
    "empty": "Whether no series of `bad` is a missing answer or zero bad ones.",
    "any_version": "Allow a question that does not name the version.",
    "timeout": "How long an answer may take.",
}
_SOURCES = ("bad", "buckets", "value", "url", "command")
_ONLY_WITH = {
    "total": "bad",
    "empty": "bad",
    "slower_than": "buckets",
    "pointer": "url",
    "status": "url",
    "version_at": "url",
    "token_from": "url",
}


@dataclass(frozen=True, slots=True)
class Counts:
    """Counters of bad and of all requests. `empty_is_zero`: no series of bad ones means that there are none, as long as
    those of all requests are there."""

    bad: str
    total: str
    empty_is_zero: bool = False


@dataclass(frozen=True, slots=True)
class Buckets:
    """The buckets of a histogram, of which those above a bound are bad."""

    query: str
    slower_than: float


@dataclass(frozen=True, slots=True)
class Gauge:
    """A query that gives one number."""

    query: str


@dataclass(frozen=True, slots=True)
class Http:
    """An address. Without `pointer` the answer is 0 for a good status and 1 for a bad one; `statuses` are the good
    ones, 200 to 299 if there are none. `version_at` is where the answer says which version it is about."""

    url: str
    pointer: str | None = None
    statuses: tuple[int, ...] = ()
    version_at: str | None = None
    token_from: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """A command line, run in the live version."""

    command: str


Source = Counts | Buckets | Gauge | Http | Command


@dataclass(frozen=True, slots=True)
class Expected:
    """What shares (or mean scores) are fine and what are not, and the seconds between false alarms."""

    expected: float
    unacceptable: float
    false_alarm_every: int


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `timeout` is in seconds."""

    name: str
    source: Source
    rule: Expected | Limits
    any_version: bool = False
    timeout: int = 5

    @property
    def asks_prometheus(self) -> bool:
        """Whether the answer comes from Prometheus."""
        return isinstance(self.source, Counts | Buckets | Gauge)

    @property
    def every(self) -> int | None:
        """The seconds between false alarms, where the rule states them."""
        return self.rule.false_alarm_every if isinstance(self.rule, Expected) else None

    def policy(self, interval: float, patience: float) -> Policy:
        """How it is judged when it is asked every `interval` seconds."""
        rule = self.rule
        if isinstance(rule, Expected):
            needed = threshold(rule.false_alarm_every, interval)
            return Policy(self.name, Shares(rule.expected, rule.unacceptable, needed), interval, patience)
        return Policy(self.name, rule, interval, patience)

    @classmethod
    def parse(cls, table: object, where: str) -> Self:
        """The check that a TOML table holds; `where` names it in messages. Raises `UsageError` naming the key."""
        keys = Keys.of(table, where, tuple(_KEYS))
        name = keys.text("name")
        if not name:
            raise UsageError(f"{where} name is missing")
        keys = Keys(f"{where} ({name})", keys.table)
        kind = _find_kind(keys)
        check = cls(
            name=name,
            source=_SOURCE[kind](keys),
            rule=_parse_rule(keys, kind),
            any_version=keys.flag("any_version"),
            timeout=keys.seconds("timeout", 60 if kind == "command" else 5, 1, 600),
        )
        _require_version(keys, check)
        return check


def _find_kind(keys: Keys) -> str:
    """The key that says what is asked; all the others must fit it."""
    found = [one for one in _SOURCES if keys.has(one)]
    if len(found) != 1:
        there = " and ".join(found) or "none of them"
        raise UsageError(f"{keys.where} needs one of {', '.join(_SOURCES)}; it has {there}")
    for key, source in _ONLY_WITH.items():
        if keys.has(key) and source != found[0]:
            raise UsageError(f"{keys.where} {key} belongs to {source}, and this check has {found[0]}")
    return found[0]


def _parse_counts(keys: Keys) -> Counts:
    if not keys.has("total"):
        raise UsageError(f"{keys.where} total is missing: bad ones alone are no share")
    empty = keys.choice("empty", ("missing", "zero"), "missing")
    return Counts(keys.text("bad"), keys.text("total"), empty == "zero")


def _parse_buckets(keys: Keys) -> Buckets:
    bound = keys.number("slower_than")
    if bound is None:
        raise UsageError(f"{keys.where} slower_than is missing: it names the bucket above which a request is bad")
    return Buckets(keys.text("buckets"), bound)


def _parse_gauge(keys: Keys) -> Gauge:
    return Gauge(keys.text("value"))


def _parse_http(keys: Keys) -> Http:
    pointers = {key: keys.text(key) if keys.has(key) else None for key in ("pointer", "version_at")}
    for key, pointer in pointers.items():
        if pointer is not None and not pointer.startswith("/"):
            raise UsageError(f'{keys.where} {key} must be a JSON pointer such as "/loss", not {pointer!r}')
    statuses = keys.numbers("status")
    if any(not 100 <= one <= 599 for one in statuses):
        raise UsageError(f"{keys.where} status must hold HTTP statuses, not {list(statuses)}")
    if statuses and pointers["pointer"] is not None:
        raise UsageError(f"{keys.where} has status and pointer: a check asks for one thing")
    return Http(keys.address("url"), pointers["pointer"], statuses, pointers["version_at"], keys.variable("token_from"))


def _parse_command(keys: Keys) -> Command:
    return Command(keys.text("command"))


_SOURCE: Mapping[str, Callable[[Keys], Source]] = {
    "bad": _parse_counts,
    "buckets": _parse_buckets,
    "value": _parse_gauge,
    "url": _parse_http,
    "command": _parse_command,
}


def _parse_rule(keys: Keys, kind: str) -> Expected | Limits:
    shares = [key for key in ("expected", "unacceptable", "false_alarm_every") if keys.has(key)]
    limits = [key for key in ("max", "min", "failures", "of") if keys.has(key)]
    if shares and limits:
        raise UsageError(f"{keys.where} has {shares[0]} and {limits[0]}: a check has one rule")
    if kind in {"bad", "buckets"} or (shares and kind != "value"):
        if kind == "url" and not keys.has("pointer"):
            raise UsageError(f"{keys.where} {shares[0]} needs pointer: a status is no score")
        if limits:
            raise UsageError(f"{keys.where} {limits[0]} is for values; counts need expected and unacceptable")
        return _parse_expected(keys)
    if shares:
        raise UsageError(
            f"{keys.where} {shares[0]} is for counts and scores, and value is a gauge",
            hint="use bad and total, or max, failures and of",
        )
    return _parse_limits(keys, is_status=kind == "url" and not keys.has("pointer"))


def _parse_expected(keys: Keys) -> Expected:
    expected, unacceptable = keys.number("expected"), keys.number("unacceptable")
    if expected is None or unacceptable is None:
        missing = "expected" if expected is None else "unacceptable"
        raise UsageError(f"{keys.where} {missing} is missing")
    if not 0 < expected < 1 or not 0 < unacceptable < 1:
        raise UsageError(f"{keys.where} expected and unacceptable must lie between 0 and 1, such as 0.01 for 1 %")
    if unacceptable <= expected:
        raise UsageError(f"{keys.where} unacceptable ({unacceptable:g}) must be greater than expected ({expected:g})")
    return Expected(expected, unacceptable, keys.seconds("false_alarm_every", 90 * DAY, 1, 36_500 * DAY))


def _parse_limits(keys: Keys, *, is_status: bool) -> Limits:
    low, high = keys.number("min"), keys.number("max")
    if is_status:
        if low is not None or high is not None:
            raise UsageError(f"{keys.where} min and max need pointer: a status is no number to compare")
        high = 0.0
    elif low is None and high is None:
        raise UsageError(f"{keys.where} needs max or min")
    if low is not None and high is not None and low > high:
        raise UsageError(f"{keys.where} min ({low:g}) must not be greater than max ({high:g})")
    failures = keys.whole("failures", 3, 1, 1000)
    of = keys.whole("of", max(5, failures), 1, 1000)
    if failures > of:
        raise UsageError(f"{keys.where} failures ({failures}) must not be greater than of ({of})")
    return Limits(low, high, failures, of)


def _require_version(keys: Keys, check: Check) -> None:
    """A question that does not name the version would be answered by another one's data."""
    for key in ("bad", "total", "buckets", "value", "url"):
        if not keys.has(key):
            continue
        text = keys.text(key)
        for name in _PLACEHOLDER.findall(text):
            if name not in PLACEHOLDERS:
                known = ", ".join(f"{{{one}}}" for one in PLACEHOLDERS)
                raise UsageError(f"{keys.where} {key}: {{{name}}} is unknown", hint=f"known are {known}")
        named = "{version}" in text or (key == "url" and keys.has("version_at"))
        if not named and not check.any_version:
            raise UsageError(
                f"{keys.where} {key} does not name the version: it would judge whatever runs",
                hint='write {version} in it, as in errors_total{version="{version}"}, or any_version = true',
            )
