"""The digests of directories, one of them DVC's own."""

import subprocess
import sys
from hashlib import md5, sha256
from pathlib import Path, PurePosixPath

import pytest

from lastgood.core.digests import tree_md5, tree_sha256

FILES = {"b.txt": b"two", "a/é x.bin": b"\x00one", "a.txt": b"", "a-b": b"dash"}


def test_the_md5_of_a_directory_is_the_one_that_dvc_writes(tmp_path: Path) -> None:
    for name, content in FILES.items():
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_bytes(content)
    for arguments in (["init", "--no-scm", "-q"], ["add", "-q", "data"]):
        subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=tmp_path, check=True)
    ours = tree_md5((PurePosixPath(name), md5(content).hexdigest()) for name, content in FILES.items())
    assert f"md5: {ours}\n" in (tmp_path / "data.dvc").read_text()


def test_the_order_of_members_does_not_count() -> None:
    members = [(PurePosixPath(name), len(content), sha256(content).hexdigest()) for name, content in FILES.items()]
    assert tree_sha256(members) == tree_sha256(reversed(members))


@pytest.mark.parametrize(
    "other",
    [
        [(PurePosixPath("b"), 1, "00")],
        [(PurePosixPath("a"), 2, "00")],
        [(PurePosixPath("a"), 1, "01")],
        [],
        [(PurePosixPath("a"), 1, "00"), (PurePosixPath("b"), 1, "00")],
    ],
)
def test_path_size_digest_and_number_of_members_count(other: list[tuple[PurePosixPath, int, str]]) -> None:
    assert tree_sha256(other) != tree_sha256([(PurePosixPath("a"), 1, "00")])


def test_the_sha256_of_a_directory_is_that_of_its_plain_listing() -> None:
    listing = '[["a",1,"00"],["\\u00e9",2,"11"]]'
    assert (
        tree_sha256([(PurePosixPath("é"), 2, "11"), (PurePosixPath("a"), 1, "00")])
        == sha256(listing.encode()).hexdigest()
    )
