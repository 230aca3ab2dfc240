"""Where a release's files come from: DVC's cache, a release that is here, the remote."""

import shutil
from pathlib import Path

import pytest

from lastgood.errors import FindingsError
from lastgood.releases import durable
from lastgood.releases.place import Place
from lastgood.releases.release import list_releases, read_placement
from tests.world import World


def test_what_cache_and_remote_lost_is_linked_from_a_release_that_has_it(story: World) -> None:
    built = story.sync().release  # v3.0.0, which shares one file with v1.0.0
    assert built is not None
    story.lose("1\n")
    before = story.objects("../dvc-remote")
    assert story.rollback().plan.target.text == "v1.0.0"
    assert (story.live / "data/raw/a.csv").samefile(built.path / "data/raw/a.csv")
    assert (story.live / "data/raw/b/c.csv").read_text() == "2\n"
    assert story.objects("../dvc-remote") == before


def test_a_dry_run_counts_what_a_release_has(story: World) -> None:
    story.sync()
    story.lose("1\n")
    assert story.rollback(dry_run=True).plan.target.text == "v1.0.0"


def test_a_file_of_a_release_that_was_changed_is_not_linked(story: World) -> None:
    built = story.sync().release
    assert built is not None
    story.lose("1\n")
    there = built.path / "data/raw/a.csv"
    there.chmod(0o644)
    there.write_text("9\n")
    there.chmod(0o444)
    with pytest.raises(FindingsError, match="cannot be restored"):
        story.rollback()
    assert story.live_model() == "third"


def test_only_what_no_release_has_is_fetched(story: World) -> None:
    story.sync()
    for path in story.objects(".dvc/cache"):
        path.unlink()
    story.rollback()
    fetched = {path.read_text() for path in story.objects(".dvc/cache") if path.suffix != ".dir"}
    assert "1\n" not in fetched
    assert "2\n" in fetched
    assert story.live_model() == "first"


def test_a_damaged_listing_is_fetched_again(story: World) -> None:
    story.sync()
    listings = [path for path in story.objects(".dvc/cache") if path.suffix == ".dir"]
    assert listings
    for path in listings:
        path.chmod(0o644)
        path.write_bytes(b"[]")
        path.chmod(0o444)
    story.rollback()
    assert (story.live / "data/raw/b/c.csv").read_text() == "2\n"


def test_a_damaged_listing_that_the_remote_lost_is_refused(story: World) -> None:
    for path in [*story.objects(".dvc/cache"), *story.objects("../dvc-remote")]:
        if path.suffix == ".dir":
            path.chmod(0o644)
            path.write_bytes(b"[]")
            path.chmod(0o444)
    before = story.snapshot()
    with pytest.raises(FindingsError, match=r"corrupted|neither"):
        story.rollback()
    assert story.snapshot()["origin"] == before["origin"]


@pytest.fixture
def other_disk(story: World, disk: Path) -> Path:
    """The cache on another file system than the releases."""
    if disk.stat().st_dev == story.root.stat().st_dev:
        pytest.skip("no second file system: too little memory in /dev/shm")
    cache = disk / "cache"
    shutil.copytree(story.root / ".dvc/cache", cache)
    with (story.root / ".dvc/config.local").open("a") as config:
        config.write(f"[cache]\n    dir = {cache}\n")
    return cache


def test_files_are_linked_from_a_release_where_the_cache_would_have_to_be_copied(
    story: World, other_disk: Path
) -> None:
    first = story.sync().release
    assert first is not None
    assert read_placement(first).keys() == {"copy"}
    assert other_disk.is_dir()
    story.rollback()
    placed = [read_placement(one) for one in list_releases(Place(story.place)) if one.version == "v1.0.0"]
    assert placed == [{"copy": 2, "hard link": 1}]


def test_a_release_that_is_gone_again_is_no_source(story: World) -> None:
    story.sync()
    durable.remove_tree(story.place / "releases")
    story.lose("1\n")
    with pytest.raises(FindingsError, match="cannot be restored"):
        story.rollback()
