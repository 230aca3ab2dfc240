"""A file is hashed again as soon as anything says that it may have changed, and only then."""

import os
import signal
import sqlite3
import time
from dataclasses import replace
from hashlib import md5, sha256
from pathlib import Path

import pytest

from lastgood.core.digests import Digests
from lastgood.releases import hashing
from lastgood.releases.proofs import Proofs, _signed


def expected(content: bytes) -> Digests:
    return Digests(md5(content).hexdigest(), sha256(content).hexdigest(), len(content))


def old_file(path: Path, content: bytes) -> Path:
    """A file whose modification lies long enough back to be remembered."""
    path.write_bytes(content)
    past = time.time_ns() - 10_000_000_000
    os.utime(path, ns=(past, past))
    return path


def remembered(proofs: Proofs, path: Path) -> bool:
    state = hashing.state(path.stat())
    return state in proofs._recall([state])


@pytest.mark.parametrize("size", [0, 1, 4096, hashing.BLOCK, hashing.BLOCK * 2 + 7])
def test_digests_are_those_of_hashlib(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "file").write_bytes(content)
    assert hashing.digests(tmp_path / "file") == expected(content)


def test_many_files_keep_their_order(tmp_path: Path) -> None:
    sizes = [number * 20_000 for number in range(50)]
    contents = [os.urandom(size) for size in sizes]
    paths = [tmp_path / str(number) for number in range(50)]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    assert [digests for digests, _ in hashing.read_many(paths, sizes)] == [expected(content) for content in contents]


def test_a_file_that_did_not_change_is_not_read_again(tmp_path: Path) -> None:
    path = old_file(tmp_path / "file", b"content")
    with Proofs(tmp_path / "proofs.db") as proofs:
        proofs.digests(path)
        assert remembered(proofs, path)
    with Proofs(tmp_path / "proofs.db") as proofs:
        assert remembered(proofs, path)
        assert proofs.digests(path) == expected(b"content")


@pytest.mark.parametrize("restore", [True, False])
def test_a_write_is_noticed_even_when_size_and_time_are_put_back(tmp_path: Path, *, restore: bool) -> None:
    path = old_file(tmp_path / "file", b"content")
    with Proofs(tmp_path / "proofs.db") as proofs:
        proofs.digests(path)
        before = path.stat()
        path.write_bytes(b"CONTENT")
        if restore:
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert proofs.digests(path) == expected(b"CONTENT")


def test_an_md5_that_nobody_needed_is_not_taken_for_one(tmp_path: Path) -> None:
    path = old_file(tmp_path / "file", b"content")
    with Proofs(tmp_path / "proofs.db") as proofs:
        assert proofs.digests_of([path], weak=False)[path] == replace(expected(b"content"), md5="")
    with Proofs(tmp_path / "proofs.db") as proofs:
        assert proofs.digests(path) == expected(b"content")
    with Proofs(tmp_path / "proofs.db") as proofs:
        assert proofs.digests_of([path], weak=False)[path] == expected(b"content")


def test_a_file_exchanged_by_rename_is_noticed(tmp_path: Path) -> None:
    path = old_file(tmp_path / "file", b"content")
    with Proofs(tmp_path / "proofs.db") as proofs:
        proofs.digests(path)
        old_file(tmp_path / "other", b"CONTENT").rename(path)
        assert proofs.digests(path) == expected(b"CONTENT")


def test_our_own_link_keeps_the_proof_and_somebody_elses_ends_it(tmp_path: Path) -> None:
    path = old_file(tmp_path / "file", b"content")
    with Proofs(tmp_path / "proofs.db") as proofs:
        proofs.digests(path)
        before = hashing.state(path.stat())
        while hashing.state(path.stat()) == before:  # until the kernel's clock has moved on by a tick
            (tmp_path / "ours").unlink(missing_ok=True)
            os.link(path, tmp_path / "ours")
        assert not remembered(proofs, path)
        proofs.moved([(before, hashing.state(path.stat()))])
        assert remembered(proofs, path)


def test_a_write_before_the_link_is_not_covered_by_it(tmp_path: Path) -> None:
    path = old_file(tmp_path / "file", b"content")
    with Proofs(tmp_path / "proofs.db") as proofs:
        proofs.digests(path)
        before = hashing.state(path.stat())
        path.write_bytes(b"CONTENT")
        os.link(path, tmp_path / "ours")
        proofs.moved([(before, hashing.state(path.stat()))])
        assert proofs.digests(tmp_path / "ours") == expected(b"CONTENT")


@pytest.mark.parametrize(
    ("mode", "age_ns", "kept"),
    [(0o644, 1_000_000_000, False), (0o644, 3_000_000_000, True), (0o444, 5_000_000, False), (0o444, 90_000_001, True)],
)
def test_a_file_just_written_is_not_trusted_to_show_the_next_write(
    tmp_path: Path, mode: int, age_ns: int, *, kept: bool
) -> None:
    path = old_file(tmp_path / "file", b"content")
    os.utime(path, ns=(1_700_000_000_123_456_789, 1_700_000_000_123_456_789))
    path.chmod(mode)
    with Proofs(tmp_path / "proofs.db", clock=lambda: 1_700_000_000_123_456_789 + age_ns) as proofs:
        proofs.digests(path)
        assert remembered(proofs, path) is kept


def test_whole_seconds_mean_a_coarse_file_system(tmp_path: Path) -> None:
    path = old_file(tmp_path / "file", b"content")
    os.utime(path, ns=(1_700_000_000_000_000_000, 1_700_000_000_000_000_000))
    path.chmod(0o444)
    with Proofs(tmp_path / "proofs.db", clock=lambda: 1_700_000_001_000_000_000) as proofs:
        proofs.digests(path)
        assert not remembered(proofs, path)


@pytest.mark.parametrize("rubbish", [b"", b"not a database at all" * 100, b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_broken_database_is_made_anew(tmp_path: Path, rubbish: bytes) -> None:
    path = old_file(tmp_path / "file", b"content")
    (tmp_path / "proofs.db").write_bytes(rubbish)
    with Proofs(tmp_path / "proofs.db") as proofs:
        assert proofs.digests(path) == expected(b"content")
    with Proofs(tmp_path / "proofs.db") as proofs:
        assert remembered(proofs, path)


def test_somebody_elses_database_is_made_anew(tmp_path: Path) -> None:
    foreign = sqlite3.connect(tmp_path / "proofs.db")
    foreign.execute("CREATE TABLE proofs (dev INTEGER)")
    foreign.commit()
    foreign.close()
    path = old_file(tmp_path / "file", b"content")
    with Proofs(tmp_path / "proofs.db") as proofs:
        proofs.digests(path)
        assert remembered(proofs, path)


def test_a_database_damaged_while_it_is_open_costs_the_hashing_only(tmp_path: Path) -> None:
    paths = [old_file(tmp_path / str(number), b"content") for number in range(2000)]
    with Proofs(tmp_path / "proofs.db") as proofs:
        proofs.digests_of(paths)
    database = tmp_path / "proofs.db"
    content = bytearray(database.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    database.write_bytes(content)
    with Proofs(database) as proofs:
        assert set(proofs.digests_of(paths).values()) == {expected(b"content")}


def test_a_database_out_of_reach_costs_the_hashing_only(tmp_path: Path) -> None:
    path = old_file(tmp_path / "file", b"content")
    with Proofs(tmp_path / "never" / "proofs.db") as proofs:
        assert proofs.digests(path) == expected(b"content")


def test_several_processes_share_one_database(tmp_path: Path) -> None:
    paths = [old_file(tmp_path / str(number), b"%d" % number) for number in range(40)]
    children = []
    for _ in range(6):
        child = os.fork()
        if child == 0:
            signal.alarm(120)  # a child that hangs fails its test instead of stopping the suite
            code = 1
            try:
                with Proofs(tmp_path / "proofs.db") as proofs:
                    for path in paths:
                        assert proofs.digests(path) == expected(path.name.encode())
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 6
    with Proofs(tmp_path / "proofs.db") as proofs:
        assert all(remembered(proofs, path) for path in paths)


@pytest.mark.parametrize("number", [0, 2**63 - 1, 2**63, 2**64 - 1])
def test_inodes_beyond_63_bits_come_back_as_they_were(number: int) -> None:
    assert _signed(number) % 2**64 == number
    assert -(2**63) <= _signed(number) < 2**63
