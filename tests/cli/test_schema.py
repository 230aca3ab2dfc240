"""Every `--json` document has a schema, made from its type, and keeps to it."""

import json
from typing import Any, TypedDict

import pytest
from jsonschema import Draft202012Validator, ValidationError

from lastgood.cli.documents import parts
from lastgood.cli.schema import ERROR, NAMES, _part, _value, format_schema
from tests.builders import Project
from tests.cli.conftest import Program
from tests.cli.schemas import DIRECTORY, kind_of, require_valid, validator

COMMANDS = """\
register --dry-run
status --fetch
list --fetch
show v1.0.0
diff v1.0.0 v2.0.0
history
init
sync --stage prod
where --stage prod
guard --stage prod --once
guard --stage prod --dry-run
rollback --from v2.0.0 --reason late --dry-run
rollback --from v2.0.0 --reason late
rollback --from v2.0.0 --reason late
resolve v2.0.0 --cause data --reason late
status
mark v1.1.0 stable --reason mended
assign v1.1.0 --stage canary --reason try
unassign --stage canary --reason tried
adopt
verify
repair
prune
gc --remote --dry-run
checkout v1.0.0
discount flights#prod#1 --reason ahead
show v9.0.0
""".splitlines()


def test_the_files_are_those_that_the_types_make() -> None:
    assert {path.name for path in DIRECTORY.iterdir()} == {f"{name}.json" for name in NAMES}
    for name in NAMES:
        text = (DIRECTORY / f"{name}.json").read_text()
        assert text == format_schema(name), "python -m lastgood.cli.schema docs/schema"
        Draft202012Validator.check_schema(json.loads(text))


def test_every_command_answers_as_its_schema_says(run: Program, story: Project) -> None:
    story.put(
        "lastgood.toml", '[guard.prod]\ninterval = "1s"\ncheck = [{name = "loss", command = "echo 1", max = 1}]\n'
    )
    story.commit("Configure")
    seen = set()
    for line in COMMANDS:
        done = run(*line.split(), "--json")  # compares with the schema
        seen.add(kind_of(line.split()[0], done.json))
    assert {*NAMES} - seen == {"discount"}, "no event is dated ahead here; test_discount.py takes one out of count"


@pytest.mark.parametrize(
    "change",
    [{"published": "yes"}, {"applies": "there"}, {"extra": 1}, {"from": None}, {"skipped": [{"version": "v1.0.0"}]}],
    ids=str,
)
@pytest.mark.usefixtures("story")
def test_a_document_that_differs_from_its_schema_fails_a_test(run: Program, change: dict[str, Any]) -> None:
    arguments = ["rollback", "--from", "v2.0.0", "--reason", "late", "--dry-run", "--json"]
    document = run(*arguments).json
    with pytest.raises(ValidationError):
        require_valid(arguments, json.dumps({**document, **change}, indent=2))
    document.pop("tags")
    with pytest.raises(ValidationError):
        require_valid(arguments, json.dumps(document, indent=2))


def test_published_schemas_allow_keys_that_come_later() -> None:
    for name in NAMES:
        assert "additionalProperties" not in json.loads((DIRECTORY / f"{name}.json").read_text())
    assert validator(ERROR).schema["additionalProperties"] is False


def test_a_type_that_json_does_not_have_and_two_parts_of_one_name_are_refused() -> None:
    class Finding(TypedDict):
        """Another one."""

        kind: int

    defined: dict[str, Any] = {}
    _part(parts.Finding, defined)
    with pytest.raises(ValueError, match="two parts of one document are called Finding"):
        _part(Finding, defined)
    with pytest.raises(TypeError, match="bytes"):
        _value(bytes, defined)
