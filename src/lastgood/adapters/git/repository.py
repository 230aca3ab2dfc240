"""Questions about a repository: its path, its changes, the differences of two commits. It writes nothing."""

import errno
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lastgood.adapters.git.command import Git, GitError
from lastgood.errors import LastgoodError, NotAProjectError, UsageError

PATH_FORMAT = "--path-format=absolute"
"""Of git 2.31."""

OLDEST = "2.36"
"""The oldest supported git, as in README: `core.fsync`, by which a power cut loses no event, and `fetch --refetch` need
it."""

ANSWERS = frozenset({0, 1, 128})
"""git's exit codes; 127 is the loader's."""

UNTRACKED = "??"
"""git-status(1)'s letters for untracked files."""


UNDER_WAY = {
    "rebase-apply/applying": ("an am", "git am --continue, or git am --abort"),
    "rebase-merge": ("a rebase", "git rebase --continue, or git rebase --abort"),
    "rebase-apply": ("a rebase", "git rebase --continue, or git rebase --abort"),
    "MERGE_HEAD": ("a merge", "git merge --continue, or git merge --abort"),
    "CHERRY_PICK_HEAD": ("a cherry-pick", "git cherry-pick --continue, or git cherry-pick --abort"),
    "REVERT_HEAD": ("a revert", "git revert --continue, or git revert --abort"),
    "sequencer": ("a cherry-pick or revert", "git cherry-pick --continue, or git cherry-pick --abort"),
    "BISECT_LOG": ("a bisect", "git bisect reset"),
}
"""Files of a working tree's git directory, each with the operation in progress and the commands that end it (git's
wt-status.c)."""


@dataclass(frozen=True, slots=True)
class Clone:
    """A clone as git describes it: its working tree's root, its git directories, whether its history is cut off."""

    root: Path
    git_dir: Path
    common_dir: Path
    shallow: bool


@dataclass(frozen=True, slots=True)
class Change:
    """One path that differs; `status` is git's letter (A, M, D), lines are `None` for a binary file."""

    path: str
    status: str
    added: int | None = None
    removed: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A path of the index: its blob, `None` for unmerged ones and submodules; and whether git was told to ignore its
    changes (`update-index --assume-unchanged`, `--skip-worktree`)."""

    blob: str | None
    overlooked: bool


def find_clone(start: Path) -> Clone:
    """The repository around `start`. Raises `NotAProjectError`."""
    git = Git(start)
    try:
        out = git.line(
            "rev-parse", "--show-toplevel", "--absolute-git-dir", PATH_FORMAT, "--git-common-dir",
            "--is-shallow-repository", "--show-object-format",
        )  # fmt: skip
    except (GitError, OSError) as error:
        raise _no_clone(start, error) from error
    if PATH_FORMAT in out.split("\n"):  # what rev-parse does not know, it repeats
        raise LastgoodError(
            f"{git.line('version')} is too old: lastgood needs git {OLDEST} or newer",
            hint="install a newer git, and have it first on PATH",
            unchanged=True,
        )
    if out.count("\n") != 4:
        raise GitError(("rev-parse",), 0, "it answered in part only; is the disk full?")
    root, git_dir, common, shallow, ids = out.split("\n")
    if ids != "sha1":
        raise NotAProjectError(
            f"{root} names its objects by {ids}, which DVC and GTO cannot read",
            hint="use a repository made with git init --object-format=sha1",
        )
    return Clone(Path(root), Path(git_dir), Path(common), shallow == "true")


def _no_clone(start: Path, error: GitError | OSError) -> LastgoodError:
    words = error.words if isinstance(error, GitError) else error.strerror or str(error)
    first = next(iter(words.splitlines()), "").removeprefix("fatal: ").removeprefix("error: ")
    if "bad config" in words or "bad numeric config" in words or "bad boolean config" in words:
        return UsageError(
            f"git's configuration cannot be read: {first}",
            hint="correct that line; git config --list succeeds when it can be read",
        )
    if any(os.strerror(one) in words for one in (errno.EMFILE, errno.ENFILE)):
        return LastgoodError(
            f"git cannot be run: {first}", hint="allow more open files: ulimit -n 1024", unchanged=True
        )
    if isinstance(error, GitError) and error.code not in ANSWERS:
        return LastgoodError(f"git cannot be run: {first or error.message}", unchanged=True)
    if "dubious ownership" in words:
        return NotAProjectError(
            f"{start} is in the working tree of another user, which git does not trust",
            hint=next((line.strip() for line in words.splitlines() if "safe.directory" in line), "run it as its owner"),
        )
    if "safe.bareRepository" in words:
        return NotAProjectError(
            f"{start} is in a bare repository, which a commit can bring: git is not run by its settings",
            hint="cd into a working tree; a repository of your own is cloned first: git clone DIR",
        )
    place = "is not inside a git working tree" if start.is_dir() else "is not a directory that can be entered"
    return NotAProjectError(
        f"{start} {place}",
        hint="cd into a git repository with a DVC project, or name it with -C DIR",
    )


def under_way(git: Git) -> tuple[str, str] | None:
    """The git operation in progress in this working tree, and the command that ends it; `None` if there is none."""
    directory = Path(git.line("rev-parse", "--absolute-git-dir"))
    return next((operation for name, operation in UNDER_WAY.items() if (directory / name).exists()), None)


def is_shallow(git: Git) -> bool:
    """Whether history is cut off here, so that missing objects mean nothing.

    False for the mirror: it has every tag with its commit and every journal, and is used for nothing else.
    """
    return git.git_dir is None and git.line("rev-parse", "--is-shallow-repository") == "true"


def head(git: Git) -> str | None:
    """The commit that is checked out, or `None` in a repository without commits."""
    return resolve(git, "HEAD")


def resolve(git: Git, revision: str) -> str | None:
    """The commit that a revision names, or `None`."""
    code, out, _ = git.attempt("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    return out.decode().strip() if code == 0 else None


def tree_of(git: Git, commit: str) -> str:
    """The tree of a commit."""
    return git.line("rev-parse", "--verify", f"{commit}^{{tree}}")


def peel(git: Git, names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """The final object of each name, tags followed: type and id, by one process; none for missing ones."""
    given = [name for name in names if "\n" not in name]
    lines = git.run("cat-file", "--batch-check", stdin="".join(f"{name}^{{}}\n" for name in given).encode())
    answers = (line.split() for line in lines.decode(errors="replace").splitlines())
    return {
        name: (words[1], words[0])
        for name, words in zip(given, answers, strict=True)
        if len(words) == 3 and words[2].isdigit()
    }


def has_commit(git: Git, commit: str) -> bool:
    """Whether the commit and its whole tree listing can be read here; in the mirror, which gets files when they are
    needed (`mirror.bring`), only the commit."""
    return git.objects.read(commit if git.git_dir else f"{commit}^{{tree}}") is not None


def dirty(git: Git, *, untracked: bool = True) -> dict[str, str]:
    """Changed, staged and (by default) untracked paths of the working tree, without ignored ones, each with the two
    letters of git-status(1): the staged change, and the one in the working tree."""
    mode = "all" if untracked else "no"
    out = git.run(
        "status", "--porcelain=v1", "-z", f"--untracked-files={mode}", "--no-renames", "--ignore-submodules=none"
    )
    lines = [line for line in out.decode(errors="surrogateescape").split("\0") if line]
    return {line[3:]: line[:2] for line in reversed(lines)}  # git prints `D ` before `??`: removed from the index alone


def unlike(git: Git, commit: str) -> tuple[str, ...]:
    """The tracked paths where the working tree differs from the commit's checkout. Line ends alone do not count,
    although git then calls a file changed that it has just written."""
    return tuple(path for path in dirty_paths(git, untracked=False) if not is_checked_out(git, commit, path))


def is_checked_out(git: Git, commit: str, path: str) -> bool:
    """Whether a file of the working tree is, byte for byte and in its executable bit, what git would write for that
    path of the commit; the bit counts if it does for git."""
    code, content, _ = git.attempt("cat-file", "--filters", f"{commit}:{path}")
    file = git.directory / path
    if file.is_symlink():
        return code == 0 and os.fsencode(file.readlink()) == content
    if code != 0 or not file.is_file() or file.read_bytes() != content:
        return False
    executable = git.line("ls-tree", "--full-tree", commit, "--", path).startswith("100755")
    if executable == bool(file.stat().st_mode & 0o100):
        return True
    return git.attempt("config", "--type=bool", "core.filemode")[1].strip() == b"false"


def dropped(git: Git, old: str, new: str) -> tuple[str, ...]:
    """The paths of the old commit that the new one lacks."""
    out = git.run("diff-tree", "-r", "-z", "--name-only", "--no-renames", "--diff-filter=D", old, new)
    return tuple(out.decode(errors="surrogateescape").split("\0")[:-1])


def others(git: Git, paths: Sequence[str]) -> tuple[str, ...]:
    """Which of these files git does not track, also ignored ones. On a case-insensitive file system, a file tracked
    under another spelling counts as tracked."""
    if not paths:
        return ()
    out = git.run("--literal-pathspecs", "ls-files", "--others", "-z", "--", *paths)
    found = out.decode(errors="surrogateescape").split("\0")[:-1]
    return tuple(path for path in found if path in paths)


def dirty_paths(git: Git, *, untracked: bool = True) -> tuple[str, ...]:
    """The paths of `dirty`."""
    return tuple(dirty(git, untracked=untracked))


def index(git: Git) -> dict[str, Entry]:
    """The index by path, with unmerged paths and submodules."""
    entries = {}
    for line in git.run("ls-files", "-v", "--stage", "-z").decode(errors="surrogateescape").split("\0")[:-1]:
        state, _, path = line.partition("\t")
        letter, mode, oid, stage = state.split()
        blob = oid if stage == "0" and mode != "160000" else None
        entries[path] = Entry(blob, overlooked=letter == "S" or letter.islower())
    return entries


def remotes(git: Git) -> tuple[str, ...]:
    """The names of the configured remotes."""
    keys = (key.partition(".")[2].rpartition(".")[0] for key in git.settings if key.startswith("remote."))
    return tuple(sorted({name for name in keys if name}))


def branch(git: Git) -> str | None:
    """The branch that is checked out, or `None` for a detached HEAD."""
    code, out, _ = git.attempt("symbolic-ref", "--quiet", "--short", "HEAD")
    return out.decode().strip() if code == 0 else None


def remote_branches_with(git: Git, commit: str, remote: str) -> tuple[str, ...]:
    """The remote-tracking branches that contain a commit."""
    out = git.line("for-each-ref", f"--contains={commit}", "--format=%(refname:short)", f"refs/remotes/{remote}/")
    return tuple(out.split())


def tags_at(git: Git, commit: str) -> tuple[str, ...]:
    """The names of the annotated tags of a commit, also of those only in this clone."""
    out = git.line("for-each-ref", f"--points-at={commit}", "--format=%(objecttype) %(refname)", "refs/tags/")
    return tuple(line.removeprefix("tag refs/tags/") for line in out.split("\n") if line.startswith("tag "))


def changes(git: Git, old: str, new: str) -> tuple[Change, ...]:
    """The differences between two commits: paths with lines added and removed."""
    statuses = git.run("diff-tree", "-r", "-z", "--name-status", "--no-renames", old, new).decode(errors="replace")
    words = statuses.split("\0")[:-1]
    letters = dict(zip(words[1::2], words[0::2], strict=True))
    found = []
    for line in (
        git.run("diff-tree", "-r", "-z", "--numstat", "--no-renames", old, new)
        .decode(errors="replace")
        .split("\0")[:-1]
    ):
        added, removed, path = line.split("\t", 2)
        lines = (None, None) if added == "-" else (int(added), int(removed))
        found.append(Change(path, letters[path], *lines))
    return tuple(found)


def projects_at(git: Git, commit: str) -> tuple[str, ...]:
    """The directories of DVC projects in a commit, relative to the git root; `.` for the root itself."""
    out = git.run("ls-tree", "-r", "-z", "--name-only", "--full-tree", commit).decode(errors="replace")
    marks = [path for path in out.split("\0") if path == ".dvc/config" or path.endswith("/.dvc/config")]
    return tuple(sorted(mark.removesuffix(".dvc/config").rstrip("/") or "." for mark in marks))


def names_at(git: Git, commit: str) -> tuple[str, ...]:
    """The names at the root of a commit; none if its tree is not here."""
    found = git.objects.read(f"{commit}^{{tree}}")
    raw, width, names = (found[1] if found else b""), len(commit) // 2, []
    while raw:  # `mode name NUL id`, git's tree format
        head, _, rest = raw.partition(b"\0")
        names.append(os.fsdecode(head.partition(b" ")[2]))
        raw = rest[width:]
    return tuple(names)


def brought_by(git: Git, name: str, deadline: float) -> str:
    """What brings, or once brought, a name at the root of the working tree: the index, a commit that is known here, or
    a pipeline file of one that could make DVC put something there. Empty for a name that git has never seen.

    YAML can write a name in other ways than by its letters: an escape, and a `wdir` whose value is not on its line,
    count as that name. Raises `UnreachableError` after `deadline` seconds for one walk over history.
    """
    pathspec = f":(top,icase){name}"
    if git.run("ls-files", "-z", "--", pathspec):
        return "git tracks it"
    log = ("log", "--all", "--reflog", "-1", "--format=%h", "--no-show-signature")
    if commit := git.run(*log, "--", pathspec, deadline=deadline).decode().strip():
        return f"the commit {commit} tracks it"
    escaped = r'".*\\[xuU]|^[^"]*"([^"]*"[^"]*")*[^"]*\\[[:space:]]*$'  # a text in quotes that goes on, too
    pattern = rf"{re.escape(name)}|{escaped}|wdir[\"']?[[:space:]:]*($|[>|&*!]|.*\$)"
    files = (":(top,glob)**/*.dvc", ":(top,glob)**/dvc.yaml", ":(top,glob)**/dvc.lock")
    pickaxe = ("--regexp-ignore-case", f"-G{pattern}", "--no-textconv", "--no-ext-diff")
    if commit := git.run(*log, *pickaxe, "--", *files, deadline=deadline).decode().strip():
        return f"a DVC file of the commit {commit} may name it"
    return ""
