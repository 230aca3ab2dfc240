"""The JSON Schema of every document, made from its type: `python -m lastgood.cli.schema docs/schema`.

The schemas are open: a later lastgood may add keys, so a reader must ignore those that it does not know.
"""

import inspect
import json
import sys
from collections.abc import Mapping
from enum import Enum
from importlib import import_module
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from lastgood.cli.app import COMMANDS
from lastgood.cli.output.json import SCHEMA

DIALECT = "https://json-schema.org/draft/2020-12/schema"
WITHOUT = frozenset({"exec"})
"""Commands without `--json`."""
ERROR = "error"
"""What every command answers instead, when it fails before it has anything else to say."""
NAMES = (ERROR, *(name for name in COMMANDS if name not in WITHOUT))
PLAIN: Mapping[Any, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    NoneType: "null",
}
Schema = dict[str, Any]


def make_schema(name: str) -> Schema:
    """The schema of a command's document, or of `error`."""
    document = import_module(f"lastgood.cli.documents.{name}").Document
    parts: dict[str, Schema] = {}
    whole = _object(document, parts)
    begin = {"$schema": DIALECT, "title": f"lastgood {name} --json" if name != ERROR else "a failure of any command"}
    properties = {"schema": {"const": SCHEMA}, **whole["properties"]}
    required = ["schema", *whole["required"]]
    return {**begin, **whole, "properties": properties, "required": required, **({"$defs": parts} if parts else {})}


def _object(kind: Any, parts: dict[str, Schema]) -> Schema:
    hints = get_type_hints(kind)
    own = kind.__doc__ if kind.__module__.startswith("lastgood.") and kind.__doc__ != dict.__doc__ else None
    return {
        **({"description": " ".join(inspect.cleandoc(own).split())} if own else {}),
        "type": "object",
        "properties": {key: _value(hint, parts) for key, hint in hints.items()},
        "required": [key for key in hints if key in kind.__required_keys__],
    }


def _value(hint: Any, parts: dict[str, Schema]) -> Schema:
    """The schema of one value. Raises `TypeError` for a type that no document may have."""
    arguments = get_args(hint)
    if hint is object:
        return {}
    if hint in PLAIN:
        return {"type": PLAIN[hint]}
    if is_typeddict(hint):
        return _part(hint, parts)
    if inspect.isclass(hint) and issubclass(hint, Enum):
        return {"enum": [str(one) for one in hint]}
    if get_origin(hint) in {Union, UnionType}:
        return _either([_value(one, parts) for one in arguments])
    if get_origin(hint) is Literal:
        return {"enum": [*arguments]}
    if get_origin(hint) is list:
        return {"type": "array", "items": _value(arguments[0], parts)}
    if get_origin(hint) is dict:
        return {"type": "object", "additionalProperties": _value(arguments[1], parts)}
    raise TypeError(f"no JSON is {hint}")


def _part(kind: Any, parts: dict[str, Schema]) -> Schema:
    """A reference to an object, which is described once. Two kinds of one name in a document are a `ValueError`."""
    name = kind.__name__
    described = _object(kind, parts)
    if parts.setdefault(name, described) != described:
        raise ValueError(f"two parts of one document are called {name}")
    return {"$ref": f"#/$defs/{name}"}


def _either(schemas: list[Schema]) -> Schema:
    if all(set(one) == {"type"} for one in schemas):
        return {"type": [one["type"] for one in schemas]}
    return {"anyOf": schemas}


def format_schema(name: str) -> str:
    """The content of the file of that name."""
    return json.dumps(make_schema(name), indent=2) + "\n"


def main() -> None:
    """Write all schemas into a directory."""
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        (directory / f"{name}.json").write_text(format_schema(name), encoding="utf-8")


if __name__ == "__main__":
    main()
