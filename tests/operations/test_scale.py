"""Registries of many versions: read without a warning, by as few processes as small ones, in little memory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.registry import write_registry
from lastgood.operations.show import history, list_versions
from lastgood.project import Project as Opened
from tests.builders import Project

PEAK = """import sys; from lastgood.cli.app import main; main(sys.argv[1:])
print(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0], file=sys.stderr)"""
"""Not `ru_maxrss`, which a child inherits from whoever started it."""


@pytest.mark.parametrize("journal", [True, False])
def test_the_registry_of_the_benchmarks_is_one_as_lastgood_writes_it(project: Project, journal: bool) -> None:
    write_registry(project.root, 30, journal=journal, branch="models")
    listed = list_versions(Opened.open(project.root))
    (flights,) = listed.histories
    assert (listed.view.warnings, flights.findings) == ((), ())
    assert len(flights.events) == 120
    assert len(flights.journal.entries) == (120 if journal else 0)
    assert len(flights.external) == (0 if journal else 120)
    assert [version.text for version in flights.versions] == [f"v0.{minor}.0" for minor in range(30)]
    assert {version.mark for version in flights.versions} == {"stable"}
    assert {stage: event.version for stage, event in flights.assigned.items()} == dict.fromkeys(
        ("prod", "staging"), "v0.29.0"
    )
    if journal:
        assert flights.events[0].message.is_own


def test_reading_starts_as_many_processes_for_many_versions_as_for_few(project: Project, home: Path) -> None:
    trace = home / "trace"
    project.git("config", "--global", "trace2.eventTarget", str(trace))

    def started(versions: int) -> int:
        write_registry(project.root, versions, branch=f"models-{versions}")
        trace.unlink()
        assert len(history(Opened.open(project.root)).events) == 4 * versions
        return trace.read_text().count('"event":"start"')

    assert started(3) == started(100) > 0


def test_a_thousand_versions_take_a_tenth_of_the_memory_that_ten_thousand_may(project: Project) -> None:
    """200 MB for 10,000 versions with four events each: 17.6 for a thousand, besides the program itself."""

    def peak(*command: str) -> int:
        program = [sys.executable, "-c", PEAK, "-C", str(project.root), *command]
        return int(subprocess.run(program, capture_output=True, text=True, env=os.environ).stderr.split()[-1])

    empty = peak("history", "--json")
    write_registry(project.root, 1000, branch="models")
    assert empty < 40_000
    for command in (("list",), ("history",), ("history", "--json")):
        assert peak(*command) - empty < 20_500, command  # some of it does not grow: an empty registry imports less
