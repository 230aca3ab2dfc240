"""File systems in a file, for tests that need one of their own: to cut its power, or for what another cannot do."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

MAKE = {"ext4": ("mkfs.ext4", "-q", "-F"), "xfs": ("mkfs.xfs", "-q", "-f", "-m", "reflink=1")}
SIZE = {"ext4": 48 << 20, "xfs": 320 << 20}
"""Bytes of an image; it is sparse. xfs takes no less than 300 MB."""
SHUTDOWN = 0x8004587D
"""FS_IOC_SHUTDOWN of linux/fs.h, _IOR('X', 125, __u32): the file system writes nothing any more, as without power."""
NO_LOG_FLUSH = 2
"""EXT4_GOING_FLAGS_NOLOGFLUSH: what the journal has not on disk is lost, too."""


@contextmanager
def mounted(kind: str, images: Path, point: Path) -> Iterator[Path]:
    """A new file system, mounted; or a skipped test that says what is missing."""
    image = images / f"{point.name}.{kind}"
    make(kind, image)
    try:
        mount(image, point)
        yield point
    finally:
        subprocess.run(["umount", "--lazy", str(point)], capture_output=True)
        image.unlink()


def make(kind: str, image: Path) -> None:
    """Make an empty file system in a file. Skips the test where it cannot."""
    tool = shutil.which(MAKE[kind][0], path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a file system")
    if tool is None:
        pytest.skip(f"needs {MAKE[kind][0]}")
    with image.open("wb") as file:
        file.truncate(SIZE[kind])
    subprocess.run([tool, *MAKE[kind][1:], str(image)], check=True, capture_output=True)


def mount(image: Path, point: Path) -> None:
    """Mount an image. Skips the test where the kernel or the container does not let us."""
    done = subprocess.run(["mount", "-o", "loop", str(image), str(point)], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"needs loop devices: {done.stderr.strip()}")


def cut_power(point: Path) -> None:
    """From now on nothing reaches the file system's disk, and what was not flushed is lost."""
    descriptor = os.open(point, os.O_RDONLY)
    try:
        fcntl.ioctl(descriptor, SHUTDOWN, NO_LOG_FLUSH.to_bytes(4, "little"))
    finally:
        os.close(descriptor)
