"""Asking a command of the trusted configuration: it prints a number, `{"value": x}` or `{"bad": k, "total": n}`."""

from collections.abc import Callable, Mapping
from pathlib import Path

from lastgood.adapters import process
from lastgood.adapters.probes.answers import Unanswered, number, parse_json, shorten
from lastgood.core.checks import Kind, Sample
from lastgood.core.counters import Reading
from lastgood.core.guarding.check import Command

LONGEST = 4096
"""Bytes that an answer may have."""


def ask(  # what, for how long, and where
    source: Command, timeout: int, directory: Path, environment: Mapping[str, str], now: Callable[[], float]
) -> Sample:
    """What a command answers. Raises `Unanswered`."""
    try:
        outcome = process.run(source.command, directory, environment, timeout)
    except (OSError, ValueError) as error:
        raise Unanswered(f"the command cannot be run: {error}") from error
    if outcome.code is None:
        raise Unanswered(f"the command did not end within {timeout} s")
    if outcome.code != 0:
        words = outcome.words(1)
        how = f"exit code {outcome.code}" if outcome.code > 0 else f"signal {-outcome.code}"
        raise Unanswered(f"the command failed with {how}{': ' if words else ''}{words[:200]}")
    return parse(outcome.out, now())


def parse(out: bytes, at: float) -> Sample:
    """The answer that a command printed. Raises `Unanswered`."""
    if len(out) > LONGEST:
        raise Unanswered(f"the command printed more than {LONGEST} bytes: only the answer belongs on standard output")
    if not out.strip():
        raise Unanswered("the command printed nothing", Kind.EMPTY)
    try:
        answer = parse_json(out)
    except ValueError:
        text = out.decode(errors="replace").strip()
        kind = Kind.NAN if text.lower().lstrip("+-") in {"nan", "inf", "infinity"} else Kind.ERROR
        raise Unanswered(f"the command printed {shorten(text)}, which is no number and no JSON object", kind) from None
    if isinstance(answer, dict):
        return _parse_object(answer, at)
    return Sample(Kind.VALUE, at, at, number(answer, "the answer"))


def _parse_object(answer: dict[str, object], at: float) -> Sample:
    if answer.keys() == {"value"}:
        return Sample(Kind.VALUE, at, at, number(answer["value"], "value"))
    if answer.keys() != {"bad", "total"}:
        keys = ", ".join(sorted(answer)) or "nothing"
        raise Unanswered(f'the command printed an object with {shorten(keys)}; it needs "value", or "bad" and "total"')
    bad, total = number(answer["bad"], "bad"), number(answer["total"], "total")
    if not 0 <= bad <= total:
        raise Unanswered(f"the command printed bad {bad:g} of total {total:g}: total must count the bad ones, too")
    return Sample(Kind.VALUE, at, at, reading=Reading({(): bad}, {(): total}))
