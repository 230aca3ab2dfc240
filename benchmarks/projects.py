"""A project to measure on, made with real commands: origin, DVC remote, a clone that serves `prod`, clones for DVC."""

import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.machine import Machine, Sample

ARTIFACT = "flights"
DATA, MODEL = Path("data/raw"), Path("models/model.bin")
FILE_SIZE = 4096
CHANGED = 10
"""Every so manieth file differs between the two versions; the model differs as a whole."""
_FILES = {
    "dvc.yaml": f"artifacts:\n  {ARTIFACT}:\n    path: {MODEL}\n    type: model\n",
    "requirements.txt": "# nothing\n",
    "scripts/predict.py": "print('late')\n",
    ".gitignore": "/.venv/\n",
    ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
    ".dvcignore": "",
}
_CONFIG = """\
[core]
    analytics = false
    remote = storage
['remote "storage"']
    url = {}
"""


@dataclass
class World:
    """Two registered versions, `old` (stable) and `new` (assigned to prod and live in `work`), both built there."""

    machine: Machine
    base: Path
    old: str = "v1.0.0"
    new: str = "v2.0.0"
    saved: dict[Path, dict[str, str]] = field(default_factory=dict)
    history: bytes = b""

    @property
    def work(self) -> Path:
        """The clone that lastgood works in and serves from."""
        return self.base / "work"

    @property
    def origin(self) -> Path:
        """The bare repository."""
        return self.base / "origin.git"

    @property
    def place(self) -> Path:
        """Lastgood's own directory in the clone."""
        return self.work / ".git/lastgood"

    @property
    def live(self) -> Path:
        """The link to what is live in prod."""
        return self.place / "live" / ARTIFACT / "prod"

    def release(self, version: str) -> Path:
        """The release of a version, built or not."""
        commit = self.git("rev-parse", f"refs/tags/{self.tag(version)}^{{commit}}")
        return self.place / "releases" / ARTIFACT / f"{version}-{commit[:12]}"

    def tag(self, version: str) -> str:
        """The tag of a version."""
        return f"{ARTIFACT}@{version}"

    def git(self, *arguments: str, stdin: str = "", directory: Path | None = None) -> str:
        """What git prints in the clone, or in another repository."""
        return self.machine.run(directory or self.work, "git", *arguments, stdin=stdin).strip()

    def dvc(self, *arguments: str) -> None:
        """Run DVC in the clone."""
        self.machine.run(self.work, "dvc", *arguments, "--quiet")

    def lastgood(self, *arguments: str) -> str:
        """What lastgood prints in the clone."""
        return self.machine.run(self.work, "lastgood", *arguments)

    def time(self, *command: str) -> Sample:
        """One timed command in the clone."""
        return self.machine.time(self.work, *command)[0]

    def roll_back(self, *more: str) -> tuple[str, ...]:
        """The rollback that is measured, as a command."""
        return "lastgood", "rollback", ARTIFACT, "--from", self.new, "--reason", "calls late flights on time", *more

    def save(self) -> None:
        """Remember the refs here and on origin and what is live, for `restore`."""
        self.saved = {repository: self.refs(repository) for repository in (self.work, self.origin)}
        self.history = (self.place / "history.jsonl").read_bytes() if self.live.is_symlink() else b""

    def restore(self) -> None:
        """Put the refs, the live link and what this machine knows of both back to where they were saved."""
        for repository, refs in self.saved.items():
            now = self.refs(repository)
            lines = [f"delete {ref}\n" for ref in now.keys() - refs.keys()]
            lines += [f"update {ref} {oid}\n" for ref, oid in refs.items() if now.get(ref) != oid]
            self.git("update-ref", "--no-deref", "--stdin", stdin="".join(lines), directory=repository)
        (self.place / "seen.json").unlink(missing_ok=True)  # else this would be a registry that has gone back
        if self.history:
            self.switch(self.new)
            (self.place / "history.jsonl").write_bytes(self.history)

    def switch(self, version: str) -> None:
        """Point the live link at a version, as a switch would."""
        fresh = self.live.with_name("fresh")
        fresh.symlink_to(os.path.relpath(self.release(version), self.live.parent))
        fresh.replace(self.live)

    def assigned(self) -> str:
        """The version that origin's newest assignment gives to prod."""
        names = self.git("tag", "--list", f"{ARTIFACT}#prod#*", directory=self.origin).split()
        newest = max(names, key=lambda name: int(name.rpartition("#")[2]))
        commit = self.git("rev-parse", f"refs/tags/{newest}^{{commit}}", directory=self.origin)
        tags = self.git("tag", "--points-at", commit, f"{ARTIFACT}@*", directory=self.origin)
        return tags.partition("@")[2]

    def remove_release(self, version: str) -> None:
        """Take a release away as if it had never been built."""
        remove(self.release(version))

    def clone(self, name: str, *, link: str = "") -> Path:
        """An engineer's clone on the new version, filled by DVC out of the same cache; `link` is its `cache.type`."""
        there = self.base / name
        if not there.exists():
            self.git("clone", "--quiet", f"file://{self.origin}", str(there), directory=self.base)
            self.git("checkout", "--quiet", self.tag(self.new), directory=there)
            cache = self.work / ".dvc/cache"
            self.machine.run(there, "dvc", "config", "--quiet", "--local", "cache.dir", str(cache))
            if link:
                self.machine.run(there, "dvc", "config", "--quiet", "--local", "cache.type", link)
            self.machine.run(there, "dvc", "checkout", "--quiet")
        return there

    def check_out(self, version: str) -> tuple[str, ...]:
        """The command that brings an engineer's clone to a version."""
        return "sh", "-c", f"git checkout '{self.tag(version)}' && dvc checkout"

    def bring(self, clone: Path, version: str) -> None:
        """Bring an engineer's clone to a version, not timed; for nothing where it is there already."""
        if self.git("describe", "--tags", "--exact-match", "--match", "*@*", directory=clone) != self.tag(version):
            self.machine.run(clone, *self.check_out(version))

    def refs(self, repository: Path) -> dict[str, str]:
        """All refs of a repository with what they point to."""
        out = self.git("for-each-ref", "--format=%(refname) %(objectname)", directory=repository)
        return dict(line.split(" ") for line in out.splitlines())


def build(
    machine: Machine,
    base: Path,
    files: int,
    model: int,
    *,
    say: Callable[[str], None],
    fill: Callable[[Path], None] | None = None,
    versions: tuple[str, str] = ("v1.0.0", "v2.0.0"),
) -> World:
    """A world with so many files of 4 KiB and a model of so many bytes.

    `fill` may write history into the bare origin first. The same numbers give the same bytes.
    """
    world = World(machine, base, *versions)
    base.mkdir(parents=True)
    say(f"  making a project of {files:,} files and a model of {model / 2**20:,.2f} MiB")
    world.git("init", "--quiet", "--bare", "--template=", str(world.origin), directory=base)
    if fill is not None:
        fill(world.origin)
    world.git("clone", "--quiet", f"file://{world.origin}", str(world.work), directory=base)
    for path, text in _FILES.items():
        (world.work / path).parent.mkdir(exist_ok=True)
        (world.work / path).write_text(text)
    (world.work / ".dvc/config").write_text(_CONFIG.format(base / "dvc-remote"))
    (base / "dvc-remote/files/md5").mkdir(parents=True)  # `fill` writes versions that were never pushed there
    _register(world, world.old, files, model, say)
    world.lastgood("mark", world.tag(world.old), "stable", "--reason", "a week without complaints")
    _register(world, world.new, files, model, say)
    world.save()
    return world


def _register(world: World, version: str, files: int, model: int, say: Callable[[str], None]) -> None:
    """Write a version's files, register it with its objects, assign it to prod and make it live."""
    _write(world.work, files, model, first=version == world.old)
    say(f"  registering {version}")
    world.dvc("add", str(DATA), str(MODEL))
    world.git("add", "--all")
    world.git("commit", "--quiet", "--message", f"Train {version}")
    world.git("push", "--quiet", "--set-upstream", "origin", "HEAD")
    world.lastgood("register", ARTIFACT, "--version", version)
    world.lastgood("assign", world.tag(version), "--stage", "prod", "--reason", "better")
    world.lastgood("sync", ARTIFACT, "--stage", "prod")


def _write(root: Path, files: int, model: int, *, first: bool) -> None:
    numbers = random.Random(1 if first else 2)  # noqa: S311  # the same bytes each time, not secrets
    for number in range(0, files, 1 if first else CHANGED):
        path = root / DATA / f"{number // 1000:03}" / f"{number:06}.bin"
        _put(path, numbers.randbytes(FILE_SIZE))
    _put(root / MODEL, b"".join(numbers.randbytes(min(2**20, model - at)) for at in range(0, model, 2**20)))


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # it may be a link into DVC's cache
    path.write_bytes(content)


def remove(tree: Path) -> None:
    """Remove a tree, read-only directories too; none is fine."""
    for parent, _, _ in os.walk(tree):
        Path(parent).chmod(0o755)
    if tree.exists():
        shutil.rmtree(tree)
