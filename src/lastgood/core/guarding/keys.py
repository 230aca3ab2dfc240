"""Reading one table of `lastgood.toml` key by key: each answers a value or raises `UsageError` that names the key."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Self
from urllib.parse import urlsplit

from lastgood.core.durations import format_duration, parse_duration
from lastgood.core.secrets import mask
from lastgood.core.unknown import find_meant
from lastgood.errors import UsageError

_VARIABLE = re.compile("[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one table; `where` names it in messages."""

    where: str
    table: Mapping[str, object]

    @classmethod
    def of(cls, table: object, where: str, known: tuple[str, ...]) -> Self:
        """The table, which has no other keys than those that are known."""
        if not isinstance(table, dict):
            raise UsageError(f"{where} must be a table")
        for key in table:
            if key not in known:
                meant = find_meant(key, known)
                hint = f"did you mean {meant}?" if meant else f"known are {', '.join(known)}"
                raise UsageError(f"{where} {key} is unknown", hint=hint)
        return cls(where, table)

    def has(self, key: str) -> bool:
        """Whether the table says anything of a key."""
        return key in self.table

    def text(self, key: str, default: str = "") -> str:
        """A text that is not blank; the default where the key is missing."""
        value = self.table.get(key, default)
        if not isinstance(value, str) or (key in self.table and not value.strip()):
            raise UsageError(f"{self.where} {key} must be a text that is not empty, not {value!r}")
        return value

    def flag(self, key: str) -> bool:
        """True or false; false where the key is missing."""
        value = self.table.get(key, False)
        if not isinstance(value, bool):
            raise UsageError(f"{self.where} {key} must be true or false, not {value!r}")
        return value

    def choice(self, key: str, possible: tuple[str, ...], default: str) -> str:
        """One of several words."""
        value = self.text(key, default)
        if value not in possible:
            raise UsageError(f"{self.where} {key} must be one of {', '.join(possible)}, not {value!r}")
        return value

    def whole(self, key: str, default: int, least: int, most: int) -> int:
        """A whole number in a range."""
        value = self.table.get(key, default)
        if type(value) is not int or not least <= value <= most:
            raise UsageError(f"{self.where} {key} must be a whole number from {least} to {most}, not {value!r}")
        return value

    def number(self, key: str) -> float | None:
        """A finite number, or `None` where the key is missing."""
        value = self.table.get(key)
        if value is None:
            return None
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, float))
            or not abs(value) < 1e300
            or not isfinite(value)
        ):
            raise UsageError(f"{self.where} {key} must be a finite number, not {value!r}")
        return float(value)

    def seconds(self, key: str, default: int, least: int, most: int) -> int:
        """A length of time, written with its unit."""
        value = self.table.get(key)
        if value is None:
            return default
        if not isinstance(value, str):
            raise UsageError(f'{self.where} {key} must have a unit, such as "{value}s", not {value!r}')
        try:
            found = parse_duration(value)
        except ValueError as error:
            raise UsageError(f"{self.where} {key}: {error}") from None
        if not least <= found <= most:
            span = f"from {format_duration(least)} to {format_duration(most)}"
            raise UsageError(f"{self.where} {key} must be {span}, not {value}")
        return found

    def address(self, key: str) -> str:
        """An http or https address without secrets; empty where the key is missing."""
        return require_address(self.text(key), f"{self.where} {key}") if self.has(key) else ""

    def addresses(self, key: str) -> tuple[str, ...]:
        """A list of such addresses."""
        return tuple(require_address(one, f"{self.where} {key}") for one in self._list(key, str, "addresses"))

    def tables(self, key: str) -> tuple[object, ...]:
        """A list of tables."""
        return tuple(self._list(key, dict, f"tables: [[{key}]]"))

    def numbers(self, key: str) -> tuple[int, ...]:
        """A list of whole numbers."""
        return tuple(self._list(key, int, "whole numbers"))

    def variable(self, key: str) -> str:
        """The name of an environment variable; empty where the key is missing."""
        value = self.text(key)
        if self.has(key) and not _VARIABLE.fullmatch(value):
            raise UsageError(f"{self.where} {key} must be the name of an environment variable: never the secret itself")
        return value

    def label(self, key: str, default: str) -> str:
        """The name of a label of Prometheus."""
        value = self.text(key, default)
        if not _VARIABLE.fullmatch(value):
            raise UsageError(f"{self.where} {key} must be the name of a label, not {value!r}")
        return value

    def _list(self, key: str, kind: type, what: str) -> list[Any]:
        value = self.table.get(key, [])
        if not isinstance(value, list) or any(type(one) is not kind for one in value):
            raise UsageError(f"{self.where} {key} must be a list of {what}")
        return value


def require_address(text: str, where: str) -> str:
    """Raise `UsageError` for what is no http or https address, or holds a secret."""
    try:
        parts = urlsplit(text)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0 and text.isascii()
    except ValueError:
        good = False
    if not good or any(one.isspace() for one in text):
        raise UsageError(f"{where} must be an address that begins with http:// or https://, not {mask(text)!r}")
    if mask(text) != text:
        raise UsageError(
            f"{where} holds a secret ({mask(text)}): this file is in git",
            hint="name the environment variable that holds the token: token_from",
        )
    return text
