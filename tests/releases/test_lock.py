"""Locks of a place: in a directory that is closed to others, whatever lies there."""

import os
from pathlib import Path

import pytest

from lastgood.errors import NotWritableError
from lastgood.releases.lock import MAIN, exclusive, held_by_nobody, is_taken
from lastgood.releases.place import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "place").create()


def test_a_directory_of_locks_that_others_may_enter_is_closed(place: Place) -> None:
    with exclusive(place, "first"):
        pass
    place.locks.chmod(0o755)
    with held_by_nobody(place, MAIN) as free:
        assert free
        assert place.locks.stat().st_mode & 0o777 == 0o700


def test_a_link_in_place_of_the_directory_of_locks_is_refused(place: Place, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    place.locks.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotWritableError, check=lambda error: error.unchanged), exclusive(place, "first"):
        pass
    assert not [*(tmp_path / "elsewhere").iterdir()]


def test_what_is_no_lock_file_under_a_former_name_is_passed_over(place: Place) -> None:
    os.mkfifo(place.root / MAIN.former)
    assert not is_taken(place, MAIN)
    with exclusive(place, "first"):
        assert is_taken(place, MAIN)
        with held_by_nobody(place, MAIN) as free:
            assert not free
