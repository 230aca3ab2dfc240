"""Asking a server: whether its status is good, or for a number at a JSON pointer of its answer."""

from collections.abc import Callable, Mapping

from lastgood.adapters.probes import fetch
from lastgood.adapters.probes.answers import Unanswered, number, resolve, shorten
from lastgood.core.checks import Kind, Sample
from lastgood.core.guarding.check import Check, Http
from lastgood.core.guarding.target import Target


def ask(  # what, of whom, about what, and who we are
    check: Check, source: Http, target: Target, environment: Mapping[str, str], now: Callable[[], float]
) -> Sample:
    """The answer of a server. Raises `Unanswered`."""
    bearer = fetch.token(environment, source.token_from)
    fetched = fetch.get(target.fill_address(source.url), check.timeout, bearer)
    at = now()
    if source.pointer is None:
        value = _judge_status(fetched, source)
        if source.version_at is not None and not value:
            _require_version(fetched.json(), source, target)
        return Sample(Kind.VALUE, at, at, value)
    fetched.require_direct()
    if not 200 <= fetched.status <= 299:
        raise Unanswered(f"status {fetched.status}: only an answer with a good status has a number")
    document = fetched.json()
    _require_version(document, source, target)
    return Sample(Kind.VALUE, at, at, number(resolve(document, source.pointer), f"the value at {source.pointer}"))


def _judge_status(fetched: fetch.Fetched, source: Http) -> float:
    """0 for a good status, 1 for a fault of the server. Everything else says nothing of the version: a redirect or a
    refusal comes from whoever guards the door, and a wrong address is our mistake."""
    status = fetched.status
    if status in source.statuses or (not source.statuses and 200 <= status <= 299):
        return 0.0
    if status >= 500:
        return 1.0
    raise Unanswered(f"status {status} says nothing of the version: it is neither a good one nor a fault of the server")


def _require_version(document: object, source: Http, target: Target) -> None:
    if source.version_at is None:
        return
    said = resolve(document, source.version_at)
    if said != target.version:
        raise Unanswered(f"the answer is about {shorten(said)}, not about {target.version}")
