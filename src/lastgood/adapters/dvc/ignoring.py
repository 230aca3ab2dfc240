"""Files that DVC ignores: `.dvcignore` may hide files, which DVC then neither records nor touches."""

from collections.abc import Collection, Iterator
from itertools import chain
from pathlib import Path


def ignored(root: Path, directory: Path, files: Collection[Path]) -> set[Path]:
    """Which of the `files` below a directory DVC ignores. DVC is used only if a `.dvcignore` exists.

    `root` is the working tree's, or the DVC project's.
    """
    if not directory.is_dir() or not _is_any_said(root, directory, files):
        return set()
    from dvc.fs import localfs
    from dvc.ignore import DvcIgnoreFilter

    above = [parent for parent in directory.parents if parent.is_relative_to(root)]
    top = next((parent for parent in above if (parent / ".dvc").is_dir()), root)
    seen = DvcIgnoreFilter(localfs, str(top)).find(localfs, str(directory))
    return set(files) - set(map(Path, seen))


def _is_any_said(root: Path, directory: Path, below: Collection[Path]) -> bool:
    above = [parent for parent in (directory, *directory.parents) if parent.is_relative_to(root)]
    files = chain((parent / ".dvcignore" for parent in above), (file for file in below if file.name == ".dvcignore"))
    return any(line.strip() and not line.startswith("#") for file in files for line in _lines(file))


def _lines(file: Path) -> Iterator[str]:
    if file.is_file():
        yield from file.read_text(encoding="utf-8", errors="replace").splitlines()
