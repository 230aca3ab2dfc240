"""`guard` says what it saw, its exit code what it came to; the loop ends at SIGTERM and tells transitions only."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.builders import Project
from tests.cli.conftest import Program

CONFIG = """\
[guard.prod]
interval = "1s"

[[guard.prod.check]]
name = "loss"
command = "cat {file}"
max = 0.5
failures = 1
of = 1
"""


@pytest.fixture
def loss(story: Project, run: Program, tmp_path: Path) -> Path:
    """The file whose number is the loss; v2.0.0 is live here."""
    file = tmp_path / "loss"
    file.write_text("0.1")
    story.put("lastgood.toml", CONFIG.format(file=file))
    assert run("sync", "--stage", "prod").code == 0
    return file


def in_the_next_second() -> None:
    """An answer of the same second as the last one is no new data."""
    begun = int(time.time())
    while int(time.time()) == begun:
        time.sleep(0.01)


def test_one_look_ends_with_what_it_came_to(run: Program, loss: Path) -> None:
    healthy = run("guard", "--stage", "prod", "--once")
    assert (healthy.code, "flights@v2.0.0 is healthy in prod" in healthy.out) == (0, True)
    loss.write_text("")
    unknown = run("guard", "--stage", "prod", "--once")
    assert unknown.code == 22
    assert "no answer (empty: the command printed nothing)" in unknown.out
    loss.write_text("0.9")
    in_the_next_second()
    done = run("guard", "--stage", "prod", "--once", "--json")
    assert done.code == 20
    assert (done.json["outcome"], done.json["to"], done.json["checks"][0]["decision"]) == (
        "rolled back",
        "v1.0.0",
        "unhealthy",
    )
    in_the_next_second()
    frozen = run("guard", "--stage", "prod", "--once")
    assert frozen.code == 14
    assert "v1.0.0 is unhealthy, too: the version is not the cause" in " ".join(frozen.out.split())


def test_a_dry_run_shows_threshold_false_alarms_and_delay(run: Program, loss: Path) -> None:
    told = run("guard", "--stage", "prod", "--dry-run")
    assert told.code == 0
    words = " ".join(told.out.split())
    assert "dry run: would watch flights@v2.0.0 in prod every 1s; if it is bad, rolls back" in words
    assert "loss 1 not stated 1s value" in words
    assert loss.read_text() == "0.1"


@pytest.mark.usefixtures("loss")
def test_what_cannot_be_watched_is_refused(run: Program) -> None:
    assert run("guard", "--stage", "staging", "--once").code == 2
    assert run("guard", "--stage", "prod", "--once", "--dry-run").code == 2


def test_the_loop_tells_transitions_and_ends_at_sigterm(story: Project, loss: Path) -> None:
    command = [sys.executable, "-m", "lastgood", "-C", str(story.root), "guard", "--stage", "prod", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ.copy())
    try:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        assert (first["version"], first["outcome"]) == ("v2.0.0", "healthy")
        refused = subprocess.run([*command, "--once"], capture_output=True, check=False)
        assert (refused.returncode, json.loads(refused.stdout)["error"]) == (11, "locked")
        loss.write_text("0.9")
        second = json.loads(process.stdout.readline())
        loss.write_text("0.1")
        assert (second["version"], second["outcome"], second["to"]) == ("v2.0.0", "rolled back", "v1.0.0")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
