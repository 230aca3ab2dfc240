"""What a program answers with `--json`, compared with the schemas in docs/schema, key by key."""

import json
from collections.abc import Sequence
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from lastgood.cli.schema import ERROR, NAMES

DIRECTORY = Path(__file__).parents[2] / "docs/schema"


def require_valid(arguments: Sequence[str], out: str) -> None:
    """Raise `ValidationError` where a command was asked for JSON and its answer is not as its schema says. A key that
    the schema does not have is an error here."""
    given = [*takewhile(lambda one: one != "--", arguments)]
    named = [one for one in given if one in NAMES]
    if "--json" not in given or not out.strip() or not named:
        return
    for document in [json.loads(out)] if out.startswith("{\n") else map(json.loads, out.splitlines()):
        validator(kind_of(named[0], document)).validate(document)


def kind_of(command: str, document: dict[str, Any]) -> str:
    """A command that failed answers with its own document and more, or with the error alone."""
    whole = set(validator(command).schema["required"]) <= document.keys()
    return command if whole or "error" not in document else ERROR


@cache
def validator(name: str) -> Draft202012Validator:
    """The schema of a command's document, closed."""
    return Draft202012Validator(_closed(json.loads((DIRECTORY / f"{name}.json").read_text())))


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inside = {key: _closed(value) for key, value in schema.items()}
    return {**inside, "additionalProperties": False} if "properties" in schema and "required" in schema else inside
