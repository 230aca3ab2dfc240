"""A reader that resolves the live link once finds the files of one version, however often it is switched meanwhile."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lastgood.releases import activation
from lastgood.releases.place import Place
from lastgood.releases.release import list_releases
from tests.reliability import figures
from tests.reliability.checker import Known
from tests.reliability.killing import LIMIT
from tests.reliability.scenes import V1, V3
from tests.world import World

pytestmark = pytest.mark.sweep

READS = 1_000_000 if figures.SOAK else 50_000
PAIR = ("params.yaml", "models/model.txt")
"""Code and data that belong together: the model's text is what the parameters say."""


def is_mixed(directory: Path) -> bool:
    """Whether the two files are of different versions; a file that is not there is half a version, too."""
    try:
        settings, model = ((directory / name).read_text() for name in PAIR)
    except OSError:
        return True
    return f"model: {model}\n" not in settings


def read_while(switch: Callable[[int], object], resolve: Callable[[], Path], reads: int) -> tuple[int, int]:
    """How many of `reads` were mixed while a child switched without end, and how often it did."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(30 * LIMIT)
        number = 0
        parent = os.getppid()
        while os.getppid() == parent:
            switch(number)
            os.write(writer, b".")
            number += 1
        os._exit(0)
    os.close(writer)
    os.read(reader, 1)  # it is at work
    mixed = sum(is_mixed(resolve()) for _ in range(reads))
    os.set_blocking(reader, False)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    switches = 1
    while piece := os.read(reader, 1 << 16):
        switches += len(piece)
    os.close(reader)
    return mixed, switches


def test_a_reader_that_resolves_once_never_mixes_versions(base: tuple[World, Known], tmp_path: Path) -> None:
    begun = figures.begin()
    world = base[0].copy(tmp_path / "world")
    for version in (V1, V3):
        world.assign(version)
        world.sync()
    place = Place(world.place)
    both = list_releases(place)
    mixed, switches = read_while(
        lambda number: activation.switch(place, "flights", "prod", both[number % 2]),
        lambda: Path(os.path.realpath(world.live)),
        READS,
    )
    figures.record("readers", begun, cases=READS, mixed=mixed, switches=switches)
    assert mixed == 0
    assert switches > READS // 1000


def test_for_comparison_readers_of_a_tree_that_is_switched_in_place_do(
    base: tuple[World, Known], tmp_path: Path
) -> None:
    """A figure, and a proof that the reader above can see what it looks for."""
    begun, reads = figures.begin(), READS // 50
    world = base[0].copy(tmp_path / "world")

    def switch(number: int) -> None:
        tag = f"flights@{(V1, V3)[number % 2]}"
        subprocess.run(["git", "checkout", "-q", tag], cwd=world.root, check=True, capture_output=True)
        with world.project.dvc() as repo:
            repo.checkout(force=True)

    def wait_and_resolve() -> Path:
        time.sleep(0.002)  # as a switch takes half a second: else all reads fall into the first one
        return world.root

    mixed, switches = read_while(switch, wait_and_resolve, reads)
    figures.record("readers in place", begun, cases=reads, mixed=mixed, switches=switches)
    assert mixed > 0
