"""Help and the reference: every command and option explains itself, and docs/cli.md is what the program says."""

import re
from pathlib import Path

import pytest

from lastgood import __version__
from lastgood.cli.app import COMMANDS, group
from lastgood.cli.configuration import configuration
from lastgood.cli.reference import reference
from lastgood.core.config import Config
from tests.cli.conftest import Program

ROOT = Path(__file__).parents[2]
READING = {"status", "list", "show", "diff", "history", "where", "verify", "exec"}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_of_80_columns(run: Program, name: str) -> None:
    for option in ("--help", "-h"):
        done = run(name, option)
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith(f"Usage: lastgood {name} [OPTIONS]")
        assert max(map(len, done.out.splitlines())) <= 80


@pytest.mark.parametrize("name", COMMANDS)
def test_every_argument_and_option_says_what_it_is(name: str) -> None:
    command = group().commands[name]
    assert command.help
    assert all(getattr(one, "help", None) for one in command.params)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_answers_in_json_and_every_changing_one_can_be_tried(name: str) -> None:
    options = {option for one in group().commands[name].params for option in one.opts}
    assert ("--json" in options) is (name != "exec")  # its standard output is the command's
    assert ("--dry-run" in options) is (name not in READING)
    assert ("--fetch" in options) is (name in READING - {"where", "verify"})


def test_the_overview_lists_the_commands_on_80_columns(run: Program) -> None:
    done = run("--help")
    assert done.code == 0
    assert [line.split()[0] for line in done.out.partition("Commands:\n")[2].splitlines()] == list(COMMANDS)
    assert "..." not in done.out.partition("Commands:\n")[2]
    assert max(map(len, done.out.splitlines())) <= 80


def test_without_a_command_help_is_shown_as_wrong_usage(run: Program) -> None:
    done = run()
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Usage: lastgood")


def test_it_knows_its_version(run: Program) -> None:
    assert run("--version").out == f"lastgood {__version__}\n"


def test_the_reference_is_current() -> None:
    text = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    assert text == reference(), "python -m lastgood.cli.reference > docs/cli.md"


def test_the_reference_of_settings_is_current_and_its_examples_are_valid() -> None:
    text = (ROOT / "docs/configuration.md").read_text()
    assert text == configuration(), "python -m lastgood.cli.configuration > docs/configuration.md"
    examples = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert examples
    for example in examples:
        assert Config.parse(example) != Config()


def test_the_reference_names_every_exit_code_of_the_errors() -> None:
    table = reference().partition("## Exit codes")[2].partition("\n## ")[0]
    codes = [int(line.split("|")[1]) for line in table.splitlines() if line.startswith("| ") and "code" not in line[:8]]
    assert codes == [0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 70, 130]
