"""The note of a checkout that is under way: what lets the next one finish it, and `status` name the state."""

import filecmp
import json
import os
from dataclasses import dataclass
from pathlib import Path

from lastgood.project import Project
from lastgood.releases import durable

FILES, STAGED = "files", "staged"
"""Where below a directory of saved work the files lie, each at its path in the working tree; and what was staged of
those where the working tree had something else."""


@dataclass(frozen=True, slots=True)
class Note:
    """What a checkout was doing: from which commit to which, the tag that names it, and the names below
    `saved/` of our directory under which it put work aside, or was about to."""

    tag: str
    former: str
    commit: str
    saved: tuple[str, ...] = ()


def read_note(project: Project) -> Note | None:
    """What an interrupted checkout left, or `None`."""
    try:
        document = json.loads(durable.read_plain(_place(project)))
        saved = tuple(Path(str(name)).name for name in document.get("saved", ()))
        return Note(str(document["tag"]), str(document["former"]), str(document["commit"]), saved)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError):
        remove_note(project)
        return None


def write_note(project: Project, note: Note) -> None:
    """Have the note on disk; the caller holds the lock of this clone."""
    document = {"schema": 1, "tag": note.tag, "former": note.former, "commit": note.commit, "saved": note.saved}
    project.place.create()
    durable.remove_leftovers(project.place.worktree)  # under the lock of the one command that writes so beside the note
    durable.write_atomic(_place(project), json.dumps(document).encode())


def remove_note(project: Project) -> None:
    """Nothing is under way any more."""
    _place(project).unlink(missing_ok=True)


def is_saved(project: Project, note: Note, path: str) -> bool:
    """Whether this checkout put aside what lies at a path of the working tree, or what lay there and is gone."""
    here = project.worktree.directory / path
    return any(not os.path.lexists(here) or _is_same(here, copy) for copy in saved_copies(project, note, path))


def saved_copies(project: Project, note: Note, path: str) -> list[Path]:
    """What this checkout put aside of a path: what lay there, what was staged."""
    copies = [project.place.saved / name / kind / path for name in note.saved for kind in (FILES, STAGED)]
    return [copy for copy in copies if os.path.lexists(copy)]


def _is_same(one: Path, other: Path) -> bool:
    if one.is_symlink() or other.is_symlink():
        return one.is_symlink() and other.is_symlink() and one.readlink() == other.readlink()
    return one.is_file() and other.is_file() and (one.samefile(other) or filecmp.cmp(one, other, shallow=False))


def _place(project: Project) -> Path:
    return project.place.checkout
