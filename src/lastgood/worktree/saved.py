"""Putting work aside, in `saved/` of our directory: every file is there, and on disk, before it is overwritten."""

import json
import os
import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from lastgood.adapters.git import repository
from lastgood.adapters.git.export import read_blobs
from lastgood.errors import RefusedError
from lastgood.project import Project
from lastgood.releases import durable
from lastgood.worktree.outputs import blocked_by, files_at
from lastgood.worktree.state import FILES, STAGED
from lastgood.worktree.work import INDEXED, Work


def name_saved(project: Project) -> str:
    """A name for work that is put aside now."""
    return f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(project.now()))}-{os.urandom(4).hex()}"


def save_work(project: Project, work: Work, name: str, reference: str) -> None:
    """Put the work aside as `saved/NAME`, which is there whole or not at all; nothing of it is taken away.

    `files/` has the files at their paths, `staged/` what is staged and nowhere else, `saved.json` the rest: the commit
    and branch that were checked out, git's letters for each path, the names of all files of an output. Files are hard
    links where the file system lets us, so that also what is written on after this moment goes there. Raises
    `RefusedError` for a submodule or another repository within this one.
    """
    git, root, final = project.worktree, project.worktree.directory, project.place.saved / name
    within = {path.partition("/.git/")[0] for path in work.paths if "/.git/" in path or (root / path / ".git").exists()}
    if within:
        raise RefusedError(
            f"repositories of their own are not put aside: {', '.join(sorted(within))}",
            hint="commit the work in them, or move them away",
        )
    durable.make_directories(project.place.saved)
    _sweep(project)
    fresh = final.with_name(f"{durable.NEW}{name}")
    try:
        fresh.mkdir()
        _link(root, _files(root, work), fresh / FILES)
        _write_staged(project, work, fresh / STAGED)
        document = {
            "schema": 1,
            "for": reference,
            "commit": repository.head(git),
            "branch": repository.branch(git),
            "changed": dict(work.changed),
            "untracked": work.in_the_way,
            "outputs": {
                path: [file.relative_to(root).as_posix() for file in sorted(files_at(root / path))]
                for path in work.outputs
            },
        }
        (fresh / "saved.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        durable.sync_file_system(fresh)  # the files' own content, too, which nobody has flushed
        durable.rename(fresh, final)
    except BaseException:
        drop_saved(project, name)
        raise


def drop_saved(project: Project, name: str) -> None:
    """Take away what was put aside while all of it is still in the working tree."""
    final = project.place.saved / name
    with suppress(FileNotFoundError):
        final.rename(final.with_name(f"{durable.NEW}{name}"))
    _sweep(project)


def _sweep(project: Project) -> None:
    """Remove what was not finished; the caller has the lock, so that a dead process began it."""
    for left in project.place.saved.glob(f"{durable.NEW}*"):
        durable.remove_tree(left)


def _files(root: Path, work: Work) -> list[str]:
    changed = [file for path in work.changed if not blocked_by(root, path) for file in files_at(root / path)]
    inside = {path for files in work.outputs.values() for path in files}
    return sorted({*work.in_the_way, *inside, *(file.relative_to(root).as_posix() for file in changed)})


def _link(root: Path, paths: Iterable[str], target: Path) -> None:
    target.mkdir()
    for path in paths:
        copy = target / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(root / path, copy, follow_symlinks=False)
        except OSError:  # another file system, or one without hard links
            shutil.copy2(root / path, copy, follow_symlinks=False)


def _write_staged(project: Project, work: Work, target: Path) -> None:
    wanted = {path for path, letters in work.changed.items() if letters[0] in INDEXED and letters[1] != " "}
    index = repository.index(project.worktree).items()
    staged = {path: entry.blob for path, entry in index if path in wanted and entry.blob}
    for path, content in zip(staged, read_blobs(project.worktree, list(staged.values())), strict=True):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_bytes(content)
