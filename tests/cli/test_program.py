"""The program as its own process: start-up, pipes, signals, and the script that CI runs."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import IO

import pytest

from tests.builders import Project
from tests.cli.conftest import Program

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "lastgood.cli.app"]


def call(*arguments: str, at: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROGRAM, *arguments], cwd=at, capture_output=True, text=True, check=False)


def test_the_installed_program_answers_below_the_root(story: Project) -> None:
    program = str(Path(sys.executable).with_name("lastgood"))
    command = [program, "list", "--json"]
    done = subprocess.run(command, cwd=story.root / "models", capture_output=True, text=True, check=False)
    assert (done.returncode, json.loads(done.stdout)["schema"]) == (0, 1)


def test_a_reader_that_leaves_is_no_failure(story: Project) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*PROGRAM, "history"], cwd=story.root, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr
    assert b"BrokenPipe" not in done.stderr


def test_progress_that_nobody_reads_stops_nothing(story: Project) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [*PROGRAM, "rollback", "--from", "v2.0.0", "--reason", "late", "--json"]
    done = subprocess.run(command, cwd=story.root, stdout=subprocess.PIPE, stderr=writing, check=False)
    os.close(writing)
    assert (done.returncode, json.loads(done.stdout)["to"]) == (0, "v1.0.0")


def read_all(controller: int) -> str:
    """What was written to a terminal that nobody has open any more: the kernel gives it in pieces, then an error."""
    pieces = []
    with suppress(OSError):
        while piece := os.read(controller, 1 << 16):
            pieces.append(piece)
    os.close(controller)
    return b"".join(pieces).decode()


def test_a_terminal_gets_one_line_of_progress_that_is_taken_away_again(story: Project) -> None:
    controller, terminal = pty.openpty()
    command = [*PROGRAM, "rollback", "--from", "v2.0.0", "--reason", "late", "--here", "--json"]
    done = subprocess.run(command, cwd=story.root, stdout=subprocess.PIPE, stderr=terminal, check=False)
    os.close(terminal)
    said = read_all(controller)
    assert (done.returncode, json.loads(done.stdout)["applies"]) == (0, "here")
    assert "reading the git remote" in said
    assert "building the release" in said
    assert "\n" not in said
    assert said.rsplit("\r", 2)[-2].strip() == said.rsplit("\r", 2)[-1] == ""


def test_a_terminal_without_utf8_gets_escapes(story: Project) -> None:
    environment = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    story.tag("flights#prod#9", message="why\n\nŁódź was late")
    done = subprocess.run([*PROGRAM, "history"], cwd=story.root, env=environment, capture_output=True, check=False)
    assert done.returncode == 0
    assert rb"\u0141" in done.stdout


def rollback(*arguments: str, at: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts/rollback.py"), *arguments]
    return subprocess.run(command, cwd=at, capture_output=True, text=True, check=False)


def test_the_script_for_ci_leaves_the_state_of_one_run(story: Project) -> None:
    given = [
        "--artifact",
        "flights",
        "--stage",
        "prod",
        "--from",
        "v2.0.0",
        "--to",
        "",
        "--reason",
        "-5 % AUC",
        "--json",
    ]
    tried = rollback(*given, "--dry-run", at=story.root)
    assert (tried.returncode, json.loads(tried.stdout)["to"]) == (0, "v1.0.0")
    first = rollback(*given, "--record-only", at=story.root)
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout)["reason"] == "-5 % AUC"
    refs = story.git("ls-remote", "origin")
    second = rollback(*given, at=story.root)
    assert (second.returncode, json.loads(second.stdout)["fulfilled"]) == (0, True)
    assert story.git("ls-remote", "origin") == refs


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--reason", "x"], 2),
        (["--from", "", "--reason", "x"], 2),
        (["--from", "v2.0.0"], 2),
        (["--from", "v9.0.0", "--reason", "x"], 12),
        (["--from", "v2.0.0", "--to", "v1.1.0", "--reason", "x"], 14),
        (["--from", "v1.0.0", "--to", "v1.1.0", "--reason", "x"], 4),
        (["--artifact", "delays", "--from", "v2.0.0", "--reason", "x"], 12),
    ],
)
def test_the_exit_codes_of_the_script_are_those_of_the_command(story: Project, arguments: list[str], code: int) -> None:
    done = rollback(*arguments, at=story.root)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr


def lines(stream: IO[str], number: int) -> list[str]:
    return [stream.readline().rstrip("\n") for _ in range(number)]


def watch(project: Project, *more: str) -> subprocess.Popen[str]:
    command = [*PROGRAM, "sync", "--stage", "prod", "--watch", "0.1", *more]
    return subprocess.Popen(command, cwd=project.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_watching_tells_changes_and_errors_once_and_ends_in_peace(run: Program, story: Project) -> None:
    with watch(story, "--json") as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        assert run("rollback", "--record-only", "--reason", "late").code == 0
        second = json.loads(process.stdout.readline())
        story.origin.rename(story.base / "gone.git")
        failed = json.loads(process.stdout.readline())
        time.sleep(0.5)
        (story.base / "gone.git").rename(story.origin)
        back = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        rest, said = process.communicate(timeout=30)
    assert [first["version"], second["version"], failed["error"], back["version"]] == [
        "v2.0.0",
        "v1.0.0",
        "unreachable",
        "v1.0.0",
    ]
    assert (process.returncode, rest, said) == (0, "", "")
    times = [datetime.fromisoformat(one["at"]) for one in (first, second, failed, back)]
    assert times == sorted(times)


def test_watching_tells_a_failed_version_once_keeps_what_is_live_and_goes_on_after_the_rollback(
    run: Program, story: Project
) -> None:
    with watch(story, "--json") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["version"] == "v2.0.0"
        assert run("mark", "v2.0.0", "failed", "--reason", "wrong sign").code == 0
        failed = json.loads(process.stdout.readline())
        time.sleep(0.5)
        assert run("where", "--stage", "prod").out.rstrip("\n").rpartition("/")[2].startswith("v2.0.0-")
        assert run("rollback", "--record-only", "--reason", "wrong sign").code == 0
        back = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        rest, said = process.communicate(timeout=30)
    assert (failed["error"], failed["code"], back["version"]) == ("refused", 14, "v1.0.0")
    assert failed["hint"] == "lastgood rollback flights --stage prod --from v2.0.0 --reason TEXT"
    assert (process.returncode, rest, said) == (0, "", "")


def test_watching_ends_with_130_on_an_interrupt(story: Project) -> None:
    with watch(story) as process:
        assert process.stdout is not None
        at, told = lines(process.stdout, 1)[0].split("Z ", 1)
        assert told.startswith("flights@v2.0.0 is live in prod")
        assert abs(datetime.fromisoformat(f"{at}+00:00").timestamp() - time.time()) < 600
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "lastgood status" in said


def test_watching_does_not_begin_outside_a_project(tmp_path: Path) -> None:
    assert call("sync", "--stage", "prod", "--watch", "1", at=tmp_path).returncode == 10
