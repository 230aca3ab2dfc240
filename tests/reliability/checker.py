"""Checks the disk and origin without lastgood: it reads links, refs and files with git and `os` alone.

It shares no code with the package. `Known` records how every version must look, before the faults. Afterwards each live
tree, release, ref, object and leftover is compared with that.
"""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import md5, sha256
from pathlib import Path

ARTIFACT = "flights"
MARKERS = ("pushing", "checkout.json")
_OUTSIDE = (".git", ".dvc/cache", ".dvc/tmp", ".dvc/config.local")


def description_of(release: Path) -> Path:
    """The file beside a release that describes it."""
    return release.with_name(f"{release.name}.json")


def tree_of(directory: Path, *, without: tuple[str, ...] = _OUTSIDE) -> dict[str, str]:
    """The SHA-256 of every file below `directory`, by path; a link counts as what it says."""
    found = {}
    for parent, names, files in os.walk(directory):
        names[:] = [name for name in names if os.path.relpath(f"{parent}/{name}", directory) not in without]
        for name in files:
            path, there = os.path.relpath(f"{parent}/{name}", directory), Path(parent, name)
            if path not in without:
                content = os.fsencode(there.readlink()) if there.is_symlink() else there.read_bytes()
                found[path] = sha256(content).hexdigest()
    return found


def git(directory: Path, *arguments: str) -> str:
    """The output of git, without the options that lastgood sets."""
    command = ["git", "-C", str(directory), "-c", "safe.directory=*", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    return done.stdout if done.returncode == 0 else f"git {arguments[0]} failed: {done.stderr}"


def refs_of(repository: Path) -> dict[str, str]:
    """Every ref with its object, from git's own files (gitrepository-layout(5), git-pack-refs(1)): one that a loose
    file names is not looked up among the packed."""
    directory = repository / ".git" if (repository / ".git").is_dir() else repository
    packed = directory / "packed-refs"
    lines = packed.read_text().splitlines() if packed.exists() else []
    found = dict(line.split(" ")[::-1] for line in lines if line[0] not in "#^")
    for parent, _, names in os.walk(directory / "refs"):
        for name in names:
            if not name.endswith(".lock"):
                path = Path(parent, name)
                found[str(path.relative_to(directory))] = path.read_text().strip()
    return found


def head_of(clone: Path) -> str:
    """The commit that is checked out."""
    head = (clone / ".git/HEAD").read_text().strip()
    return refs_of(clone)[head.removeprefix("ref: ")] if head.startswith("ref: ") else head


@dataclass
class Known:
    """The state before the faults: the files of each version, the objects it needs, and unsaved work by its path."""

    trees: dict[str, dict[str, str]] = field(default_factory=dict)
    objects: dict[str, frozenset[str]] = field(default_factory=dict)
    work: dict[str, str] = field(default_factory=dict)

    def record(self, version: str, clone: Path) -> None:
        """Record the version in a clean working tree: git's files, and what DVC keeps beside them."""
        self.trees[version] = tree_of(clone)
        tracked = git(clone, "ls-files", "-z").split("\0")
        stored = [path for path in self.trees[version] if path not in tracked]
        needed = {md5((clone / path).read_bytes()).hexdigest() for path in stored}
        pins = f"{(clone / 'dvc.lock').read_text()} {(clone / 'data/raw.dvc').read_text()}".split()
        self.objects[version] = frozenset(needed | {word for word in pins if word.endswith(".dir")})


def objects(store: Path) -> dict[str, Path]:
    """The files of a DVC cache or remote by the md5 that names them."""
    return {f"{one.parent.name}{one.name}": one for one in (store / "files/md5").glob("??/*")}


@dataclass(frozen=True)
class Verdict:
    """The checker's verdict. `problems` break an invariant. `leftovers` must be gone after the next command."""

    live: str | None
    assigned: str | None
    worktree: str | None
    problems: tuple[str, ...]
    leftovers: tuple[str, ...]


@dataclass(frozen=True)
class Checker:
    """Checks one world: `base/work`, `base/origin.git`, `base/dvc-remote`."""

    base: Path
    known: Known
    cache: Path | None = None
    stage: str = "prod"

    @property
    def clone(self) -> Path:
        """The clone that the commands work in."""
        return self.base / "work"

    @property
    def place(self) -> Path:
        """What lastgood keeps of it."""
        return self.clone / ".git/lastgood"

    @property
    def origin(self) -> Path:
        """The shared repository."""
        return self.base / "origin.git"

    def look(self) -> Verdict:
        """The verdict on the whole world."""
        problems = [*self._releases(), *self._refs(), *self._objects(), *self._lost_work()]
        live = self.live()
        if live is not None and live not in self.known.trees:
            problems.append(f"live is broken: {live}")
        return Verdict(live, self.assigned(), self.worktree(), tuple(problems), tuple(self.leftovers()))

    def live(self) -> str | None:
        """The version whose files, exactly, the live link leads to; otherwise what is wrong."""
        link = self.place / "live" / ARTIFACT / self.stage
        if not os.path.lexists(link):
            return None
        return self._version_in(Path(os.path.realpath(link)))

    def _version_in(self, release: Path) -> str:
        if not release.is_dir() or not description_of(release).is_file():
            return f"{release.name} is not there or nothing describes it"
        tree = tree_of(release)
        found = [version for version, known in self.known.trees.items() if known == tree]
        if found != [release.name.rpartition("-")[0]]:
            return f"{release.name} holds the files of {found}"
        return found[0]

    def worktree(self) -> str | None:
        """The version that lies in the working tree, if it is exactly one."""
        tree = tree_of(self.clone)
        return next((version for version, known in self.known.trees.items() if known == tree), None)

    def assigned(self) -> str | None:
        """The version that origin's newest tag of the stage names, by the number that gto counts."""
        tags = [name for name in self.refs(self.origin) if name.startswith(f"refs/tags/{ARTIFACT}#{self.stage}#")]
        if not tags:
            return None
        newest = max(tags, key=lambda name: int(name.rpartition("#")[2]))
        lines = git(self.origin, "cat-file", "tag", newest).splitlines()
        return next((line.removeprefix("Version: ") for line in lines if line.startswith("Version: ")), None)

    def refs(self, repository: Path) -> dict[str, str]:
        """Tags and journals with their objects."""
        kept = ("refs/tags/", "refs/lastgood/")
        return {name: oid for name, oid in refs_of(repository).items() if name.startswith(kept)}

    def journal(self, repository: Path) -> tuple[tuple[tuple[str, str], ...], ...]:
        """(tag, object) of every entry, the oldest first."""
        ref = f"refs/lastgood/{ARTIFACT}"
        if ref not in self.refs(repository):
            return ()
        bodies = git(repository, "log", "--first-parent", "--reverse", "--format=%B%x00", ref).split("\0")
        entries = ([line.split()[1:3] for line in body.splitlines() if line.startswith("Tag: ")] for body in bodies)
        return tuple(tuple((name, oid) for oid, name in entry) for entry in entries if entry)

    def releases(self) -> list[Path]:
        """The directories of all releases; each has a file that describes it beside it."""
        return sorted(path for path in (self.place / "releases").glob("*/*") if path.is_dir())

    def _releases(self) -> Iterator[str]:
        for release in self.releases():
            found = self._version_in(release)
            if found not in self.known.trees:
                yield f"release is broken: {found}"

    def _refs(self) -> Iterator[str]:
        there, here = self.refs(self.origin), self.refs(self.clone)
        journaled = {f"refs/tags/{name}": oid for entry in self.journal(self.origin) for name, oid in entry}
        tags = {name: oid for name, oid in there.items() if name.startswith("refs/tags/")}
        if tags != journaled:
            yield f"tags and journal on origin differ: {sorted(set(tags.items()) ^ set(journaled.items()))}"
        for name, oid in here.items():
            if name.startswith("refs/tags/") and there.get(name) != oid:
                yield f"{name} is in the clone and not on origin"
        for repository in (self.origin, self.clone):
            said = git(repository, "fsck", "--connectivity-only", "--no-dangling", "--no-progress")
            if said.strip():
                yield f"{repository.name}: {said.strip()[:300]}"

    def _objects(self) -> Iterator[str]:
        remote, cache = objects(self.base / "dvc-remote"), objects(self.cache or self.clone / ".dvc/cache")
        for name, path in [*remote.items(), *cache.items()]:
            if md5(path.read_bytes()).hexdigest() != name.removesuffix(".dir"):
                yield f"{path} has another content than its name says"
        for tag in self.refs(self.origin):
            version = tag.rpartition("@")[2]
            if "@" in tag and not self.known.objects.get(version, frozenset()) <= remote.keys():
                yield f"{tag} is registered and the remote lacks what it needs"

    def _lost_work(self) -> Iterator[str]:
        for path, text in self.known.work.items():
            places = [self.clone / path, *self.place.glob(f"saved/[!.]*/files/{path}")]
            if not any(place.is_file() and place.read_text() == text for place in places):
                yield f"the work at {path} is neither there nor put aside"

    def leftovers(self) -> Iterator[str]:
        """The leftovers that the next command must remove."""
        for entry in self.place.glob("staging/*"):
            if entry.name != ".lock":
                yield str(entry)
        for description in self.place.glob("releases/*/*.json"):
            if not description.with_suffix("").is_dir():
                yield str(description)
        for pattern in ("**/.new-*", *MARKERS):
            yield from map(str, self.place.glob(pattern))
        yield from (str(path) for path in (self.clone / ".git").rglob("*.lock") if not path.is_relative_to(self.place))
        yield from (str(path) for path in self.origin.rglob("*.lock"))
        for store in (self.base / "dvc-remote", self.cache or self.clone / ".dvc/cache"):
            yield from map(str, store.glob("lastgood/*"))
        yield from (str(path) for path in self.clone.glob("[!.]*/**/.*.tmp"))

    def meaning(self) -> dict[str, str]:
        """What origin's newest tags say of each version and stage, by the number that gto counts."""
        lines = git(self.origin, "for-each-ref", "--format=%(refname:strip=2) %(*objectname)", "refs/tags").splitlines()
        names = dict(line.split(" ") for line in lines)
        versions = {commit: name for name, commit in names.items() if name.startswith(f"{ARTIFACT}@")}
        events = [
            (int(name.split("#")[2]), name.split("#")[1], commit) for name, commit in names.items() if "#" in name
        ]
        found = {}
        for _, what, commit in sorted(events):
            subject, said = (
                (what, versions.get(commit, commit)) if what == self.stage else (versions.get(commit, commit), what)
            )
            found[subject] = said
        return found

    def state(self) -> dict[str, object]:
        """All that two runs of one command must leave alike, whatever interrupted them; names, not times."""
        lines = (
            (self.place / "history.jsonl").read_bytes().splitlines() if (self.place / "history.jsonl").exists() else []
        )
        history = [json.loads(line) for line in lines]
        return {
            "origin": sorted(self.refs(self.origin)),
            "clone": sorted(self.refs(self.clone)),
            "journal": [[name for name, _ in entry] for entry in self.journal(self.origin)],
            "meaning": self.meaning(),
            "live": self.live(),
            "assigned": self.assigned(),
            "follow": sorted(path.name for path in self.place.glob("follow/*.json")),
            "releases": sorted(path.name for path in self.place.glob("releases/*/*")),
            "modes": sorted(str(path) for path in self.place.glob("releases/*/*") if path.stat().st_mode & 0o222),
            "cache": sorted(objects(self.cache or self.clone / ".dvc/cache")),
            "remote": sorted(objects(self.base / "dvc-remote")),
            "HEAD": head_of(self.clone),
            "worktree": tree_of(self.clone),
            "saved": len(list(self.place.glob("saved/*"))),  # more than the work, where a fault hid what is known
            "history": [[event.get(key) for key in ("event", "artifact", "stage", "version")] for event in history],
        }


def differences(one: Mapping[str, object], other: Mapping[str, object]) -> list[str]:
    """The differences of two states."""
    return [f"{key}: {one.get(key)} is not {other.get(key)}" for key in one if one.get(key) != other.get(key)]
