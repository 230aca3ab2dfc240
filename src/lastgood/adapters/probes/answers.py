"""What answers hold: numbers, and values at a JSON pointer. It asks nobody."""

import json
from math import isfinite

from lastgood.core.checks import Kind


class Unanswered(Exception):  # noqa: N818  # an answer like any other, not a fault of ours
    """There is no value; `kind` says what there is instead."""

    def __init__(self, why: str, kind: Kind = Kind.ERROR) -> None:
        super().__init__(why)
        self.kind = kind


def parse_json(text: bytes) -> object:
    """A JSON value. Raises `ValueError` for anything else, however deep or long its numbers are."""
    try:
        found: object = json.loads(text)
    except (RecursionError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from error
    return found


def number(value: object, what: str) -> float:
    """A finite number. Raises `Unanswered`: NaN and infinities say nothing of a version."""
    if value is None:
        raise Unanswered(f"{what} is null", Kind.EMPTY)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Unanswered(f"{what} is no number: {shorten(value)}")
    try:
        found = float(value)
    except OverflowError:
        raise Unanswered(f"{what} is too large") from None
    if not isfinite(found):
        raise Unanswered(f"{what} is {found}", Kind.NAN)
    return found


def resolve(document: object, pointer: str) -> object:
    """The value at a JSON pointer (RFC 6901). Raises `Unanswered` where there is none."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict) and key in document:
            document = document[key]
        elif isinstance(document, list) and key.isascii() and key.isdigit() and int(key) < len(document):
            document = document[int(key)]
        else:
            raise Unanswered(f"there is nothing at {pointer}", Kind.EMPTY)
    return document


def shorten(value: object, most: int = 60) -> str:
    """A value as a message repeats it."""
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}…"
