"""The parts of the demo that could make it say what is not so; `make demo` runs the story itself."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

import evidence
import scratch
import story as demo
from console import Console, StoryError, told, typed
from evidence import State
from judging import judge
from scratch import Scratch, environment, git, make_origin
from steps import Story, edit, prove_same
from tests.builders import Project

NOTED = State("c0ffee", (("models/model.txt", "0" * 32),), b"flight,probability\n1,0.25\n")


@pytest.fixture
def console(tmp_path: Path) -> Console:
    return Console(tmp_path, environment(tmp_path / "home"))


@pytest.fixture
def told_story(tmp_path: Path, console: Console) -> Story:
    return Story(tmp_path, Scratch(tmp_path), console)


@pytest.fixture
def outer(tmp_path: Path) -> Path:
    """A repository with two commits, tags of its own, and a detached HEAD on a branch that is not main."""
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "--quiet", "--initial-branch", "work")
    for content in ("one", "two"):
        (outer / "file").write_text(content)
        git(outer, "add", "file")
        git(outer, "commit", "--quiet", "--message", content)
    git(outer, "tag", "--annotate", "flights@v9.9.9", "--message", "outer")
    git(outer, "checkout", "--quiet", "--detach")
    return outer


@pytest.mark.parametrize("shallow", [False, True])
def test_origin_is_a_whole_repository_with_the_files_of_head_and_nothing_else(
    outer: Path, tmp_path: Path, console: Console, *, shallow: bool
) -> None:
    origin = tmp_path / "origin.git"
    if shallow:
        git(tmp_path, "clone", "--quiet", "--depth", "1", "--branch", "flights@v9.9.9", outer.as_uri(), "shallow")
    make_origin(tmp_path / "shallow" if shallow else outer, origin, dict(console.environment))
    assert git(origin, "rev-parse", "--is-shallow-repository") == "false"
    assert git(origin, "for-each-ref", "--format=%(refname)") == "refs/heads/main"
    assert git(origin, "show", "main:file") == "two"
    assert git(origin, "rev-list", "--count", "main") == ("1" if shallow else "2")
    assert git(origin, "remote") == ""
    git(tmp_path, "clone", "--quiet", str(origin), "clone")
    assert git(tmp_path / "clone", "fsck", "--no-dangling") == ""


def test_md5_of_files_and_directories_are_those_that_dvc_writes(project: Project) -> None:
    for name in ("b/x.csv", "b-a.csv", "b/ü/y.csv", "c.csv"):
        project.put(f"data/raw/{name}", name)
    with project.dvc() as repo:
        repo.add("data/raw")
        repo.reproduce()
    pinned = yaml.safe_load((project.root / "data/raw.dvc").read_text())["outs"]
    assert [evidence.md5_of(project.root / "data/raw")] == [out["md5"] for out in pinned]
    locked = evidence.locked(project.root / "dvc.lock")
    assert {path for path, _ in locked} == {"models/model.txt", "models/metrics.json"}
    assert [(path, evidence.md5_of(project.root / path)) for path, _ in locked] == [*locked]


def test_a_byte_that_differs_and_a_file_too_many_are_found(tmp_path: Path) -> None:
    for place, content in (("left", b"1"), ("right", b"2")):
        for name in ("same", ".git/config", "scripts/__pycache__/x.pyc"):
            (tmp_path / place / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / place / name).write_bytes(b"same" if name == "same" else content)
    assert evidence.compare(tmp_path / "left", tmp_path / "right") == evidence.Comparison(1, 4, ())
    (tmp_path / "left" / "differs").write_text("1")
    (tmp_path / "right" / "differs").write_text("2")
    (tmp_path / "right" / "more").write_text("")
    assert evidence.compare(tmp_path / "left", tmp_path / "right").different == ("differs", "more")


@pytest.mark.parametrize(
    ("now", "failed"),
    [
        (NOTED, 0),
        (State("decaf", NOTED.outputs, NOTED.predictions), 1),
        (State(NOTED.commit, (("models/model.txt", "1" * 32),), NOTED.predictions), 1),
        (State(NOTED.commit, NOTED.outputs, NOTED.predictions.replace(b"0.25", b"0.250000000000000001")), 1),
        (State(NOTED.commit, (), b""), 2),
    ],
)
def test_one_bit_that_is_not_as_noted_fails_the_story(told_story: Story, now: State, failed: int) -> None:
    prove_same(told_story, "here", now, NOTED)
    assert len(told_story.proofs.failed) == failed
    assert demo.conclude(told_story, 1.0) == (1 if failed else 0)


def test_predictions_are_judged_by_flight_not_by_row(tmp_path: Path) -> None:
    (tmp_path / "predictions.csv").write_text("flight,probability\n3,0.9\n1,0.1\n2,0.2\n4,0.5\n")
    (tmp_path / "outcome.csv").write_text("flight,late\n1,0\n2,0\n3,1\n")
    found = judge(tmp_path / "predictions.csv", tmp_path / "outcome.csv")
    assert (found.flights, found.roc_auc) == (3, 1.0)
    assert found.mean == pytest.approx(0.4)
    assert found.base_rate == pytest.approx(1 / 3)
    assert found.log_loss < found.uninformed


def test_a_trimmed_output_says_how_much_is_missing(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    script = "for line in range(12): print('line', line)"
    assert console.run("python", "-c", script, limit=2).count("line") == 12
    assert capsys.readouterr().out.splitlines()[1:] == ["  line 0", "  line 1", "  … 10 more lines"]


def test_a_failing_command_ends_the_story_with_its_output(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    code = told(lambda: len(console.run("python", "-c", "print('why'); raise SystemExit(7)", limit=0)))
    shown = capsys.readouterr()
    assert code == 1
    assert "  why" in shown.out
    assert "exit code 7" in shown.err
    with pytest.raises(StoryError):
        console.ask("git", "no-such-command")


def test_commands_are_shown_as_typed_in_80_columns() -> None:
    words = ("lastgood", "rollback", "flights", "--from", "v2.0.0", "--reason", "a reason that is long " * 2, "--stage")
    lines = typed(words)
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("$ lastgood rollback flights --from v2.0.0")
    assert len(lines) > 1
    assert lines[0].endswith(" \\")


def test_a_file_that_is_not_as_expected_is_not_edited(told_story: Story) -> None:
    told_story.scratch.engineer.mkdir()
    (told_story.scratch.engineer / "params.yaml").write_text("through: 1\nthrough: 2\n")
    with pytest.raises(StoryError, match="2"):
        edit(told_story, "params.yaml", r"through: \d", "through: 3")
    assert (told_story.scratch.engineer / "params.yaml").read_text() == "through: 1\nthrough: 2\n"


def test_a_directory_in_use_is_refused_and_a_read_only_one_removed(tmp_path: Path) -> None:
    (tmp_path / "used" / "release").mkdir(parents=True)
    with pytest.raises(StoryError, match="not empty"):
        demo.prepare(tmp_path / "used")
    (tmp_path / "used" / "release" / "file").touch()
    (tmp_path / "used" / "release").chmod(0o555)
    scratch.remove(tmp_path / "used")
    assert not (tmp_path / "used").exists()


def test_an_interrupted_story_ends_its_commands_and_leaves_no_traceback() -> None:
    script = (
        "import sys; from pathlib import Path; from console import Console, told; import os\n"
        "sys.exit(told(lambda: len(Console(Path(), os.environ).run('sleep', '60'))))"
    )
    demo_directory = Path(demo.__file__).parent
    command = [sys.executable, "-c", script]
    variables = {**os.environ, "PYTHONPATH": str(demo_directory)}
    process = subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "$ sleep 60"
    started = time.monotonic()
    process.send_signal(2)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors.strip() == "interrupted"
    assert time.monotonic() - started < 30
