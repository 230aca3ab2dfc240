"""What fails says so with its exit code, a message, whether anything changed, and the next command."""

import errno
from pathlib import Path

import pytest

from lastgood.operations import show
from lastgood.project import Project as Opened
from tests.builders import Project, git
from tests.cli.conftest import Program

USAGE = [
    ("frobnicate",),
    ("list", "--frobnicate"),
    ("show",),
    ("where", "flights"),
    ("mark", "v1.0.0", "good"),
    ("register", "--bump", "huge"),
    ("register", "--bump", "major", "--version", "v1.0.0"),
    ("rollback",),
    ("rollback", "--reason", "  "),
    ("rollback", "--from", "", "--reason", "x"),
    ("rollback", "--here", "--record-only", "--reason", "x"),
    ("sync", "--stage", "prod", "--repo", "https://example.org/x.git"),
    ("sync", "--stage", "prod", "--watch", "5", "--dry-run"),
    ("assign", "v1.0.0", "--stage", "stable"),
    ("assign", "v1.0.0", "--stage", "not a stage"),
    ("assign", "v1.0.0", "--stage", "staging"),
    ("assign", "flights", "--stage", "staging", "--reason", "x"),
    ("mark", "v1.0.0", "failed"),
    ("unassign", "--stage", "prod"),
    ("show", "~~"),
]
SILENT = ("frobnicate", "list", "show", "where", "history")
"""Commands that only read: that nothing was changed goes without saying."""


@pytest.mark.parametrize("arguments", USAGE)
def test_wrong_usage_is_2_with_a_hint_and_nothing_changed(
    run: Program, story: Project, arguments: tuple[str, ...]
) -> None:
    before = story.git("for-each-ref")
    done = run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ") or "\nerror: " in done.err
    assert ("nothing was changed" in done.err) is (arguments[0] not in SILENT)
    assert "\nhint: " in done.err
    document = run(*arguments, "--json").json
    assert (document["schema"], document["error"], document["code"]) == (1, "usage", 2)
    assert document["changed"] is False
    assert story.git("for-each-ref") == before


HINTS = [
    (("rolback",), "did you mean 'rollback'?"),
    (("rollback", "--reason"), "lastgood rollback --help"),
    (("rollback", "-C", "."), "-C stands before the command: lastgood -C DIR rollback"),
    (("--dry-run", "rollback"), "a command's options stand after it: lastgood COMMAND --dry-run"),
    (
        ("assign", "flights", "v1.0.0", "--stage", "prod"),
        "artifact and version are one word, NAME@vX.Y.Z; lastgood assign --help",
    ),
    (("rollback", "2.0.0"), "lastgood rollback --from v2.0.0 --reason TEXT leaves it; --to v2.0.0 goes back to it"),
    (
        ("rollback", "flights@v2.0.0", "--reason", "x"),
        "lastgood rollback flights --from v2.0.0 --reason TEXT leaves it; --to v2.0.0 goes back to it",
    ),
    (("rollback", "--from", "2.0.0", "--reason", "x"), "write v2.0.0"),
    (("rollback", "--stage", "production", "--reason", "x"), "did you mean prod?"),
]


@pytest.mark.parametrize(("arguments", "hint"), HINTS)
@pytest.mark.usefixtures("story")
def test_what_tired_people_type_is_answered_with_what_they_meant(
    run: Program, arguments: tuple[str, ...], hint: str
) -> None:
    done = run(*arguments)
    assert done.code in {2, 12}
    assert done.err.splitlines()[-1] == f"hint: {hint}"


@pytest.mark.parametrize(
    ("arguments", "code", "name", "words"),
    [
        (("list", "delays"), 12, "unknown", "no artifact delays"),
        (("show", "v9.0.0"), 12, "unknown", "no version v9.0.0"),
        (("show", "flights#staging"), 12, "unknown", "nothing is assigned to stage staging"),
        (("rollback", "--stage", "staging", "--reason", "x"), 12, "unknown", "nothing is assigned to stage staging"),
        (("sync", "--stage", "staging"), 12, "unknown", "nothing is assigned to stage staging"),
        (("rollback", "--to", "v1.1.0", "--reason", "x"), 14, "refused", "v1.1.0 is marked failed"),
        (("assign", "v1.1.0", "--stage", "prod", "--reason", "x"), 14, "refused", "v1.1.0 is marked failed"),
        (("assign", "v1.0.0", "--stage", "pord", "--reason", "x"), 14, "refused", "prod is a stage already"),
        (("unassign", "--stage", "prod", "--reason", "x"), 14, "refused", "would go back to v1.0.0"),
        (("register", "--version", "v2.0.0"), 14, "refused", "v2.0.0 exists"),
    ],
)
@pytest.mark.usefixtures("story")
def test_a_failure_is_told_to_people_and_to_programs(
    run: Program, arguments: tuple[str, ...], code: int, name: str, words: str
) -> None:
    done = run(*arguments)
    assert (done.code, done.out) == (code, "")
    assert words in done.err
    assert ("nothing was changed" in done.err) is (arguments[0] not in SILENT)
    assert "\nhint: " in done.err
    document = run(*arguments, "--json").json
    assert (document["schema"], document["error"], document["code"]) == (1, name, code)
    assert document["changed"] is False
    assert words in document["message"]
    assert document["hint"]


def test_outside_git_and_without_dvc_is_10(run: Program, tmp_path: Path) -> None:
    (tmp_path / "nowhere").mkdir()
    (tmp_path / "bare").mkdir()
    git(tmp_path / "bare", "init", "--quiet")
    for place, words in (("nowhere", "not inside a git working tree"), ("bare", "without a DVC project")):
        done = run("list", at=tmp_path / place)
        assert (done.code, done.out) == (10, "")
        assert words in done.err
        assert run("list", "--json", at=tmp_path / place).json["error"] == "not a project"
    assert run("list", at=tmp_path / "does not exist").code == 10


def test_no_good_version_is_13_and_lists_the_candidates(run: Program, project: Project) -> None:
    project.version("v1.0.0", mark="failed")
    project.version("v1.1.0", model="b")
    project.version("v2.0.0", model="c", stages=["prod"])
    done = run("rollback", "--reason", "x", "--json")
    assert done.code == done.json["code"] == 13
    assert done.json["candidates"] == [
        {"version": "v1.1.0", "why": "not marked stable"},
        {"version": "v1.0.0", "why": "marked failed"},
    ]
    assert done.json["hint"] == "lastgood rollback flights --stage prod --to v1.1.0 --reason TEXT"


def test_a_dirty_tree_is_14_and_keeps_the_edit(run: Program, story: Project) -> None:
    story.put("params.yaml", "model: mine\nscore: 1\n")
    for arguments in (("checkout", "v1.0.0"), ("register",)):
        done = run(*arguments)
        assert done.code == 14
        assert "params.yaml" in done.err
    assert (story.root / "params.yaml").read_text() == "model: mine\nscore: 1\n"


def test_a_second_rollback_without_from_is_14_until_it_settled(run: Program, story: Project) -> None:
    story.commit_version(model="zeroth")
    assert run("rollback", "--reason", "x").code == 0
    done = run("rollback", "--reason", "x")
    assert done.code == 14
    assert "--from v1.0.0" in done.err
    assert "--again" in done.err


def test_all_findings_are_listed_with_3(run: Program, story: Project) -> None:
    for path in (story.root / ".dvc/cache/files", story.remote / "files"):
        for one in path.rglob("*"):
            if one.is_file():
                one.chmod(0o644)
                one.unlink()
    done = run("rollback", "--reason", "x")
    assert done.code == 3
    assert "  - models/model.txt" in done.err
    assert "  - data/raw" in done.err
    document = run("rollback", "--reason", "x", "--json").json
    assert {"kind": "missing"}.items() <= document["findings"][0].items()


def test_an_unreachable_remote_is_1_for_changing_commands_and_nothing_for_reading_ones(
    run: Program, story: Project
) -> None:
    story.origin.rename(story.base / "gone.git")
    done = run("rollback", "--reason", "x", "--json")
    assert (done.code, done.json["error"]) == (1, "unreachable")
    assert run("list").code == 0
    assert run("list", "--fetch").code == 1


def test_a_broken_configuration_is_2_and_names_the_key(run: Program, project: Project) -> None:
    project.put("lastgood.toml", "[rollback]\naccepts = 'stable'\n")
    done = run("list")
    assert done.code == 2
    assert "[rollback] accepts" in done.err


def test_a_bug_is_70_and_leaves_a_report_without_secrets(
    run: Program, story: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_project: Opened, _name: str | None, *, fetch: bool) -> None:
        raise ZeroDivisionError(f"at https://me:secret@example.org/, {fetch}")

    monkeypatch.setattr(show, "list_versions", broken)
    monkeypatch.setenv("TOKEN", "of-nobodys-business")
    done = run("list", "https://you:hidden@example.org/")
    assert (done.code, done.out) == (70, "")
    report = Path(done.err.partition("report: ")[2].splitlines()[0])
    assert report.parent == story.root / ".git/lastgood"
    content = report.read_text()
    assert report.stat().st_mode & 0o777 == 0o600
    for word in ("ZeroDivisionError", "Traceback", "lastgood 0", "python 3", "dvc 3", "'list'"):
        assert word in content
    for word in ("secret", "hidden", "of-nobodys-business"):
        assert word not in content + done.err
    document = run("list", "--json").json
    assert (document["error"], document["code"]) == ("bug", 70)
    assert Path(document["report"]).is_file()


@pytest.mark.usefixtures("story")
@pytest.mark.parametrize(
    ("number", "code"), [(errno.EACCES, 1), (errno.ENOSPC, 1), (errno.EROFS, 1), (errno.EBADF, 70)]
)
def test_what_the_system_refuses_is_no_bug(
    run: Program, monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    def refused(_project: Opened, _name: str | None, *, fetch: bool) -> None:
        raise OSError(number, f"{fetch}: refused", "/var/models")

    monkeypatch.setattr(show, "list_versions", refused)
    done = run("list")
    assert done.code == code
    assert "/var/models" in done.err


@pytest.mark.usefixtures("story")
def test_an_interrupt_is_130_and_says_how_to_look(run: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_project: Opened, _name: str | None, *, fetch: bool) -> None:
        raise KeyboardInterrupt(fetch)

    monkeypatch.setattr(show, "list_versions", interrupted)
    done = run("list")
    assert (done.code, done.out) == (130, "")
    assert "lastgood status" in done.err
    assert run("list", "--json").json["code"] == 130


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_no_password_in_an_address_is_told_in_text_or_json(run: Program, story: Project, more: tuple[str, ...]) -> None:
    story.put("lastgood.toml", '[rollback]\nhealth = "echo cannot fetch https://me:hunter2@example.org/x; exit 1"\n')
    done = run("rollback", "--here", "--reason", "x", *more)
    assert done.code == 5
    assert "https://***@example.org/x" in done.out + done.err
    assert "hunter2" not in done.out + done.err
