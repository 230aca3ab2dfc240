"""The old MD5 of DVC 2 projects is computed as DVC computes it."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest
from dvc_data.hashfile.hash import file_md5

from lastgood.errors import NotCarriedOutError
from lastgood.releases import hashing

EDGE = b"x" * (hashing.BLOCK - 1) + b"\r\n" + b"y\r\n" * 10


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"a\r\nb\r\n", b"a\nb\n", b"\x00a\r\nb"),
        *(b"\xff" * 200 + b"a" * 312 + b"\r\n", b"\xff" * 10 + b"a\r\n" * 90),
        *(EDGE, b"\x00" * hashing.BLOCK + b"text\r\n" * 100, b"text\r\n" * 400_000),
    ],
)
def test_the_old_md5_is_dvcs(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    assert hashing.legacy_md5(tmp_path / "file") == file_md5(str(tmp_path / "file"), name="md5-dos2unix")


def test_what_dvc_2_took_for_text_as_a_whole_is_still_recognised(tmp_path: Path) -> None:
    content = b"text\r\n" * (hashing.BLOCK // 6 + 1) + b"\x00" * 600 + b"\r\n"
    (tmp_path / "file").write_bytes(content)
    whole = hashing._legacy_md5(tmp_path / "file", each=False)
    assert whole != hashing.legacy_md5(tmp_path / "file")
    assert hashing.is_legacy_md5(tmp_path / "file", whole)
    assert not hashing.is_legacy_md5(tmp_path / "file", "0" * 32)


def test_a_file_that_is_longer_than_it_was_when_reading_began_is_refused() -> None:
    with pytest.raises(NotCarriedOutError, match="changes while it is read"):
        hashing.digests(Path("/proc/self/status"))  # says that it is empty, and is not


def test_a_file_that_grows_as_fast_as_it_is_read_does_not_keep_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * (hashing.BLOCK * 3))
    child = os.fork()
    if child == 0:
        signal.alarm(120)  # a child that hangs fails its test instead of stopping the suite
        with path.open("ab", buffering=0) as stream:
            while True:
                stream.write(b"x" * 4096)
    try:
        with suppress(NotCarriedOutError):  # or a processor was busy elsewhere, and it was read between two writes
            hashing.digests(path)
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
