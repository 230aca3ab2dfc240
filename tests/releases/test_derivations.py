"""What was derived is returned as it was written, for the same question, from a file that no other user can write."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lastgood.releases.derivations import recall, remember
from lastgood.releases.place import Place

TAG, OTHER = "a" * 40, "b" * 40
CONTENT = b'{"outputs":\n[]}'
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="root alone can give files away")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A place in which one answer was remembered."""
    place = Place(tmp_path / "place").create()
    remember(place, TAG, "basis", CONTENT)
    assert recall(place, TAG, "basis") == CONTENT
    return place


def test_an_answer_is_for_its_tag_and_its_basis_alone(place: Place) -> None:
    assert recall(place, OTHER, "basis") is None
    assert recall(place, TAG, "another basis") is None
    (place.derivations / OTHER).write_bytes((place.derivations / TAG).read_bytes())
    assert recall(place, OTHER, "basis") is None
    remember(place, TAG, "another basis", b"new")
    assert recall(place, TAG, "basis") is None
    assert recall(place, TAG, "another basis") == b"new"


def test_no_byte_can_be_changed_added_or_cut_off(place: Place) -> None:
    path = place.derivations / TAG
    whole = path.read_bytes()
    for number in range(len(whole)):
        for damaged in (
            whole[:number] + bytes([whole[number] ^ 1]) + whole[number + 1 :],
            whole[:number],
            whole + whole[:number] + b"\n",
        ):
            path.write_bytes(damaged)
            assert recall(place, TAG, "basis") is None, (number, damaged)
    path.write_bytes(whole)
    assert recall(place, TAG, "basis") == CONTENT


def _others_may_write(path: Path) -> None:
    path.chmod(path.stat().st_mode | 0o002)


def _group_may_write(path: Path) -> None:
    path.chmod(path.stat().st_mode | 0o020)


def _is_a_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def _is_anothers(path: Path) -> None:
    os.chown(path, 65534, 65534)


@pytest.mark.parametrize("name", [TAG, "."])
@pytest.mark.parametrize(
    "change", [_others_may_write, _group_may_write, _is_a_link, pytest.param(_is_anothers, marks=needs_root)]
)
def test_what_another_user_could_have_written_is_not_used(
    place: Place, name: str, change: Callable[[Path], None]
) -> None:
    change(place.derivations / name)
    assert recall(place, TAG, "basis") is None


def test_a_pipe_is_not_waited_for(place: Place) -> None:
    (place.derivations / TAG).unlink()
    os.mkfifo(place.derivations / TAG, 0o600)
    assert recall(place, TAG, "basis") is None


def test_what_a_crash_left_is_written_over_and_no_link_is_followed(place: Place, tmp_path: Path) -> None:
    prey = tmp_path / "prey"
    prey.write_bytes(b"mine")
    (place.derivations / f".new-{TAG}").symlink_to(prey)
    (place.derivations / TAG).unlink()
    (place.derivations / TAG).symlink_to(prey)
    remember(place, TAG, "basis", CONTENT)
    assert recall(place, TAG, "basis") == CONTENT
    assert prey.read_bytes() == b"mine"
    assert [one.name for one in place.derivations.iterdir()] == [TAG]


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_only_the_owner_may_look(tmp_path: Path, mask: int) -> None:
    place, former = Place(tmp_path / "place"), os.umask(mask)
    try:
        remember(place, TAG, "basis", CONTENT)
    finally:
        os.umask(former)
    assert recall(place, TAG, "basis") == CONTENT
    assert place.derivations.stat().st_mode & 0o777 == 0o700
    assert (place.derivations / TAG).stat().st_mode & 0o777 == 0o600


def test_where_nothing_can_be_written_nothing_is_remembered(place: Place) -> None:
    place.derivations.joinpath(TAG).unlink()
    place.derivations.rmdir()
    place.derivations.write_bytes(b"a file")
    remember(place, TAG, "basis", CONTENT)
    assert recall(place, TAG, "basis") is None
    assert place.derivations.read_bytes() == b"a file"


@needs_root
def test_root_leaves_nothing_in_the_place_of_another_user(tmp_path: Path) -> None:
    there = tmp_path / "git"
    there.mkdir()
    os.chown(there, 65534, 65534)
    remember(Place(there / "lastgood"), TAG, "basis", CONTENT)
    assert not (there / "lastgood").exists()
