"""The code of one commit: exported through a private index, or read file by file; never through the working tree."""

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lastgood.adapters.git.command import Git

_LFS = b"version https://git-lfs.github.com/spec/v1"
_LFS_LIMIT = 1024
"""Bytes; a pointer file is smaller by the format's own rule (git-lfs, docs/spec.md)."""


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One entry of a commit's tree; `size` in bytes, `None` for a submodule."""

    mode: str
    oid: str
    size: int | None
    path: str


def list_tree(git: Git, commit: str, under: str = "") -> tuple[TreeEntry, ...]:
    """All files of a commit, recursively."""
    out = git.run("ls-tree", "-r", "-l", "-z", "--full-tree", commit, "--", *([under] if under else []))
    entries = []
    for line in out.decode(errors="surrogateescape").split("\0")[:-1]:
        meta, _, path = line.partition("\t")
        mode, _, oid, size = meta.split()
        entries.append(TreeEntry(mode, oid, int(size) if size.isdigit() else None, path))
    return tuple(entries)


def strange_code(git: Git, entries: Iterable[TreeEntry]) -> tuple[str, ...]:
    """Paths that an export cannot restore: submodules, and LFS pointers if git attributes are in use."""
    entries = tuple(entries)
    strange = [entry.path for entry in entries if entry.mode == "160000"]
    if any(PurePosixPath(entry.path).name == ".gitattributes" for entry in entries):
        small = [
            entry for entry in entries if entry.mode.startswith("100") and len(_LFS) < (entry.size or 0) < _LFS_LIMIT
        ]
        contents = read_blobs(git, [entry.oid for entry in small])
        strange += [entry.path for entry, content in zip(small, contents, strict=True) if content.startswith(_LFS)]
    return tuple(sorted(strange))


def read_blobs(git: Git, oids: list[str]) -> list[bytes]:
    """The contents of blobs, by one process."""
    if not oids:
        return []
    out = git.run("cat-file", "--batch", stdin="".join(oid + "\n" for oid in oids).encode())
    contents, at = [], 0
    for _ in oids:
        end = out.index(b"\n", at)
        size = int(out[at:end].split()[2])
        contents.append(out[end + 1 : end + 1 + size])
        at = end + 2 + size
    return contents


def read_file(git: Git, commit: str, path: str) -> bytes | None:
    """A file's content at a commit, or `None` if it does not exist."""
    found = git.objects.read(f"{commit}:{path}")
    return found[1] if found is not None and found[0] == "blob" else None


def history_of(git: Git, patterns: Iterable[str]) -> Iterator[tuple[str, str, bytes]]:
    """Commit, path and content of every version of the matching files, in everything reachable here, newest first.

    Empty if git cannot walk the history.
    """
    globs = [f":(top,glob){pattern}" for pattern in patterns]
    options = ("--all", "--no-renames", "--diff-filter=AM", "--root", "-m", "--raw", "--no-abbrev", "-z", "--format=%H")
    code, out, _ = git.attempt("log", *options, "--", *globs)
    commit = ""
    found: dict[str, tuple[str, str]] = {}
    words = iter(out.decode(errors="surrogateescape").split("\0") if code == 0 else ())
    for word in words:
        if word.lstrip().startswith(":"):
            found.setdefault(word.split()[3], (commit, next(words, "")))
        elif word.strip():
            commit = word.strip()
    oids = list(found)
    for start in range(0, len(oids), 1000):  # as many contents at once
        part = oids[start : start + 1000]
        yield from ((*found[oid], content) for oid, content in zip(part, read_blobs(git, part), strict=True))


def export_code(git: Git, commit: str, target: Path) -> None:
    """Write the commit's files below `target`, which exists and is empty, byte by byte as the objects have them.

    Neither index nor working tree of the clone is touched. No filter, line ending, encoding or `ident` of the version's
    attributes applies, and `export-ignore` is not obeyed, as `git archive` would (facts.md, G1).
    """
    private = target.with_name(target.name + ".git")
    objects, form = git.line(
        "rev-parse", "--path-format=absolute", "--git-path", "objects", "--show-object-format"
    ).split("\n")
    _make_private(private, form)
    environment = {"GIT_DIR": str(private), "GIT_WORK_TREE": str(target), "GIT_OBJECT_DIRECTORY": objects}
    there = Git(target, environment=environment)
    try:
        there.run("read-tree", commit)
        there.run("checkout-index", "--all", "--quiet")
    finally:
        shutil.rmtree(private, ignore_errors=True)


def _make_private(path: Path, form: str) -> None:
    """A git directory without objects, whose attributes and configuration override the version's and the user's."""
    for name in ("refs", "info", "objects"):
        (path / name).mkdir(parents=True)
    (path / "HEAD").write_text("ref: refs/heads/none\n")
    (path / "config").write_text(
        f"[core]\nrepositoryformatversion = 1\nbare = false\nsymlinks = true\nsparseCheckout = false\n"
        f"autocrlf = false\n[extensions]\nobjectFormat = {form}\n"
    )
    (path / "info" / "attributes").write_text("* -text -filter -ident -working-tree-encoding\n")


def git_directory(git: Git) -> str:
    """The absolute path of the repository's git directory."""
    return str(git.git_dir) if git.git_dir else git.line("rev-parse", "--absolute-git-dir")
