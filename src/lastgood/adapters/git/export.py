"""The code of one commit: exported through a private index, or read file by file; never through the working tree."""

from collections.abc import Iterable
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
    """Paths that an export cannot restore: submodules, and LFS pointers where git attributes are in use."""
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
    """A file's content at a commit, or `None` when it is not there."""
    code, out, _ = git.attempt("cat-file", "blob", f"{commit}:{path}")
    return out if code == 0 else None


def export_code(git: Git, commit: str, target: Path) -> None:
    """Write the commit's files below `target`, which exists and is empty.

    Neither index nor working tree of the clone is touched. Git filters do not run and line endings stay as they are in
    the objects; `export-ignore` is not obeyed, as `git archive` would (FIELD.md, git).
    """
    code, out, _ = git.attempt("config", "--name-only", "--get-regexp", r"^filter\.")
    names = {line.rpartition(".")[0] for line in out.decode(errors="replace").splitlines()} if code == 0 else set()
    off = [
        option
        for name in sorted(names)
        for option in ("-c", f"{name}.smudge=", "-c", f"{name}.process=", "-c", f"{name}.required=false")
    ]
    settings = [
        *off,
        "-c",
        "core.autocrlf=false",
        "-c",
        "core.eol=lf",
        "-c",
        "core.sparseCheckout=false",
        "-c",
        "core.bare=false",
    ]
    index = target.with_name(target.name + ".index")
    environment = {"GIT_INDEX_FILE": str(index), "GIT_WORK_TREE": str(target), "GIT_DIR": git_directory(git)}
    there = Git(target)
    try:
        there.run(*settings, "read-tree", commit, environment=environment)
        there.run(*settings, "checkout-index", "--all", "--quiet", environment=environment)
    finally:
        index.unlink(missing_ok=True)


def git_directory(git: Git) -> str:
    """The absolute path of the repository's git directory."""
    return str(git.git_dir) if git.git_dir else git.line("rev-parse", "--absolute-git-dir")
