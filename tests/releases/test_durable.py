"""Changes to files are whole or absent, and removing never leaves its tree."""

import errno
import os
import signal
from contextlib import nullcontext
from pathlib import Path

import pytest

from lastgood.releases import durable
from tests.reliability.tracing import failing, recording_flushes, require_strace


def test_write_atomic_replaces_the_whole_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "state"
    durable.write_atomic(target, b"old and long")
    durable.write_atomic(target, b"new")
    assert target.read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_a_write_that_fails_keeps_the_old_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "state"
    target.mkdir()
    with pytest.raises(OSError, match="directory"):
        durable.write_atomic(target, b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_a_new_file_never_overwrites_one_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b"theirs")
    with pytest.raises(FileExistsError):
        durable.write_new(tmp_path / "state", b"ours")
    assert (tmp_path / "state").read_bytes() == b"theirs"


def test_rename_moves_between_directories(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "a" / "file").write_bytes(b"x")
    durable.rename(tmp_path / "a" / "file", tmp_path / "b" / "file")
    assert not list((tmp_path / "a").iterdir())
    assert (tmp_path / "b" / "file").read_bytes() == b"x"


def test_renaming_within_a_directory(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"x")
    durable.rename(tmp_path / "one", tmp_path / "other")
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


@pytest.mark.parametrize("error", [None, "EINVAL", "ENOSYS"])
def test_two_directories_are_exchanged_where_the_kernel_does_not_do_it_too(tmp_path: Path, error: str | None) -> None:
    one, other = tmp_path / "a" / "one", tmp_path / "b" / "other"
    for path in (one, other):
        path.mkdir(parents=True)
        (path / path.name).touch()
    if error is not None:
        require_strace(tmp_path)
    with failing("renameat2", error) if error else nullcontext():
        durable.exchange(one, other)
    assert (one / "other").exists()
    assert (other / "one").exists()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["one"]


def test_an_exchange_that_fails_takes_nothing_away(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with pytest.raises(FileNotFoundError, match="No such file") as caught:
        durable.exchange(tmp_path / "one", tmp_path / "other")
    assert (caught.value.filename, caught.value.filename2) == (str(tmp_path / "one"), str(tmp_path / "other"))
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_what_is_on_disk_when_a_change_is_done(tmp_path: Path) -> None:
    require_strace(tmp_path)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with recording_flushes(tmp_path) as seen:
        durable.make_directories(tmp_path / "b" / "c" / "d")
        durable.write_atomic(tmp_path / "a" / "file", b"x")
        durable.rename(tmp_path / "a" / "file", tmp_path / "b" / "file")
        durable.rename(tmp_path / "b" / "file", tmp_path / "b" / "renamed")
        durable.exchange(tmp_path / "a", tmp_path / "b" / "c")
    assert seen[:2] == ["b", "b/c"]
    assert seen[2].startswith(f"a/{durable.NEW}")
    assert seen[3:] == ["a", "b", "b", "b"]
    (tmp_path / "b" / "renamed").chmod(0o600)
    durable.write_atomic(tmp_path / "b" / "renamed", b"y")
    assert (tmp_path / "b" / "renamed").stat().st_mode & 0o777 == 0o644


def test_few_files_are_flushed_one_by_one_and_many_with_their_file_system(tmp_path: Path) -> None:
    require_strace(tmp_path)
    (tmp_path / "few" / "deep" / "er").mkdir(parents=True)
    for path in ("top", "deep/file", "deep/er/file"):
        (tmp_path / "few" / path).touch()
    (tmp_path / "few" / "link").symlink_to("top")
    (tmp_path / "few" / "deep" / "link").symlink_to("er")
    for name, files in (("even", durable.FEW), ("odd", durable.FEW + 1)):
        (tmp_path / name).mkdir()
        for number in range(files):
            (tmp_path / name / f"{number:02}").touch()
    with recording_flushes(tmp_path) as seen:
        for name in ("few", "even", "odd"):
            durable.fsync_tree(tmp_path / name)
    few = ["few/deep", "few/deep/er", "few/deep/er/file", "few/deep/file", "few/top"]
    even = [f"even/{number:02}" for number in range(durable.FEW)]
    assert sorted(seen[:5]) == few
    assert seen[5] == "few"
    assert sorted(seen[6:-2]) == even
    assert seen[-2:] == ["even", "*odd"]
    with recording_flushes(tmp_path) as seen:
        durable.fsync_files(tmp_path / path for path in even)
        durable.fsync_files(sorted((tmp_path / "odd").iterdir()))
        durable.fsync_files([tmp_path / "few/top"])
    assert seen == [*even, "*odd/00", "few/top"]


def test_a_flush_that_fails_is_told(tmp_path: Path) -> None:
    require_strace(tmp_path)
    with failing("syncfs", "EIO"), pytest.raises(OSError, match="Input/output error") as caught:
        durable.sync_file_system(tmp_path)
    assert (caught.value.errno, caught.value.filename) == (errno.EIO, str(tmp_path))
    assert caught.value.strerror == os.strerror(errno.EIO)


def test_missing_parents_are_made_and_present_ones_are_kept(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "kept").touch()
    durable.make_directories(tmp_path / "a" / "b" / "c")
    durable.make_directories(tmp_path / "a" / "b" / "c")
    assert (tmp_path / "a" / "b" / "c").is_dir()
    assert (tmp_path / "a" / "kept").exists()


def test_a_directory_of_many_files_can_be_synced(tmp_path: Path) -> None:
    for number in range(2 * durable.FEW + 1):
        (tmp_path / str(number)).touch()
    durable.fsync_tree(tmp_path)


@pytest.mark.parametrize("files", [0, 3, durable.FEW + 5])
def test_a_tree_with_links_that_lead_nowhere_can_be_synced(tmp_path: Path, files: int) -> None:
    for number in range(files):
        (tmp_path / "deep" / str(number)).mkdir(parents=True)
        (tmp_path / "deep" / str(number) / "file").write_bytes(b"x")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "directory").symlink_to("/proc")
    durable.fsync_tree(tmp_path)
    durable.fsync_files(path for path in tmp_path.rglob("file"))


def test_removing_a_read_only_tree_spares_what_its_links_lead_to(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o755)
    (outside / "kept").write_bytes(b"x")
    tree = tmp_path / "tree"
    (tree / "a" / "b").mkdir(parents=True)
    (tree / "a" / "b" / "file").write_bytes(b"y")
    (tree / "a" / "link").symlink_to(outside)
    (tree / "a" / "file-link").symlink_to(outside / "kept")
    for directory in (tree / "a" / "b", tree / "a", tree):
        directory.chmod(0o555)
    durable.remove_tree(tree)
    assert not tree.exists()
    assert (outside / "kept").read_bytes() == b"x"
    assert outside.stat().st_mode & 0o777 == 0o755


def test_removing_a_link_to_a_directory_removes_the_link_only(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "link").symlink_to("directory")
    durable.remove_tree(tmp_path / "link")
    assert not (tmp_path / "link").is_symlink()
    assert (tmp_path / "directory").is_dir()


def test_removing_a_hard_link_leaves_the_mode_of_the_other(tmp_path: Path) -> None:
    (tmp_path / "object").write_bytes(b"x")
    (tmp_path / "object").chmod(0o444)
    (tmp_path / "tree").mkdir()
    os.link(tmp_path / "object", tmp_path / "tree" / "file")
    durable.remove_tree(tmp_path / "tree")
    assert (tmp_path / "object").stat().st_mode & 0o777 == 0o444
    assert (tmp_path / "object").stat().st_nlink == 1


def test_removing_nothing_is_fine(tmp_path: Path) -> None:
    durable.remove_tree(tmp_path / "never")


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can become nobody")
def test_somebody_who_is_not_root_can_remove_a_read_only_tree(tmp_path: Path) -> None:
    base = Path("/tmp") / f"lastgood-{tmp_path.name}-{os.getpid()}"  # noqa: S108  # nobody cannot enter pytest's own
    (base / "tree" / "a").mkdir(parents=True)
    (base / "tree" / "a" / "file").touch()
    for path in (base / "tree" / "a", base / "tree"):
        path.chmod(0o555)
    for path in (base, base / "tree", base / "tree" / "a"):
        os.chown(path, 65534, 65534)
    child = os.fork()
    if child == 0:
        signal.alarm(120)  # a child that hangs fails its test instead of stopping the suite
        try:
            os.setuid(65534)
            durable.remove_tree(base / "tree")
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    left = (base / "tree").exists()
    durable.remove_tree(base)
    assert status == 0
    assert not left


def test_leftovers_are_unfinished_names_only(tmp_path: Path) -> None:
    (tmp_path / f"{durable.NEW}abc").symlink_to("nowhere")
    (tmp_path / "prod").symlink_to("release")
    (tmp_path / ".lock").touch()
    durable.remove_leftovers(tmp_path)
    durable.remove_leftovers(tmp_path / "never")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "prod"]


def test_state_is_read_and_touched_from_regular_files_alone(tmp_path: Path) -> None:
    there, link, pipe = (tmp_path / name for name in ("there", "link", "pipe"))
    there.write_bytes(b"state")
    os.utime(there, (0, 0))
    link.symlink_to(there)
    os.mkfifo(pipe)
    assert durable.read_plain(there) == b"state"
    for path in (link, pipe, tmp_path):
        with pytest.raises(OSError, match=r"symbolic links|not a regular file"):
            durable.read_plain(path)
    with pytest.raises(OSError, match="symbolic links"):
        durable.touch(link)
    assert there.stat().st_mtime == 0
    durable.touch(there)
    assert (there.stat().st_mtime > 0, there.read_bytes()) == (True, b"state")
