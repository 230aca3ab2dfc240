"""Output that nobody can get: full, closed, without a reader, or with one that does not read. It decides nothing."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.builders import Project

PROGRAM = shlex.join([sys.executable, "-m", "lastgood.cli.app"])
BROKEN = {
    "stdout full": ">/dev/full",
    "stderr full": "2>/dev/full",
    "both full": ">/dev/full 2>&1",
    "stdout closed": ">&-",
    "stderr closed": "2>&-",
    "both closed": ">&- 2>&-",
    "all closed": "<&- >&- 2>&-",
    "no reader": "| head -c 0",
}
CHANGING = [
    ("rollback --from v2.0.0 --reason late --here", "v1.0.0"),
    ("rollback --from v2.0.0 --reason late --here --json", "v1.0.0"),
    ("assign v1.0.0 --stage prod --reason back", "v1.0.0"),
]


def shell(command: str, at: Path) -> subprocess.CompletedProcess[str]:
    """The program in a shell that breaks its streams; the code is the program's own, behind a pipe too."""
    whole = ["bash", "-c", f"set -o pipefail; {PROGRAM} {command}"]
    return subprocess.run(whole, cwd=at, capture_output=True, text=True, check=False, timeout=300)


_MAIN = "from lastgood.cli.app import main; sys.exit(main())"


def assigned(project: Project) -> str:
    """The version that origin's newest tag of prod names, without lastgood's eyes."""
    newest = project.git(
        "-C",
        str(project.origin),
        "for-each-ref",
        "--sort=taggerdate",
        "--format=%(*objectname)",
        "refs/tags/flights#prod#*",
    )
    names = project.git("tag", f"--points-at={newest.split()[-1]}", "--list", "flights@*").split()
    return names[0].removeprefix("flights@")


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize(("command", "version"), CHANGING, ids=["rollback", "rollback --json", "assign"])
def test_a_change_is_carried_out_and_exits_0_whoever_can_be_told(
    story: Project, broken: str, command: str, version: str
) -> None:
    done = shell(f"{command} {broken}", story.root)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert assigned(story) == version
    if "--here" in command:
        live = story.root / shell("where --stage prod", story.root).stdout.strip()
        assert (live / "models/model.txt").read_text() == "first"
    again = shell(f"{command} {broken}", story.root)
    assert again.returncode == 0


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_marks_and_registrations_are_recorded_whoever_can_be_told(story: Project, broken: str) -> None:
    assert shell(f"mark v2.0.0 stable --reason good {broken}", story.root).returncode == 0
    story.commit_version(model="fourth")
    assert shell(f"register --version v3.0.0 {broken}", story.root).returncode == 0
    there = story.git("ls-remote", "--tags", "origin")
    assert "flights@v3.0.0" in there
    assert "flights#stable#" in there


@pytest.mark.parametrize("command", ["status", "list", "history", "show v1.0.0", "list --json", "--version"])
def test_an_answer_that_was_lost_is_1_and_one_that_nobody_wanted_is_not(story: Project, command: str) -> None:
    lost = shell(f"{command} >/dev/full", story.root)
    assert (lost.returncode, lost.stderr.splitlines()[-1]) == (1, "error: cannot write output: no space left on device")
    assert "Traceback" not in lost.stderr
    for broken in (">&-", "| head -c 0", "2>&-", "2>/dev/full"):
        done = shell(f"{command} {broken}", story.root)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), (broken, done.stderr)


def test_help_that_was_lost_is_1(story: Project) -> None:
    lost = shell("rollback --help >/dev/full", story.root)
    assert (lost.returncode, "Traceback" in lost.stderr) == (1, False)
    assert shell("rollback --help >&-", story.root).returncode == 0


def test_a_failure_keeps_its_code_whoever_can_be_told(story: Project) -> None:
    for broken in BROKEN.values():
        assert shell(f"rollback --from v9.0.0 --reason x {broken}", story.root).returncode == 12
        assert shell(f"show v9.0.0 --json {broken}", story.root).returncode == 12
    lost = shell("show v9.0.0 --json >/dev/full", story.root)
    assert "error: flights has no version v9.0.0" in lost.stderr
    lost = shell("rollback --from v2.0.0 --reason x --dry-run >/dev/full", story.root)
    assert (lost.returncode, lost.stderr.splitlines()[-1]) == (1, "error: cannot write output: no space left on device")


def test_a_change_that_could_not_be_told_on_stdout_is_told_on_stderr(story: Project) -> None:
    done = shell("rollback --from v2.0.0 --reason late >/dev/full", story.root)
    assert done.stderr.splitlines()[-1] == (
        "warning: cannot write output: no space left on device; the command was carried out"
    )


def test_a_reader_that_does_not_read_holds_no_rollback_back(story: Project) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4096)
    os.set_blocking(writing, True)
    code = f"import sys; from lastgood.cli.output import streams; streams.PATIENCE = 0.2\n{_MAIN}"
    command = [sys.executable, "-c", code, "rollback", "--from", "v2.0.0", "--reason", "late"]
    done = subprocess.run(command, cwd=story.root, stdout=writing, stderr=subprocess.PIPE, timeout=120, check=False)
    os.close(writing)
    os.close(reading)
    assert (done.returncode, assigned(story)) == (0, "v1.0.0")
    assert b"cannot write output: nobody reads it" in done.stderr


def until(there: Callable[[], bool]) -> None:
    """Wait for it; the limit is far above what it takes."""
    end = time.monotonic() + 120
    while not there():
        assert time.monotonic() < end
        time.sleep(0.05)


@contextmanager
def started(command: str, cwd: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A shell command that goes on until SIGTERM, which the block sends; whatever fails there, it ends."""
    with subprocess.Popen(["bash", "-c", f"exec {command}"], cwd=cwd, stdout=subprocess.DEVNULL) as process:
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        finally:
            process.kill()


@pytest.mark.parametrize("broken", [">/dev/full", ">/dev/full 2>&1", ">&- 2>&-", "2>/dev/full"])
def test_watching_goes_on_switching_with_a_full_or_closed_log(story: Project, broken: str) -> None:
    link = story.root / ".git/lastgood/live/flights/prod"
    with started(f"{PROGRAM} sync --stage prod --watch 0.1 {broken}", story.root) as process:
        until((link / "models/model.txt").exists)
        assert (link / "models/model.txt").read_text() == "third"
        assert shell("rollback --from v2.0.0 --reason late --record-only", story.root).returncode == 0
        until(lambda: (link / "models/model.txt").read_text() == "first")
    assert process.returncode == 0


def test_what_a_watch_could_not_tell_is_told_when_the_log_has_room_again(story: Project, tmp_path: Path) -> None:
    log = tmp_path / "full"
    if os.geteuid() != 0 or _mount(log) != 0:
        pytest.skip("needs a file system of its own, which only root can mount")
    try:
        (log / "filler").write_bytes(b"x" * 4096 * 4)
        link = story.root / ".git/lastgood/live/flights/prod"
        with started(f"{PROGRAM} sync --stage prod --watch 0.1 --json >>{log}/log", story.root) as process:
            until((link / "models/model.txt").exists)
            assert (log / "log").read_text() == ""
            (log / "filler").unlink()
            until(lambda: (log / "log").read_text().endswith("\n"))
        assert process.returncode == 0
        assert json.loads((log / "log").read_text().splitlines()[0])["version"] == "v2.0.0"
    finally:
        subprocess.run(["umount", str(log)], check=True)


def _mount(there: Path) -> int:
    there.mkdir()
    options = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(there)]
    return subprocess.run(options, capture_output=True, check=False).returncode


@pytest.mark.parametrize("broken", ["2>&-", "2>/dev/full", "</dev/null", "<&-"])
def test_gc_that_cannot_ask_removes_nothing(story: Project, broken: str) -> None:
    story.remote.joinpath("files/md5/00").mkdir(exist_ok=True)
    stray = story.remote / "files/md5/00/0123456789abcdef0123456789abcd"
    stray.write_text("stray")
    os.utime(stray, (1, 1))
    done = shell(f"gc --remote --grace 0 --max-share 100 {broken}", story.root)
    assert (done.returncode, stray.exists()) == (14, True)
