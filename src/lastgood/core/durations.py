"""Lengths of time as people write them in a configuration: `30s`, `10m`, `24h`, `90d`."""

import re

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LENGTH = re.compile(r"([0-9]{1,9}) ?([smhd])")


def parse_duration(text: str) -> int:
    """The seconds that a text says. Raises `ValueError` for anything without a whole number and a unit."""
    found = _LENGTH.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no length of time: write a whole number and s, m, h or d, such as 30s or 24h")
    return int(found[1]) * UNITS[found[2]]


def format_duration(seconds: float) -> str:
    """A length of time in its greatest unit that leaves at most one decimal: `90d`, `1.5h`."""
    for unit, length in reversed(UNITS.items()):
        if seconds >= length and round(seconds / length, 1) * length == seconds:
            return f"{seconds / length:g}{unit}"
    return f"{seconds:.3g}s"
