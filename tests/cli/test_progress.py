"""What people see of a transfer: a bar on a terminal, however narrow, two lines elsewhere, no unfounded estimate."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

from lastgood.adapters.dvc.progress import Progress as Transfer
from lastgood.cli.output import bar
from tests.builders import Project

MIB = 1 << 20
HALF = Transfer("fetching from `origin`", 4_213, 10_000, int(16.4 * MIB), int(39.1 * MIB), moves=True)


@pytest.mark.parametrize(
    ("room", "line"),
    [
        (99, "fetching from `origin`  [##########--------------]  4,213/10,000 files, 16.4/39.1 MiB, 11 s left"),
        (79, "fetching from `origin`  [##-----]  4,213/10,000 files, 16.4/39.1 MiB, 11 s left"),
        (69, "fetching from `origin`  [#####---------]  4,213/10,000, 16.4/39.1 MiB"),
        (39, "[###-----]  4,213/10,000, 16.4/39.1 MiB"),
        (25, "[###------]  4,213/10,000"),
        (12, " 4,213/10,000"),
    ],
)
def test_what_fits_is_shown(room: int, line: str) -> None:
    assert bar.of_transfer(HALF, 8, room) == line


@pytest.mark.parametrize("room", range(24, 120))
def test_no_line_is_wider_than_the_terminal_and_the_bar_does_not_jump(room: int) -> None:
    lines = [
        bar.of_transfer(Transfer("fetching from `a`", done, 10_000, done * 4096, 40_960_000), done / 1000, room)
        for done in (0, 1, 999, 5_000, 9_999, 10_000)
    ]
    assert max(map(len, lines)) <= room
    assert len({line.index("]") for line in lines}) == 1


@pytest.mark.parametrize(
    ("moved", "size", "elapsed", "left"),
    [
        (200, 1000, 10.0, "40 s left"),
        (10, 1000, 10.0, "16 min left"),
        (1, 1000, 10.0, "2.8 h left"),
        (100, 1000, 1.0, ""),
        (0, 1000, 10.0, ""),
        (1000, 1000, 10.0, ""),
        (100, None, 10.0, ""),
    ],
    ids=["s", "min", "h", "too soon", "nothing moved", "all moved", "size unknown"],
)
def test_the_time_left_is_said_only_where_it_can_be_known(
    moved: int, size: int | None, elapsed: float, left: str
) -> None:
    line = bar.of_transfer(Transfer("fetching", 1, 3, moved, size), elapsed, 120)
    assert (re.search(r"\S+ \S+ left", line) or [""])[0] == left
    assert ("left" in line) == bool(left)


def fetching(clone: Project, *arguments: str, columns: int | None) -> tuple[str, str]:
    """What the program says on standard error, a terminal with so many columns or a pipe, while it must fetch."""
    command = [sys.executable, "-m", "lastgood.cli.app", "sync", "--stage", "prod", *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    if columns is None:
        done = subprocess.run(command, cwd=clone.root, env=environment, capture_output=True, text=True, check=True)
        return done.stdout, done.stderr
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(
        command, cwd=clone.root, env=environment, stdout=subprocess.PIPE, stderr=terminal, text=True
    ) as process:
        os.close(terminal)
        said = b""
        while part := _read(controller):
            said += part
        answer, _ = process.communicate()
    os.close(controller)
    assert process.returncode == 0
    return answer, said.decode()


def _read(controller: int) -> bytes:
    try:
        return os.read(controller, 65_536)
    except OSError:  # Linux says so when the last writer has closed the terminal
        return b""


@pytest.fixture
def clone(story: Project) -> Project:
    """A clone whose cache is empty, of a version with three stored files."""
    return story.clone()


@pytest.mark.parametrize("columns", [80, 40, 24])
def test_a_terminal_gets_a_bar_with_files_and_bytes_that_fits_and_goes_away(clone: Project, columns: int) -> None:
    answer, said = fetching(clone, columns=columns)
    assert "v2.0.0" in answer
    lines = said.split("\r")
    assert max(map(len, lines)) < columns
    bars = [line.strip() for line in lines if "[" in line]
    assert any(re.search(r"\[#+\] 3/3", line) for line in bars)
    if columns == 80:
        assert any(re.fullmatch(r"fetching from `storage`  \[#+\] 3/3 files, 9/9 B", line) for line in bars)
    assert "\n" not in said
    assert lines[-2].strip() == lines[-1] == ""


def test_a_pipe_gets_one_line_at_the_start_and_one_at_the_end(clone: Project) -> None:
    _, said = fetching(clone, columns=None)
    first, last = [line for line in said.splitlines() if line.startswith("fetching from")]
    assert first == "fetching from `storage`: 3 files, 9 B"
    assert re.fullmatch(r"fetching from `storage`: 3 files, 9 B done in \d+ s", last)
    assert "\r" not in said
    _, again = fetching(clone, columns=None)
    assert "fetching from" not in again


def test_json_and_progress_do_not_mix(clone: Project) -> None:
    answer, said = fetching(clone, "--json", columns=60)
    assert json.loads(answer)["schema"] == 1
    assert "3/3" in said
