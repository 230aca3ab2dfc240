"""Asking Prometheus by its query API (docs: "HTTP API", instant queries): counters series by series, or one gauge."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from lastgood.adapters.probes import fetch
from lastgood.adapters.probes.answers import Unanswered, number, shorten
from lastgood.core.checks import Kind, Sample
from lastgood.core.counters import Labels, Reading, describe, labels_of, pick_slower
from lastgood.core.guarding.check import Buckets, Check, Counts, Gauge
from lastgood.core.guarding.guard import Guard
from lastgood.core.guarding.target import Target

PART = "lastgood_part"
"""The label by which the parts of one question are told apart in the answer."""


@dataclass(frozen=True, slots=True)
class _Question:
    """One check's question: where, until when, about which version (`None`: any), how old data may be."""

    url: str
    bearer: str
    ends: float
    label: str
    version: str | None
    stale_after: float


@dataclass(frozen=True, slots=True)
class _Answer:
    """Series with their values, as of a moment on Prometheus's clock (`None` if there are none). A scalar is a series
    without labels."""

    series: Mapping[Labels, float]
    at: float | None
    is_scalar: bool = False


def ask(  # what, of whom, about what, and who we are
    guard: Guard, check: Check, target: Target, environment: Mapping[str, str], now: Callable[[], float]
) -> Sample:
    """The answer of Prometheus. Raises `Unanswered`."""
    question = _Question(
        url=guard.prometheus,
        bearer=fetch.token(environment, guard.token_from),
        ends=time.monotonic() + check.timeout,
        label=guard.version_label,
        version=None if check.any_version else target.version,
        stale_after=guard.stale_after,
    )
    source = check.source
    if isinstance(source, Counts):
        return _ask_counts(question, source, target, now)
    if isinstance(source, Buckets):
        return _ask_buckets(question, source, target, now)
    if isinstance(source, Gauge):
        return _ask_gauge(question, target.fill(source.query), now)
    raise TypeError(f"{source} is no question to Prometheus")


def _ask_counts(question: _Question, source: Counts, target: Target, now: Callable[[], float]) -> Sample:
    bad, total = target.fill(source.bad), target.fill(source.total)
    parts = _ask_parts(question, {"total": total, "bad": bad, "at": f"timestamp({_alone(total)})"})
    if not parts["total"].series:
        raise Unanswered("no series of total", Kind.EMPTY)
    if not parts["bad"].series and not source.empty_is_zero:
        raise Unanswered('no series of bad (empty = "zero" takes that for no bad ones)', Kind.EMPTY)
    at, seen = _require_fresh(question, parts["at"], now)
    return Sample(Kind.VALUE, seen, at, reading=Reading(parts["bad"].series, parts["total"].series))


def _ask_buckets(question: _Question, source: Buckets, target: Target, now: Callable[[], float]) -> Sample:
    query = target.fill(source.query)
    parts = _ask_parts(question, {"buckets": query, "at": f"timestamp({_alone(query)})"})
    if not parts["buckets"].series:
        raise Unanswered("no series of buckets", Kind.EMPTY)
    at, seen = _require_fresh(question, parts["at"], now)
    try:
        reading = pick_slower(parts["buckets"].series, source.slower_than)
    except ValueError as error:
        raise Unanswered(str(error)) from error
    return Sample(Kind.VALUE, seen, at, reading=reading)


def _ask_gauge(question: _Question, query: str, now: Callable[[], float]) -> Sample:
    answer = _query(question, query)
    if not answer.series:
        raise Unanswered("no series", Kind.EMPTY)
    _require_version(question, answer)
    if len(answer.series) > 1:
        raise Unanswered(f"{len(answer.series)} series instead of one: they differ in {_differing(answer.series)}")
    ((labels, value),) = answer.series.items()
    # only what is stored has a name and an age; what is computed is as old as the answer
    times = _query(question, f"timestamp({_alone(query)})") if dict(labels).get("__name__") else answer
    at, seen = _require_fresh(question, times, now, computed=times is answer)
    return Sample(Kind.VALUE, seen, at, value)


def _alone(query: str) -> str:
    """A query as an operand; on lines of its own, for it may end in a comment."""
    return f"(\n{query}\n)"


def _ask_parts(question: _Question, queries: Mapping[str, str]) -> dict[str, _Answer]:
    """Several queries as one, so that all are answered from the same data."""
    whole = " or ".join(
        f'label_replace({_alone(query)}, "{PART}", "{name}", "", "")' for name, query in queries.items()
    )
    answer = _query(question, whole)
    _require_version(question, answer)
    parts: dict[str, dict[Labels, float]] = {name: {} for name in queries}
    for labels, value in answer.series.items():
        part = dict(labels).get(PART, "")
        if part not in parts:
            raise Unanswered(f"{describe(labels)} was not asked for")
        parts[part][tuple(pair for pair in labels if pair[0] != PART)] = value
    return {name: _Answer(series, answer.at) for name, series in parts.items()}


def _query(question: _Question, query: str) -> _Answer:
    """What an instant query answers. Raises `Unanswered`."""
    url = f"{question.url}/api/v1/query?{urlencode({'query': query})}"
    fetched = fetch.get(url, max(question.ends - time.monotonic(), 0.001), question.bearer)
    if fetched.status in {401, 403, 407}:
        raise Unanswered(f"status {fetched.status}: Prometheus wants a login (token_from)")
    document = fetched.json()
    if isinstance(document, dict) and document.get("status") == "error":
        raise Unanswered(f"{document.get('errorType')}: {str(document.get('error'))[:300]}")
    try:
        return _parse(document)
    except (KeyError, TypeError, ValueError) as error:
        raise Unanswered(f"status {fetched.status}: this is no answer of Prometheus ({shorten(document)})") from error


def _parse(document: object) -> _Answer:
    if not isinstance(document, dict) or document["status"] != "success":
        raise ValueError("no success")
    data = document["data"]
    if data["resultType"] == "scalar":
        at, text = data["result"]
        return _Answer({(): _value(text)}, _moment(at), is_scalar=True)
    if data["resultType"] != "vector":
        raise Unanswered(f"the query gives a {data['resultType']}, and a check needs numbers of one moment")
    series, at = {}, None
    for one in data["result"]:
        at, text = one["value"]
        series[labels_of({str(name): str(value) for name, value in dict(one["metric"]).items()})] = _value(text)
    return _Answer(series, None if at is None else _moment(at))


def _moment(value: object) -> float:
    return number(value, "the answer's time")


def _value(text: object) -> float:
    if not isinstance(text, str):
        raise TypeError("values are texts")
    return number(float(text), "the value")


def _require_version(question: _Question, answer: _Answer) -> None:
    """The series must be those of the version asked for: a query can name it in one place and forget another."""
    if question.version is None:
        return
    for labels in answer.series:
        said = dict(labels).get(question.label)
        if said is None:
            what = "the answer is a scalar" if answer.is_scalar else f"{describe(labels)}"
            hint = f"keep it with `by ({question.label})`, or say any_version = true"
            raise Unanswered(f"{what} has no label {question.label}: {hint}".replace("scalar has", "scalar and has"))
        if said != question.version:
            raise Unanswered(f"{describe(labels)} is about {said!r}, not about {question.version}")


def _require_fresh(
    question: _Question, times: _Answer, now: Callable[[], float], *, computed: bool = False
) -> tuple[float, float]:
    """How old the newest data is, and our own time; both in seconds since 1970."""
    seen, answered = now(), times.at
    if answered is None or not times.series:
        raise Unanswered("no series", Kind.EMPTY)
    if abs(seen - answered) > question.stale_after:
        text = f"Prometheus's clock and ours are {abs(seen - answered):.0f} s apart"
        raise Unanswered(text, Kind.STALE)
    at = answered if computed else max(times.series.values())
    if answered - at > question.stale_after:
        raise Unanswered(f"the newest data is {answered - at:.0f} s old", Kind.STALE)
    return at, seen


def _differing(series: Mapping[Labels, float]) -> str:
    """The labels in which several series differ."""
    several = [dict(labels) for labels in series]
    names = sorted({name for one in several for name in one})
    return ", ".join(name for name in names if len({one.get(name) for one in several}) > 1)
