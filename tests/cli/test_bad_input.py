"""What people, disks and networks do wrong: an exit code, names, whether anything changed, and what to type next."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import Project
from tests.cli.conftest import Program

MEBIBYTE = 1024 * 1024


def live(project: Project) -> str:
    """What is live in prod, by the link alone."""
    return os.path.realpath(project.root / ".git/lastgood/live/flights/prod")


def corrupt(directory: Path, text: bytes) -> None:
    """Make every object that holds `text` hold something else of the same size."""
    for path in directory.rglob("*"):
        if path.is_file() and path.read_bytes() == text:
            path.chmod(0o644)
            path.write_bytes(b"x" * len(text))
            path.chmod(0o444)


def refs(project: Project) -> tuple[str, str]:
    """Every ref here and on origin."""
    return project.git("for-each-ref"), project.git("ls-remote", "origin")


def test_a_corrupted_object_in_the_cache_is_fetched_again_and_never_served(run: Program, story: Project) -> None:
    corrupt(story.root / ".dvc/cache/files", b"first")
    done = run("rollback", "--from", "v2.0.0", "--reason", "x", "--here", "--json")
    assert done.code == 0
    assert (Path(done.json["live"]) / "models/model.txt").read_text() == "first"


def test_an_object_that_is_corrupted_everywhere_is_3_and_the_former_release_stays_live(
    run: Program, story: Project
) -> None:
    assert run("sync", "--stage", "prod").code == 0
    before, recorded = live(story), refs(story)
    corrupt(story.root / ".dvc/cache/files", b"first")
    corrupt(story.remote / "files", b"first")
    done = run("rollback", "--from", "v2.0.0", "--reason", "x")
    assert done.code == 3
    assert "models/model.txt" in done.err
    assert (live(story), refs(story)) == (before, recorded)


def test_a_moved_tag_is_3_and_names_both_objects(run: Program, story: Project) -> None:
    moved = story.git("rev-parse", "flights@v1.0.0")
    story.git("tag", "--force", "--annotate", "--message", "mine", "flights@v1.0.0", "HEAD")
    recorded = refs(story)
    done = run("rollback", "--from", "v2.0.0", "--reason", "x")
    assert done.code == 3
    assert moved[:12] in done.err
    assert "nothing was changed" in done.err
    assert refs(story) == recorded


def test_without_a_git_identity_nothing_is_recorded(run: Program, story: Project, home: Path) -> None:
    (home / ".gitconfig").write_text("[init]\n\tdefaultBranch = main\n")
    recorded = refs(story)
    done = run("rollback", "--from", "v2.0.0", "--reason", "x")
    assert done.code == 1
    assert "git config user.name" in done.err
    assert refs(story) == recorded


def test_a_missing_dvc_plug_in_names_the_extra_to_install(run: Program, story: Project) -> None:
    story.put(".dvc/config", "[core]\n    remote = storage\n['remote \"storage\"']\n    url = gs://bucket/path\n")
    done = run("rollback", "--from", "v2.0.0", "--reason", "x")
    assert done.code == 1
    assert "dvc[gs]" in done.err


def test_a_silent_git_remote_ends_at_the_deadline(run: Program, story: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        story.git("remote", "set-url", "origin", f"git://127.0.0.1:{server.getsockname()[1]}/origin.git")
        story.put("lastgood.toml", "[registry]\ndeadline = 1\n")
        done = run("rollback", "--from", "v2.0.0", "--reason", "x")
    assert done.code == 1
    assert "within 1 s" in done.err
    assert "nothing was changed" in done.err


def test_a_shallow_clone_without_tags_gets_what_it_needs_and_keeps_its_settings(run: Program, story: Project) -> None:
    there = story.clone("shallow", depth=1).root
    kept = [there / ".git/config", there / ".git/shallow", there / ".git/HEAD"]
    before = [path.read_bytes() for path in kept] + [story.git("-C", str(there), "for-each-ref").encode()]
    done = run("rollback", "flights", "--from", "v2.0.0", "--reason", "x", "--here", "--json", at=there)
    assert (done.code, done.json["to"]) == (0, "v1.0.0")
    assert (Path(done.json["live"]) / "models/model.txt").read_text() == "first"
    after = [path.read_bytes() for path in kept] + [story.git("-C", str(there), "for-each-ref").encode()]
    assert before == after


def test_outputs_that_a_stage_no_longer_needs_are_gone_after_the_next_sync(run: Program, story: Project) -> None:
    assert run("sync", "--stage", "prod").code == 0
    assert (Path(live(story)) / "data/raw").is_dir()
    story.put("lastgood.toml", '[release.prod]\noutputs = ["models/"]\n')
    assert run("sync", "--stage", "prod").code == 0
    assert not (Path(live(story)) / "data/raw").exists()
    assert (Path(live(story)) / "models/model.txt").read_text() == "third"


@pytest.fixture
def small_disk(story: Project) -> Iterator[Path]:
    """Our directory on a file system of two mebibytes."""
    place = story.root / ".git/lastgood"
    shutil.rmtree(place)
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a file system of two mebibytes needs root")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_disk_that_fills_up_while_building_is_5_and_the_former_release_stays_live(
    run: Program, story: Project, small_disk: Path
) -> None:
    assert run("sync", "--stage", "prod").code == 0
    before = live(story)
    story.commit_version(model="large", code={"big.bin": "x" * 4 * MEBIBYTE})
    assert run("register", "--version", "v2.1.0").code == 0
    story.commit_version(model="bad", code={"big.bin": "small"})
    assert run("mark", "v2.1.0", "stable", "--reason", "good").code == 0
    assert run("register", "--version", "v2.2.0").code == 0
    assert run("assign", "v2.2.0", "--stage", "prod", "--reason", "better").code == 0
    recorded = refs(story)
    done = run("rollback", "--from", "v2.2.0", "--reason", "x", "--here")
    assert done.code == 5
    assert "nothing was changed" in done.err
    assert (live(story), refs(story)) == (before, recorded)
    assert [path.name for path in (small_disk / "staging").iterdir()] == []


@pytest.fixture
def read_only(story: Project) -> Iterator[Path]:
    """Our directory on a file system that is read-only, as another user's is to us."""
    place = story.root / ".git/lastgood"
    shutil.rmtree(place)
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a file system that is read-only needs root")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.usefixtures("read_only")
def test_where_nothing_can_be_written_reading_works_and_the_rest_is_1_and_no_bug(run: Program, story: Project) -> None:
    before = refs(story)
    for reading in (("status",), ("list",), ("history",), ("show", "v1.0.0"), ("diff", "v1.0.0", "v2.0.0")):
        assert run(*reading).code == 0
    for changing in (
        ("rollback", "--reason", "x"),
        ("mark", "v2.0.0", "failed", "--reason", "x"),
        ("sync", "--stage", "prod"),
    ):
        done = run(*changing)
        assert done.code == 1
        assert "/.git/lastgood cannot be written: Read-only file system; nothing was changed" in done.err
    assert refs(story) == before
