"""A simulated disk that keeps only what was flushed, replayed from the system calls of a command.

Every file name and every content that a process writes is lost until it is flushed: content by fsync of the file, a
name by fsync of its directory, everything by syncfs. That is stricter than ext4, where any fsync also commits earlier
names. One exception: names of git objects within one repository, because git relies on it (it flushes contents,
never directories). Files that are in the DVC cache at the beginning are not safe either: DVC never flushes them.

At each promise (exit 0, a ref on origin, a live link, the removal of a state file) every earlier name must be safe, and
content must be flushed before a name that others read points to it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CALLS = (
    *("open", "openat", "creat", "write", "pwrite64", "writev", "pwritev", "sendfile", "copy_file_range", "ioctl"),
    *("ftruncate", "truncate", "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat"),
    *("unlink", "unlinkat", "rmdir", "mkdir", "mkdirat", "fsync", "fdatasync", "syncfs", "sync"),
    *("chdir", "fchdir", "clone", "clone3", "vfork", "fork"),
)
OPTIONS = ("-y", "-s", "0", "-e", f"trace={','.join(CALLS)}")
_WHOLE = re.compile(r"^(\d+) +(\w+)\((.*)\) += (-?\d+)(.*)$")
_BEGUN = re.compile(r"^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>(.*)$")
_TOKEN = re.compile(r'(?:AT_FDCWD|(\d+))<((?:[^>\\]|\\.)*)>|"((?:[^"\\]|\\.)*)"')

FLUSHES = frozenset({"fsync", "fdatasync", "syncfs", "sync"})
REPOSITORIES = ("work/.git/", "origin.git/")
OURS = "work/.git/lastgood/"
"""What is below git's directory and not git's."""
HASHED = ("/files/md5/", "/work/data/raw/", "/work/models/")
"""Where files are read to be hashed, and not to be hashed again if what came of it can be kept."""
MARKERS = ("/.git/lastgood/checkout.json", "/.git/lastgood/pushing")
SAFE = (
    "staging/",
    "proofs.db",
    ".memory",
    "seen.json",
    "signatures.json",
    "fetched",
    "moved",
    "locks/",
    "cache/",
    "mirror.git/",
)
"""Below our directory: scratch, locks, and what a machine remembers and can do without (ordering.md, decisions.md)."""


@dataclass
class Node:
    """A file or a directory: content that is not flushed, and the names in it that are not."""

    dirty: bool = False
    names: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Call:
    """One successful system call, with the paths it is about, absolute."""

    number: int
    process: str
    name: str
    paths: tuple[str, ...]
    text: str


def calls(log: Iterable[str], directory: str) -> Iterator[Call]:
    """The calls of an strace log (`-f -y`) in the order of their ends. `directory` is where the first process stood."""
    standing: dict[str, str] = {}
    begun: dict[str, str] = {}
    forking = ""
    for number, line in enumerate(log):
        if match := _BEGUN.match(line):
            begun[match[1]] = match[3]
            forking = match[1] if match[2] in {"clone", "clone3", "vfork", "fork"} else forking
            continue
        if match := _RESUMED.match(line):
            line = f"{match[1]} {match[2]}({begun.pop(match[1], '')}{match[3]}"  # noqa: PLW2901  # the whole of it
        match = _WHOLE.match(line)
        if match is None or int(match[4]) < 0:
            continue
        process, name, arguments = match[1], match[2], match[3]
        stands = standing.setdefault(process, standing.get(forking, directory))
        if name in {"clone", "clone3", "vfork", "fork"}:
            standing.setdefault(match[4], stands)
            continue
        paths = tuple(_paths(arguments, stands))
        if name in {"chdir", "fchdir"}:
            standing[process] = paths[0]
        yield Call(number, process, name, paths, f"{arguments}{match[5]}")


def _paths(arguments: str, stands: str) -> Iterator[str]:
    above = stands
    for descriptor, place, text in _TOKEN.findall(arguments):
        if text:
            yield str(Path(above, text)) if ".." not in text else str(Path(above, text).resolve())
            above = stands
        elif place:
            above = place
            if descriptor:
                yield place


class Disk:
    """What is safe of a world while calls are replayed.

    `there` is all that lies below `base` at the beginning, and which of it are files; those below the paths `unsafe`
    were flushed by nobody yet. `left_out` are the numbers of flushes that are not made. `lost` tells what a power cut
    would take.
    """

    def __init__(
        self, base: Path, there: Mapping[str, bool], unsafe: Sequence[str], left_out: frozenset[int] = frozenset()
    ) -> None:
        self.base = f"{base}/"
        self._there = there
        self.left_out = left_out
        self.lost: list[str] = []
        self.flushes: list[Call] = []
        found = {path for path in there if path.startswith(tuple(f"{base}/{one}" for one in unsafe))}
        self.nodes = {path: Node(dirty=there[path]) for path in found}
        self._cached = {path for path in self.nodes if "/.dvc/cache/" in path}
        self._read: set[str] = set()
        self._taken: dict[str, str] = {}
        self._begun = False

    def replay(self, log: Iterable[Call]) -> "Disk":
        """Everything, and exit 0 at the end."""
        for call in log:
            paths = [path for path in call.paths if path.startswith(self.base)]
            if call.name in FLUSHES and (paths or call.name == "sync"):
                self.flushes.append(call)
                if call.number not in self.left_out:
                    self._flush(call.name, paths)
            elif paths and call.name not in FLUSHES:
                self._change(call, paths)
        self._promise("exit 0")
        return self

    def _change(self, call: Call, paths: Sequence[str]) -> None:
        old, new = paths[0], paths[-1]
        match call.name.removesuffix("2").removesuffix("at"):
            case "open" | "creat":
                self._open(new, call.text)
            case "mkdir" | "symlink":
                self._name(new)
            case "link":
                self.nodes[new] = self._node(old)
                self._name(new)
            case "rename":
                self._rename(old, new)
            case "unlink" | "rmdir":
                self._unlink(new)
            case "copy_file_range":
                self._write(new)
            case name if name != "ioctl" or "FICLONE" in call.text:
                self._write(old)

    def _open(self, path: str, text: str) -> None:
        if "O_CREAT" in text and path not in self.nodes and path not in self._there:
            self._name(path)
        if "O_TRUNC" in text:
            self._write(path)
        if "O_RDONLY" in text and not path.endswith((".dir", "/.gitignore")) and any(one in path for one in HASHED):
            self._read.add(path)

    def _write(self, path: str) -> None:
        self._begin(path)
        if path.endswith("/proofs.db-wal"):
            for one in sorted(self._read & self.nodes.keys()):
                if self.nodes[one].dirty:
                    self._lose(f"what was read of {self._shown(one)} is kept before it is safe")
            self._read.clear()
        self._read.discard(path)
        self._node(path).dirty = True

    def _node(self, path: str) -> Node:
        return self.nodes.setdefault(path, Node())

    def _name(self, path: str) -> None:
        self._begin(path)
        if path.endswith(".dir") and self._matters(path):  # a listing means that its members are there (facts.md, D10)
            self._promise(f"the name {self._shown(path)}", before=path)
        self._node(path)
        parent, _, name = path.rpartition("/")
        self._node(parent).names.add(name)
        if self._matters(path) and not self._is_worked_on(
            path
        ):  # a name that others look at has all its content on disk (ordering.md, O1)
            for one, node in self._below(path):
                if node.dirty or (one != path and node.names):
                    self._lose(f"{self._shown(path)} has its name before the content of {self._shown(one)} is safe")

    def _unlink(self, path: str) -> None:
        self._begin(path)
        if path.endswith(MARKERS):
            self._promise(f"the end of {self._shown(path)}")
        for new, former in self._taken.items():
            if path.startswith(f"{new}/"):  # the name goes first, what it named afterwards (ordering.md, O7)
                self._lose(f"{self._shown(path)} goes before the name is gone from {self._shown(former)}")
        self.nodes.pop(path, None)
        self._read.discard(path)
        parent, _, name = path.rpartition("/")
        self._node(parent).names.discard(name)

    def _rename(self, old: str, new: str) -> None:
        if "/origin.git/refs/" in new:  # nothing that is here alone, and one transaction's names come one by one
            self._promise(f"the name {self._shown(new)}", without=("work/.git/", "origin.git/refs/"))
        if "/live/" in new:
            self._promise(f"the name {self._shown(new)}")
        if "/releases/" in old:
            self._taken[new] = old.rpartition("/")[0]
        for path, _ in self._below(new):
            del self.nodes[path]
        for path, _ in self._below(old):
            self.nodes[new + path[len(old) :]] = self.nodes.pop(path)
        parent, _, name = old.rpartition("/")
        self._node(parent).names.discard(name)
        self._name(new)

    def _below(self, path: str) -> list[tuple[str, Node]]:
        return [(one, node) for one, node in self.nodes.items() if one == path or one.startswith(f"{path}/")]

    def _flush(self, name: str, paths: Sequence[str]) -> None:
        flushed = [paths[0]] if paths else []
        if name in {"syncfs", "sync"}:
            flushed = [one for one in self.nodes if name == "sync" or self._volume(one) == self._volume(paths[0])]
        objects = next(
            (
                f"{self.base}{one}objects"
                for one in REPOSITORIES
                if f"{self.base}{one}" in paths[0] and OURS not in paths[0]
            ),
            None,
        )
        for path in flushed:
            node = self._node(path)
            node.dirty = False
            node.names.clear()
        for _, node in self._below(objects) if objects else ():
            node.names.clear()
        self._taken = {new: former for new, former in self._taken.items() if former not in flushed}

    def _volume(self, path: str) -> str:
        """Cache and remote may lie on file systems of their own, as they often do."""
        return next((one for one in ("work/.dvc/cache", "dvc-remote") if self._shown(path).startswith(one)), "")

    def _begin(self, path: str) -> None:
        """A working tree is not touched before the note of that is safe (ordering.md, O5)."""
        if not self._begun and self._is_worked_on(path):
            self._begun = True
            self._promise("the first change of the working tree", without=("work/.git/", "work/data/", "work/models/"))

    def _promise(self, what: str, *, before: str = "", without: tuple[str, ...] = ()) -> None:
        """All that was named is safe; `before` a listing got its name, of its store all that is new."""
        for path, node in list(self.nodes.items()):
            names = [f"{path}/{name}" for name in node.names if f"{path}/{name}" in self.nodes]
            for one, part in [*([(path, "content")] if node.dirty else []), *((name, "name") for name in names)]:
                asked = not before or (
                    one.startswith(before.partition("md5/")[0])
                    and one not in self._there
                    and not before.startswith(f"{one}/")
                )
                if asked and self._matters(one) and one not in self._cached:
                    shown = self._shown(one)
                    if shown.startswith(OURS) or not shown.startswith(without):
                        self._lose(f"at {what} the {part} of {shown} is not safe")

    def _lose(self, what: str) -> None:
        if what not in self.lost:
            self.lost.append(what)

    def _shown(self, path: str) -> str:
        return path.removeprefix(self.base)

    def _matters(self, path: str) -> bool:
        """Whether a promise is made about this name: what is scratch, a lock or a memory may be lost."""
        shown = self._shown(path)
        if shown.startswith(OURS):
            inner = shown.removeprefix(OURS)
            unfinished = "/.new-" in f"/{inner}" or inner.rpartition("/")[2].startswith(".")
            return not f"{inner}/".startswith(SAFE) and not unfinished
        if shown.startswith(("work/.dvc/cache/", "dvc-remote/")):
            return "/files/" in f"{shown}/"
        if shown.startswith(REPOSITORIES):
            inner = shown.partition(".git/")[2]
            named = inner.startswith(("refs/", "objects/")) and not inner.endswith(".lock")
            return named and "tmp_obj" not in inner
        return self._is_worked_on(path)

    def _is_worked_on(self, path: str) -> bool:
        """Whether this is a file of the working tree."""
        shown = self._shown(path)
        return shown.startswith("work/") and not shown.startswith("work/.")
