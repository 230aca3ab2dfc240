"""One command run to its end: what it says, how long it may take, and that nothing of it stays."""

import os
import sys
import time
from pathlib import Path

import pytest

from lastgood.adapters import process
from lastgood.adapters.process import MOST, Outcome


def run(
    command: list[str] | str, at: Path, *, timeout: float | None = 60, stdin: bytes = b"", merged: bool = False
) -> Outcome:
    return process.run(command, at, os.environ, timeout, stdin=stdin, merged=merged)


def test_exit_code_and_both_streams_come_back(tmp_path: Path) -> None:
    assert run("echo out; echo err >&2; exit 3", tmp_path) == Outcome(3, b"out\n", b"err\n")
    assert run("echo out; echo err >&2", tmp_path, merged=True) == Outcome(0, b"out\nerr\n")
    assert run("kill -9 $$", tmp_path).code == -9
    assert run(["echo", "$HOME; exit 3"], tmp_path) == Outcome(0, b"$HOME; exit 3\n")


def test_a_command_that_does_not_exist_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        run(["no-such-command"], tmp_path)


def test_more_than_a_pipe_holds_is_written_and_read(tmp_path: Path) -> None:
    text = b"x" * (MOST // 2)
    assert run(["cat"], tmp_path, stdin=text) == Outcome(0, text)
    assert run(["true"], tmp_path, stdin=text * 4).code == 0  # what nobody reads is no failure


def test_of_a_long_answer_the_beginning_and_the_end_are_kept(tmp_path: Path) -> None:
    command = [sys.executable, "-c", f"print('first'); print('x' * {4 * MOST}); print('last')"]
    outcome = run(command, tmp_path)
    assert len(outcome.out) == MOST
    assert outcome.out.startswith(b"first\n")
    assert outcome.words(1) == "last"


def test_a_command_without_an_end_is_ended_with_what_it_started(tmp_path: Path) -> None:
    assert run("sleep 600 & echo $! > child; sleep 600", tmp_path, timeout=0.5) == Outcome(None, b"")
    wait_for_the_end_of(int((tmp_path / "child").read_text()))


def test_what_a_command_leaves_behind_is_ended(tmp_path: Path) -> None:
    assert run("sleep 600 > /dev/null 2>&1 & echo $!", tmp_path).code == 0
    outcome = run("sleep 600 > /dev/null 2>&1 & echo $!", tmp_path)
    wait_for_the_end_of(int(outcome.out))


def wait_for_the_end_of(pid: int) -> None:
    for _ in range(600):
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text().rpartition(") ")[2][0] == "Z":
            return
        time.sleep(0.1)
    raise AssertionError(pid)
