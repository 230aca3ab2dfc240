"""Directories that a living process works in."""

import os
import signal
from pathlib import Path

import pytest

from lastgood.releases.place import Place
from lastgood.releases.use import in_use, unused, using


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "place").create()


def test_a_directory_is_in_use_as_long_as_anybody_is_in_the_block(place: Place) -> None:
    release = place.releases / "flights" / "v1.0.0-abc"
    assert not in_use(place, release)
    with using(place, release):
        with using(place, release):
            assert in_use(place, release)
        assert in_use(place, release)
        assert not in_use(place, place.releases / "flights" / "v1.0.0-abd")
        with unused(place, release) as free:
            assert not free
    assert not in_use(place, release)
    with unused(place, release) as free:
        assert free


def test_a_dead_process_uses_nothing(place: Place) -> None:
    release = place.environments / "abc"
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(120)  # a child that hangs fails its test instead of stopping the suite
        with using(place, release):
            os.write(writer, b"in")
            os.kill(os.getpid(), 9)
    os.close(writer)
    assert os.read(reader, 2) == b"in"
    os.close(reader)
    os.waitpid(child, 0)
    assert not in_use(place, release)
