"""A writable copy of a release, for one process to work in. No change there reaches the release or a repository."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lastgood.releases import staging
from lastgood.releases.place import Place
from lastgood.releases.placing import Placer
from lastgood.releases.release import INSIDE, Release


@contextmanager
def scratch(place: Place, release: Release) -> Iterator[Path]:
    """A directory with the release's code and outputs, removed when the block ends or, after a crash, by the next
    command.

    The empty directory above it is for files that must end a search upwards (`.git`, `.dvc`): the copy holds no more
    than the release.
    """
    with staging.stage(place) as directory:
        tree = directory / "tree"
        copy_tree(release, tree)
        yield tree


def copy_tree(release: Release, target: Path) -> None:
    """Copy a release without its description: every file by reflink or in full, all writable; links stay links."""
    source = release.path
    target.mkdir()
    device, placer = target.stat().st_dev, Placer()
    for parent, directories, files in os.walk(source):
        there = target / os.path.relpath(parent, source)
        for name in directories:
            if not (path := Path(parent, name)).is_symlink():
                (there / name).mkdir()
            else:
                (there / name).symlink_to(path.readlink())
        for name in files:
            path = Path(parent, name)
            if path.is_symlink():
                (there / name).symlink_to(path.readlink())
            elif not (release.inside and path == source / INSIDE):
                placer.copy(path, there / name, device=device)
