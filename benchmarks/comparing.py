"""Whether two directories hold the same content, byte by byte: a benchmark whose sides differ measures nothing."""

import filecmp
import os
from pathlib import Path, PurePosixPath

from benchmarks.machine import BenchmarkError

OWN = {".git"}
"""What only one side has: the repository."""
OWN_DVC = {"tmp", "cache", "config.local"}


def require_same(ours: Path, theirs: Path) -> None:
    """Raise `BenchmarkError` unless both trees have the same files with the same bytes, DVC's own state apart."""
    here, there = _files(ours), _files(theirs)
    if here.keys() != there.keys():
        odd = sorted(str(path) for path in here.keys() ^ there.keys())
        raise BenchmarkError(f"{ours} and {theirs} differ in {len(odd)} files: {', '.join(odd[:5])}")
    if not here:
        raise BenchmarkError(f"{ours} and {theirs} are empty")
    for path, file in here.items():
        require_same_file(file, there[path])


def require_same_file(ours: Path, theirs: Path) -> None:
    """Raise `BenchmarkError` unless two files hold the same bytes."""
    if not filecmp.cmp(ours, theirs, shallow=False):
        raise BenchmarkError(f"{ours} and {theirs} differ")


def _files(tree: Path) -> dict[PurePosixPath, Path]:
    found = {}
    for parent, directories, names in os.walk(tree.resolve()):
        relative = PurePosixPath(parent).relative_to(PurePosixPath(tree.resolve()))
        own = OWN_DVC if relative.name == ".dvc" else OWN if relative == PurePosixPath() else set()
        directories[:] = [name for name in directories if name not in own]
        found.update({relative / name: Path(parent, name) for name in names if name not in own})
    return found
