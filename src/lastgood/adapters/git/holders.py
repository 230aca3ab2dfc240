"""Who may hold a lock of git: a plain file, which does not name its maker and outlives it.

Only /proc decides: which git processes work in the repository, and who has the file open.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

READERS = frozenset(
    {
        *("cat-file", "for-each-ref", "log", "ls-remote", "rev-list", "show"),
        *("credential-cache--daemon", "fsmonitor--daemon"),
    }
)
"""Subcommands that take no lock. Some live long: our own readers, logs in a pager, daemons."""
ALONE = frozenset({"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "tmpfs", "xfs", "zfs"})
"""File systems of one machine: every process that writes to them belongs to this kernel."""
WHOLE = "pid:[4026531836]"
"""The PID namespace that shows all processes of a kernel (`PROC_PID_INIT_INO`, linux/proc_ns.h)."""
_VALUED = frozenset({"-c", "-C", "--git-dir", "--work-tree", "--namespace", "--shallow-file"})


def blindness(repository: Path) -> str | None:
    """Why the processes in a repository cannot be seen here; `None` if all of them can."""
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
        Path("/proc/1/stat").read_bytes()
        kind = _file_system(repository)
    except OSError:
        return "the processes of this system cannot be listed"
    if kind not in ALONE:
        return f"it is on {kind or 'an unknown file system'}, where another machine may be at work"
    if namespace != WHOLE and kind != "overlay":  # a container's own layer is; a volume may be shared with others
        return "this container does not see the processes outside of it"
    return None


def find_holder(lock: Path, repository: Path) -> str | None:
    """A living process that may hold the lock, for people: one that has it open, or a git working in the repository,
    whose git directory (the common one of several working trees) is given. `None` if there is none and `blindness` is
    `None`."""
    try:
        owner = lock.lstat().st_uid
    except FileNotFoundError:
        return None
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended
            if int(process.name) != os.getpid() and _may_hold(process, lock, repository, owner):
                words = _words(process)
                return f"process {process.name} ({' '.join(words[:1] + _subcommand(words))})"
    return None


def _may_hold(process: Path, lock: Path, repository: Path, owner: int) -> bool:
    state = (process / "stat").read_text(errors="replace").rpartition(") ")[2][:1]
    if state in {"Z", "X"}:
        return False
    is_git = (process / "comm").read_text(errors="replace").startswith("git")
    writes = is_git and not READERS & {*_subcommand(_words(process))}  # everybody may read a command line
    try:
        if any(one.readlink() == lock for one in _descriptors(process)):
            return True
        return writes and repository in set(_repositories(process))
    except PermissionError:  # a lock belongs to the user who made it, root's to root
        return writes and owner in _users(process)


def _users(process: Path) -> set[int]:
    """The users that a process runs as: real, effective, saved, and for files (proc(5), status)."""
    for line in (process / "status").read_text(errors="replace").splitlines():
        if line.startswith("Uid:"):
            return {int(one) for one in line.split()[1:]}
    return set()


def _descriptors(process: Path) -> Iterator[Path]:
    for one in (process / "fd").iterdir():
        with suppress(FileNotFoundError):
            one.readlink()
            yield one


def _words(process: Path) -> list[str]:
    return os.fsdecode((process / "cmdline").read_bytes()).split("\0")[:-1]


def _subcommand(words: list[str]) -> list[str]:
    """The subcommand of a git command line, if it has one."""
    rest = iter(words[1:])
    for word in rest:
        if word in _VALUED:
            next(rest, None)
        elif not word.startswith("-"):
            return [word]
    return []


def _repositories(process: Path) -> Iterator[Path]:
    """The repositories that a git process may work in: by its command line, its variables, its directory."""
    working = (process / "cwd").readlink()
    words = _words(process)
    named = [after for word, after in pairwise(words) if word == "--git-dir"]
    named += [word.partition("=")[2] for word in words if word.startswith("--git-dir=")]
    variables = os.fsdecode((process / "environ").read_bytes()).split("\0")
    named += [one.partition("=")[2] for one in variables if one.startswith(("GIT_DIR=", "GIT_COMMON_DIR="))]
    for name in named:
        yield common(working / name)
    for directory in (working, *working.parents):
        if (directory / ".git").exists() or all((directory / name).exists() for name in ("HEAD", "objects", "refs")):
            yield common(directory / ".git" if (directory / ".git").exists() else directory)
            return


def common(directory: Path) -> Path:
    """The git directory with the refs: `.git` may be a file that names another, and a linked working tree's own names
    the common one (gitrepository-layout(5))."""
    if directory.is_file():
        directory = directory.parent / directory.read_text().removeprefix("gitdir:").strip()
    with suppress(OSError):
        directory = directory / (directory / "commondir").read_text().strip()
    return directory.resolve()


def _file_system(path: Path) -> str:
    """The kind of file system that a path is on (proc(5), mountinfo)."""
    device = path.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text(errors="replace").splitlines():
        fields, _, kind = line.partition(" - ")
        if fields.split()[2] == wanted:
            return kind.split()[0]
    return ""
