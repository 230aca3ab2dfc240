"""What proves that a state is back: content hashed here with hashlib, compared byte for byte; lastgood is not asked."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import file_digest, md5
from operator import itemgetter
from pathlib import Path

import yaml

# What a working tree or a release holds beyond its version: git's and DVC's own files, bytecode.
_BESIDE = {".git", ".dvc/cache", ".dvc/tmp"}


@dataclass(frozen=True, slots=True)
class State:
    """What a release was when somebody looked: its commit, the MD5 of every output, its predictions to the byte."""

    commit: str
    outputs: tuple[tuple[str, str], ...]
    predictions: bytes


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two directories, file by file: how many files and bytes are the same, which are not."""

    files: int
    size: int
    different: tuple[str, ...]


def look(release: Path, predictions: Path) -> State:
    """What a release is now."""
    commit = json.loads(release.with_name(f"{release.name}.json").read_bytes())["commit"]
    outputs = tuple((path, md5_of(release / path)) for path, _ in locked(release / "dvc.lock"))
    return State(commit, outputs, predictions.read_bytes())


def locked(lock: Path) -> tuple[tuple[str, str], ...]:
    """The outputs that a `dvc.lock` pins, with the MD5 that DVC wrote there."""
    stages = yaml.safe_load(lock.read_text(encoding="utf-8"))["stages"]
    return tuple((out["path"], out["md5"]) for stage in stages.values() for out in stage.get("outs", ()))


def md5_of(path: Path) -> str:
    """The MD5 of a file, or of a directory by DVC's rule: that of its listing as JSON, with `.dir` behind it."""
    if not path.is_dir():
        with path.open("rb") as file:
            return file_digest(file, md5).hexdigest()
    listing = [{"md5": md5_of(file), "relpath": file.relative_to(path).as_posix()} for file in files(path)]
    listing.sort(key=itemgetter("relpath"))
    return md5(json.dumps(listing, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"


def compare(left: Path, right: Path) -> Comparison:
    """Compare all files of two directories that belong to a version: code, data and model."""
    ours, theirs = ({str(file.relative_to(top)) for file in files(top)} for top in (left, right))
    same = {path for path in ours & theirs if (left / path).read_bytes() == (right / path).read_bytes()}
    size = sum((left / path).stat().st_size for path in same)
    return Comparison(len(same), size, tuple(sorted((ours | theirs) - same)))


def files(top: Path) -> Iterator[Path]:
    """The files below a directory that belong to a version."""
    for place in top.iterdir():
        yield from _below(place, top)


def _below(place: Path, top: Path) -> Iterator[Path]:
    if str(place.relative_to(top)) in _BESIDE or place.name == "__pycache__":
        return
    if place.is_dir() and not place.is_symlink():
        for member in place.iterdir():
            yield from _below(member, top)
    else:
        yield place
