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


def test_a_rollback_names_the_first_packages_that_differ(run: Program, project: Project) -> None:
    for number in (1, 2):
        lock = "".join(f"package-{one:02}=={number}.{one}\n" for one in range(14))
        project.commit_version(model=f"model {number}", code={"requirements.txt": lock})
        assert run("register", "--bump", "major").code == 0
        assert run("assign", "latest", "--stage", "prod", "--reason", "go").code == 0
        assert run("mark", "latest", "stable", "--reason", "good").code == 0
    given = ("rollback", "--from", "v2.0.0", "--reason", "late", "--dry-run")
    told = run(*given).out.splitlines()
    start = told.index("environment (14)")
    assert told[start + 1].split() == ["package-00", "2.0", "1.0"]
    assert told[start + 11] == "  … 4 more (lastgood diff v2.0.0 v1.0.0)"
    document = run(*given, "--json").json
    assert document["environment"]["packages"][13] == {"name": "package-13", "from": "2.13", "to": "1.13"}
