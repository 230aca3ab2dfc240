"""The state of a checkout in progress, in a file. The next checkout uses it to finish, and `status` shows it."""

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
class CheckoutState:
    """A checkout in progress: the commits it goes from and to, the tag, and the names below `saved/` that hold saved
    work or are about to."""

    tag: str
    former: str
    commit: str
    saved: tuple[str, ...] = ()


def read_state(project: Project) -> CheckoutState | None:
    """The state that an interrupted checkout left, or `None`."""
    try:
        document = json.loads(durable.read_plain(_path(project)))
        saved = tuple(Path(str(name)).name for name in document.get("saved", ()))
        return CheckoutState(str(document["tag"]), str(document["former"]), str(document["commit"]), saved)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError):
        remove_state(project)
        return None


def write_state(project: Project, state: CheckoutState) -> None:
    """Write the state to disk, flushed. The caller holds the lock of this clone."""
    document = {"schema": 1, "tag": state.tag, "former": state.former, "commit": state.commit, "saved": state.saved}
    project.place.create()
    durable.remove_leftovers(project.place.worktree)  # under the lock of the only command that writes here
    durable.write_atomic(_path(project), json.dumps(document).encode())


def remove_state(project: Project) -> None:
    """Remove the state file: no checkout is in progress."""
    _path(project).unlink(missing_ok=True)


def is_saved(project: Project, state: CheckoutState, path: str) -> bool:
    """Whether this checkout put aside what lies at a path of the working tree, or what lay there and is gone."""
    here = project.worktree.directory / path
    return any(not os.path.lexists(here) or _is_same(here, copy) for copy in saved_copies(project, state, path))


def saved_copies(project: Project, state: CheckoutState, path: str) -> list[Path]:
    """What this checkout put aside of a path: what lay there, what was staged."""
    copies = [project.place.saved / name / kind / path for name in state.saved for kind in (FILES, STAGED)]
    return [copy for copy in copies if os.path.lexists(copy)]


def _is_same(one: Path, other: Path) -> bool:
    if one.is_symlink() or other.is_symlink():
        return one.is_symlink() and other.is_symlink() and one.readlink() == other.readlink()
    return one.is_file() and other.is_file() and (one.samefile(other) or filecmp.cmp(one, other, shallow=False))


def _path(project: Project) -> Path:
    return project.place.checkout
