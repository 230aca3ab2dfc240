"""`lastgood exec` on the command line: what is before the dashes is ours, what is behind them the command's."""

from tests.builders import Project
from tests.cli.conftest import Program


def test_output_and_exit_code_are_the_command_s(run: Program, story: Project) -> None:
    assert story.root.is_dir()
    done = run("exec", "v1.0.0", "--", "sh", "-c", "cat models/model.txt; exit 3")
    assert (done.code, done.out) == (3, "first")
    assert done.err.splitlines() == [
        "fetching what is missing here",
        "building the release",
        "building the environment",
    ]
    again = run("exec", "flights@v1.0.0", "--", "python", "-c", "import sys; print(sys.argv)", "--json", "-C", "--help")
    assert (again.code, again.out, again.err) == (0, "['-c', '--json', '-C', '--help']\n", "")


def test_json_behind_the_dashes_is_not_for_us(run: Program, story: Project) -> None:
    assert story.root.is_dir()
    done = run("exec", "v9.0.0", "--", "tool", "--json")
    assert (done.code, done.out) == (12, "")
    assert "v9.0.0" in done.err


def test_without_a_command_it_is_wrong_usage(run: Program) -> None:
    done = run("exec", "v1.0.0")
    assert (done.code, done.out) == (2, "")
    assert "CMD" in done.err
