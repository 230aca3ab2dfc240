"""What the stateful test observes after each step, without lastgood: refs, journals, links, every object and file."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import md5
from pathlib import Path

from tests.reliability.checker import ARTIFACT, Checker, Known, description_of, git, head_of, objects, refs_of, tree_of

STAGES = ("prod", "staging")
Refs = Mapping[str, tuple[str, str]]
Journal = tuple[tuple[tuple[str, str], ...], ...]


@dataclass(frozen=True)
class Observation:
    """One observation.

    Tags by name with object and commit. Objects of cache and remote, and releases, by name with whether they are
    intact. `live` has the directory name that the link of each stage leads to.
    """

    needed: Mapping[str, frozenset[str]] = field(repr=False)
    origin: Refs
    clone: Refs
    journal: tuple[tuple[str, ...], ...]
    journal_here: tuple[tuple[str, ...], ...]
    oids: Mapping[str, str]
    """The object of every tag that the journal on origin names."""
    cache: Mapping[str, bool]
    remote: Mapping[str, bool]
    releases: Mapping[str, bool]
    live: Mapping[str, str]
    follows: frozenset[str]
    """The stages that this machine follows."""
    head: str
    worktree: str | None
    """The commit that is checked out, if its files and no others lie there."""
    checkout_state: bool

    def here(self, commit: str, version: str) -> bool | None:
        """Whether this machine can make the version live: from a release, or from what is whole in cache or remote."""
        release = name_of(version, commit)
        if release in self.releases:
            return True if self.releases[release] else None
        if all(self.cache.get(one) or self.remote.get(one) for one in self.needed[commit]):
            return True
        return None if self.releases else False  # another release may hold the same file

    def elsewhere(self, commit: str) -> bool | None:
        """Whether the remote has everything by name; which files a directory has can be read from a whole listing."""
        if not self.needed[commit] <= self.remote.keys():
            return False
        listings = [one for one in self.needed[commit] if one.endswith(".dir")]
        return True if all(self.cache.get(one) and self.remote.get(one) for one in listings) else None

    def sound(self, commit: str, version: str) -> bool:
        """Whether the version's release here is whole."""
        return self.releases.get(name_of(version, commit), False)

    def lacking(self, commit: str) -> frozenset[str]:
        """What the version needs and the remote does not have."""
        return self.needed[commit] - self.remote.keys()

    @property
    def damage(self) -> frozenset[str]:
        """Everything that is there and is not what its name says."""
        stores = {"cache": self.cache, "remote": self.remote, "release": self.releases}
        return frozenset(
            f"{kind} {name}" for kind, store in stores.items() for name, whole in store.items() if not whole
        )


def name_of(version: str, commit: str) -> str:
    """How a release's directory is called, as far as two versions need it."""
    return f"{version}-{commit[:12]}"


@dataclass
class Observer:
    """Observes one world. `known` is by commit.

    A file is hashed again only if its inode changed. A journal is read again only if its tip moved.
    A tag object is read once.
    """

    base: Path
    known: Known
    hashed: dict[tuple[str, int, int, int, int], bool] = field(default_factory=dict)
    journals: dict[str, Journal] = field(default_factory=dict)
    peeled: dict[str, str] = field(default_factory=dict)

    @property
    def checker(self) -> Checker:
        return Checker(self.base, self.known)

    def look(self) -> Observation:
        """Everything."""
        checker = self.checker
        there, here = refs_of(checker.origin), refs_of(checker.clone)
        journal = self._journal(checker.origin, there)
        return Observation(
            needed=self.known.objects,
            origin=self._tags(checker.origin, there),
            clone=self._tags(checker.clone, here),
            journal=tuple(tuple(name for name, _ in entry) for entry in journal),
            journal_here=tuple(tuple(name for name, _ in entry) for entry in self._journal(checker.clone, here)),
            oids={name: oid for entry in journal for name, oid in entry},
            cache=self._store(checker.clone / ".dvc/cache"),
            remote=self._store(self.base / "dvc-remote"),
            releases={path.name: self._is_whole(path) for path in self._releases()},
            live=dict(self._live()),
            follows=frozenset(stage for stage in STAGES if self._file_of(stage).exists()),
            head=head_of(checker.clone),
            worktree=self._worktree(),
            checkout_state=(checker.place / "checkout.json").exists(),
        )

    def lasting(self) -> list[str]:
        """What may be wrong for a moment, and not when all is done: leftovers, and git's own findings."""
        checker = self.checker
        check = ("fsck", "--connectivity-only", "--no-dangling", "--no-progress")
        said = [git(one, *check).strip() for one in (checker.origin, checker.clone)]
        return [*(f"left over: {one}" for one in checker.leftovers()), *filter(None, said)]

    def _releases(self) -> list[Path]:
        return self.checker.releases()

    def _live(self) -> list[tuple[str, str]]:
        links = [(stage, self.checker.place / "live" / ARTIFACT / stage) for stage in STAGES]
        return [(stage, Path(os.path.realpath(link)).name) for stage, link in links if os.path.lexists(link)]

    def _file_of(self, stage: str) -> Path:
        return self.checker.place / "follow" / f"{ARTIFACT}@{stage}.json"

    def _store(self, store: Path) -> dict[str, bool]:
        return {name: self._is_object(name, path) for name, path in objects(store).items()}

    def _is_object(self, name: str, path: Path) -> bool:
        there = path.stat()
        key = (name, there.st_ino, there.st_mtime_ns, there.st_ctime_ns, there.st_size)
        if key not in self.hashed:
            self.hashed[key] = md5(path.read_bytes()).hexdigest() == name.removesuffix(".dir")
        return self.hashed[key]

    def _is_whole(self, release: Path) -> bool:
        if not description_of(release).is_file():
            return False
        beginning = release.name.rpartition("-")[2]
        commit = next(one for one in self.known.trees if one.startswith(beginning))
        return self.known.trees[commit] == tree_of(release)

    def _worktree(self) -> str | None:
        clone = self.checker.clone
        commit = head_of(clone)
        return commit if self.known.trees.get(commit) == tree_of(clone) else None

    def _tags(self, repository: Path, refs: Mapping[str, str]) -> Refs:
        tags = {name.removeprefix("refs/tags/"): oid for name, oid in refs.items() if name.startswith("refs/tags/")}
        if new := sorted({oid for oid in tags.values() if oid not in self.peeled}):
            commits = git(repository, "rev-parse", *(f"{oid}^{{commit}}" for oid in new)).split()
            self.peeled |= zip(new, commits, strict=True)
        return {name: (oid, self.peeled[oid]) for name, oid in tags.items()}

    def _journal(self, repository: Path, refs: Mapping[str, str]) -> Journal:
        tip = refs.get(f"refs/lastgood/{ARTIFACT}", "")
        if tip not in self.journals:
            self.journals[tip] = self.checker.journal(repository)
        return self.journals[tip]
