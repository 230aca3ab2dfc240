"""One setting of a section: its default, what it means, its unit and bounds; and reading a section from TOML.

A section is a frozen dataclass whose fields are made by `setting`. Tables in a section are sections of their own, and
arrays of tables tuples of them. What a section cannot say by types and bounds, it checks in `check`.
"""

from collections.abc import Mapping
from dataclasses import field, fields, is_dataclass
from enum import StrEnum
from types import UnionType
from typing import Any, TypeVar, cast, get_args, get_origin

from lastgood.errors import UsageError

S = TypeVar("S")
LONGEST = 7 * 86400
"""Seconds that anything may be waited for: more would overflow the system's timers."""


def setting(  # what the reference says of it, and between which numbers it lies
    default: Any, meaning: str, *, unit: str = "", example: str = "", least: int | None = None, most: int | None = None
) -> Any:
    """A field of a section. `example` is TOML; the default is the example where there is none."""
    told = {"meaning": meaning, "unit": unit, "example": example, "least": least, "most": most}
    if callable(default):
        return field(default_factory=default, metadata=told)
    return field(default=default, metadata=told)


def read(kind: type[S], table: object, where: str) -> S:
    """The section that a TOML table says. `where` names it in errors. Raises `UsageError` naming the key."""
    expected = {one.name: one for one in fields(cast("Any", kind))}
    values = {}
    for key, value in as_table(table, where).items():
        if key not in expected:
            raise unknown(f"{where} {key}", tuple(expected))
        values[key] = _value(expected[key].type, value, f"{where} {key}")
        _require_bounds(values[key], expected[key].metadata, f"{where} {key}")
    section = kind(**values)
    check = getattr(section, "check", None)
    if check is not None:
        check(where)
    return section


def format_toml(value: object) -> str:
    """A setting's value as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(format_toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def as_table(value: object, where: str) -> dict[str, object]:
    """A TOML table. Raises `UsageError` for anything else."""
    if not isinstance(value, dict):
        raise UsageError(f"{where} must be a table")
    return value


def unknown(what: str, known: tuple[str, ...]) -> UsageError:
    """The error for a name that does not exist, with those that do."""
    return UsageError(f"{what} is unknown", hint=f"known are {', '.join(known)}")


def _value(kind: Any, value: object, where: str) -> object:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return value if isinstance(value, bool) else _value(inner[1], value, f"{where} must be true, false, or")
    if origin is Mapping:
        return {key: _value(inner[1], one, f"{where} {key}") for key, one in as_table(value, where).items()}
    if origin is tuple:
        return _values(inner[0], value, where)
    if is_dataclass(kind):
        return read(cast("type", kind), value, where)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        if value in list(kind):
            return kind(cast("str", value))
        raise UsageError(f"{where} must be one of {', '.join(kind)}")
    if type(value) is not kind:
        raise UsageError(f"{where} must be of type {kind.__name__}, not {value!r}")
    return value


def _values(kind: Any, value: object, where: str) -> tuple[object, ...]:
    if isinstance(value, list) and is_dataclass(kind):
        return tuple(read(cast("type", kind), one, f"{where} {number}") for number, one in enumerate(value, 1))
    if isinstance(value, list) and all(isinstance(one, kind) for one in value):
        return tuple(value)
    raise UsageError(f"{where} must be a list of {'tables' if is_dataclass(kind) else 'strings'}")


def _require_bounds(value: object, told: Mapping[str, Any], where: str) -> None:
    least, most = told.get("least"), told.get("most")
    if not isinstance(value, int) or ((least is None or value >= least) and (most is None or value <= most)):
        return
    bounds = [f"at least {least}"] if least is not None else []
    bounds += [f"at most {most}"] if most is not None else []
    raise UsageError(f"{where} must be {' and '.join(bounds)} {told.get('unit', '')}".rstrip() + f", not {value}")
