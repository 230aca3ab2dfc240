"""A project, opened: its repository, its place, its trusted configuration, its clock. It decides nothing."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from lastgood.adapters.git import export, mirror, repository, trust
from lastgood.adapters.git.clone import Clone, find_clone
from lastgood.adapters.git.command import Git, GitError, strip_environment
from lastgood.adapters.git.identity import Identity, find_identity
from lastgood.core import tags
from lastgood.core.config import FILE, Config
from lastgood.errors import Finding, Flaw, NotAProjectError, NotWritableError, UnreachableError, UsageError
from lastgood.releases import moving
from lastgood.releases.ground import Ground
from lastgood.releases.lock import exclusive
from lastgood.releases.place import Place

if TYPE_CHECKING:
    from lastgood.adapters.dvc.child import Worker
    from lastgood.adapters.dvc.progress import Progress
    from lastgood.adapters.dvc.reading import Reader
    from lastgood.adapters.dvc.store import Store

WAIT = 30.0
"""Seconds a changing command waits for another one on the same machine, which is most often the same purpose."""

LOOKED = 20
"""Commits of `lastgood.toml` that are tried where the file cannot be read."""

PATIENCE = 60.0
"""Seconds for a walk over history, once in a clone's life."""

Report = Callable[[str, int, int, int], None]
"""Progress for people: what is being done, how many of how many, bytes so far."""


def _silent(_doing: str, _done: int, _total: int, _size: int) -> None:
    pass


@dataclass
class Project:
    """The opened parts. `git` is where refs are read and written: the clone, or our mirror where a clone is shallow
    and on a serving host; `root` is the working tree, `None` on a serving host.

    `notices` is what there is to say of the place. `skip_health`: the health command is not run. `ground` is what was
    there before this was opened. `now` gives seconds since 1970. `report` is told of progress, `report_transfer` of a
    store's, `on_step` the name of each step before it is done.
    """

    place: Place
    git: Git
    config: Config
    root: Path | None = None
    remote: str | None = None
    notices: tuple[Finding, ...] = ()
    skip_health: bool = False
    ground: Ground | None = None
    now: Callable[[], int] = field(default=lambda: int(time.time()))
    report: Report = _silent
    report_transfer: Callable[["Progress"], None] = field(default=lambda _progress: None)
    on_step: Callable[[str], None] = field(default=lambda _step: None)
    _spare: "list[Worker]" = field(default_factory=list)
    _readers: "list[Reader]" = field(default_factory=list)

    @classmethod
    def open(cls, start: Path) -> "Project":
        """The project around a directory. Raises `NotAProjectError`; `UsageError` for a broken `lastgood.toml`."""
        strip_environment()
        clone = find_clone(start)
        git = Git(clone.root)
        _require_dvc(git, clone)
        return cls._around(clone, git, _read_config(clone.root / FILE))

    @classmethod
    def look(cls, start: Path) -> "Project":
        """As `open`, for commands that look at this machine only: files of the working tree that cannot be used, as in
        a merge, are notices. The settings are then the last committed ones that can be read."""
        strip_environment()
        clone = find_clone(start)
        git = Git(clone.root)
        found: list[Finding] = []
        try:
            _require_dvc(git, clone)
        except NotAProjectError as error:
            if not Place.of_clone(clone.git_dir, clone.common_dir).live.is_dir():
                raise
            found.append(Finding(Flaw.PROJECT, str(clone.root), error.message))
        try:
            config = _read_config(clone.root / FILE)
        except UsageError as error:
            config, source = _last_config(git)
            found.append(Finding(Flaw.SETTINGS, FILE, f"{error.message}; those of {source} count here"))
        project = cls._around(clone, git, config)
        project.notices += tuple(found)
        return project

    @classmethod
    def _around(cls, clone: Clone, git: Git, config: Config) -> "Project":
        ground = Ground.before(Place.of_clone(clone.git_dir, clone.common_dir))
        place, notices = _open_place(git, clone)
        remote = config.registry.remote if config.registry.remote in repository.remotes(git) else None
        if clone.shallow and remote:
            git = mirror.open_for_clone(place.create().mirror, clone.common_dir)
        return cls(place, git, config, clone.root, remote, notices, ground=ground)

    @classmethod
    def serve(cls, root: Path, url: str | None) -> "Project":
        """A serving host's directory; `url` is the repository's address, remembered after the first time."""
        strip_environment()
        place = Place(root.resolve())
        place.check(trust.trusted_owners(place.root))
        if url is None and not place.mirror.is_dir():
            raise UsageError(f"{root} was never synced", hint="lastgood sync --stage STAGE --repo URL")
        ground, own = Ground.before(place), place.root / FILE
        with ground.cleared_after_failure():
            git = mirror.open_for_host(place.create().mirror, url)
            config = _read_config(own if own.exists() else place.settings)
        return cls(place, git, config, None, "origin", ground=ground)

    @cached_property
    def worktree(self) -> Git:
        """The user's clone, for what concerns the working tree. Raises `UsageError` on a serving host."""
        if self.root is None:
            raise UsageError("this needs a working tree, which a serving host has not")
        return Git(self.root)

    @cached_property
    def identity(self) -> Identity:
        """Who acts. Raises `LastgoodError` when neither git nor the environment knows."""
        return find_identity(self.git)

    @property
    def deadline(self) -> float:
        """Seconds a silent remote is given."""
        return float(self.config.registry.deadline)

    def journal_ref(self, artifact: str) -> str:
        """The ref of an artifact's journal."""
        return self.journal_prefix + tags.file_name(artifact)

    @property
    def journal_prefix(self) -> str:
        """What the refs of all journals begin with."""
        return self.config.registry.journal.removesuffix("{artifact}")

    def journal_of(self, ref: str) -> str:
        """The artifact whose journal a ref would be; it may be no artifact's name."""
        return tags.from_file_name(ref.removeprefix(self.journal_prefix))

    def expect_remote(self) -> None:
        """Have the process that will ask the DVC remote import DVC already, while git is asked."""
        from lastgood.adapters.dvc.child import Worker

        if not self._spare:
            self._spare.append(Worker(os.environ, (self.root or self.place.root,)))

    def reader(self) -> "Reader":
        """What reads versions with DVC: one process for all of a command, started for the first of them."""
        from lastgood.adapters.dvc.reading import Reader

        if not self._readers:
            self._readers.append(Reader(os.environ, self.config.registry.reading, (self.root or self.place.root,)))
        return self._readers[0]

    def store(self, project: str) -> "Store":
        """The cache and remotes of a DVC project, configured by the checkout that runs us, never by the version."""
        from lastgood.adapters.dvc.store import Store  # 8 ms, which a rollback to a built release does not need

        if self.root is None:
            return Store(self.place.root, deadline=self.deadline, spare=self._spare)
        nearest = self.root / project
        for directory in chain((nearest, *nearest.parents), self._dvc_roots()):
            if (directory / ".dvc").is_dir() and directory.is_relative_to(self.root):
                return Store(directory, deadline=self.deadline, spare=self._spare)
        raise NotAProjectError(f"{self.root} holds no DVC project now", hint="dvc init")

    def _dvc_roots(self) -> Iterator[Path]:
        root = self.root or self.place.root
        for directory in repository.projects_at(self.worktree, "HEAD"):
            yield root / directory

    @contextmanager
    def locked(self, purpose: str) -> Iterator[None]:
        """Be the only changing command on this machine in this project. Raises `LockedError` after a while."""
        with exclusive(self.place, purpose, wait=WAIT):
            yield


def _open_place(git: Git, clone: Clone) -> tuple[Place, tuple[Finding, ...]]:
    """Our place in a clone, an older `.lastgood/` moved there; and what there is to say of one that is not ours."""
    place = Place.of_clone(clone.git_dir, clone.common_dir)
    notices: tuple[Finding, ...] = ()
    if not place.moved.exists():
        if moving.is_left(clone.root, place):
            notices = _move(git, clone, place)
        if not any(one.kind == Flaw.UNMOVED_PLACE for one in notices):
            moving.remember_moved(place)
    # What git trusts for its owner, or by `safe.directory`, is trusted here: nobody else can put anything beside it.
    return place.check({trust.ROOT, clone.common_dir.stat().st_uid}), notices


def _move(git: Git, clone: Clone, place: Place) -> tuple[Finding, ...]:
    older, kind = clone.root / moving.OLDER, Flaw.UNMOVED_PLACE
    why = "it belongs to another user"
    try:
        if moving.is_ours(clone.root):
            kind, why = Flaw.FOREIGN_PLACE, repository.brought_by(git, moving.OLDER, PATIENCE)
        if not why:
            moving.move(clone.root, place)
            return ()
    except OSError as error:
        raise NotWritableError(
            f"{older} cannot be moved to {place.root}: {error.strerror}; nothing of it was lost",
            hint=f"see whose they are: ls -ld {quote(str(older))} {quote(str(place.root.parent))}",
        ) from error
    except (UnreachableError, GitError):  # a history with holes, too
        kind, why = Flaw.UNMOVED_PLACE, "git cannot tell whether a commit brought it"
    text = f"{older} is not read, for {why}: what lastgood keeps lies in {place.root}"
    return (Finding(kind, str(older), text),)


def _read_config(path: Path) -> Config:
    try:
        return Config.parse(path.read_text(encoding="utf-8"), path.name)
    except FileNotFoundError:
        return Config()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path.name} cannot be read: {error}") from error


def _last_config(git: Git) -> tuple[Config, str]:
    """The newest committed settings that can be read, and where they are from; else the defaults."""
    _, commits, _ = git.attempt("log", f"-{LOOKED}", "--format=%H", "HEAD", "--", FILE)
    for commit in commits.decode().split():
        with suppress(UsageError, UnicodeDecodeError):
            return Config.parse((export.read_file(git, commit, FILE) or b"").decode(), FILE), f"commit {commit[:12]}"
    return Config(), "no file, the defaults,"


def _require_dvc(git: Git, clone: Clone) -> None:
    if (clone.root / ".dvc" / "config").is_file() or (clone.root / ".dvc").is_dir():
        return
    if repository.head(git) and repository.projects_at(git, "HEAD"):
        return
    raise NotAProjectError(
        f"{clone.root} is a git repository without a DVC project",
        hint="dvc init (or dvc init --subdir), or name another directory with -C DIR",
    )
