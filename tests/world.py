"""The project of `tests.builders`, worked on through `lastgood.operations`; and what of it must not change."""

import os
import shutil
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from lastgood.core.events import Mark
from lastgood.core.rollback import Request
from lastgood.errors import LastgoodError
from lastgood.operations import adopt, assign, checkout, mark, register, rollback, status, sync, verify
from lastgood.project import Project
from tests import builders
from tests.builders import ARTIFACT, git

REASON = "late flights are called early"


@dataclass
class World:
    """One clone and its neighbours. Every operation opens the project anew, a minute after the one before."""

    project: builders.Project
    steps: list[str] = field(default_factory=list)

    @property
    def root(self) -> Path:
        return self.project.root

    @property
    def place(self) -> Path:
        """Where lastgood keeps what is this clone's."""
        return self.root / ".git/lastgood"

    @property
    def live(self) -> Path:
        """The live link of `prod`."""
        return self.place / "live" / ARTIFACT / "prod"

    def open(self, *, on_step: Callable[[str], None] | None = None, at: int | None = None) -> Project:
        """The project as lastgood sees it, its clock standing still."""
        now = next(self.project.clock) if at is None else at
        return self._timed(Project.open(self.root), now, on_step)

    def serve(self, root: Path, url: str | None) -> Project:
        """A serving host's project."""
        return self._timed(Project.serve(root, url), next(self.project.clock), None)

    def _timed(self, opened: Project, now: int, on_step: Callable[[str], None] | None) -> Project:
        opened.now = lambda: now
        opened.on_step = on_step or self.steps.append
        return opened

    def register(self, version: str | None = None, *, dry_run: bool = False, **more: object) -> register.Registered:
        request = replace(register.Request(artifact=ARTIFACT, version=version), **more)  # type: ignore[arg-type]  # Request's own fields
        return register.register(self.open(), request, dry_run=dry_run)

    def mark(self, version: str, judgement: str, reason: str = "judged") -> mark.Marked:
        return mark.mark(self.open(), f"{ARTIFACT}@{version}", Mark(judgement), reason)

    def assign(self, version: str, stage: str = "prod", *, dry_run: bool = False) -> assign.Assigned:
        return assign.assign(self.open(), f"{ARTIFACT}@{version}", stage, "a try", dry_run=dry_run)

    def adopt(self) -> adopt.Adopted:
        return adopt.adopt(self.open(), ARTIFACT)

    def rollback(
        self,
        *,
        dry_run: bool = False,
        on_step: Callable[[str], None] | None = None,
        at: int | None = None,
        **more: object,
    ) -> rollback.Result:
        request = replace(Request(ARTIFACT, REASON), **more)  # type: ignore[arg-type]  # Request's own fields
        return rollback.rollback(self.open(on_step=on_step, at=at), request, dry_run=dry_run)

    def sync(self, stage: str = "prod", *, on_step: Callable[[str], None] | None = None) -> sync.Synced:
        return sync.sync(self.open(on_step=on_step), ARTIFACT, stage)

    def checkout(
        self,
        version: str,
        *,
        save: bool = False,
        dry_run: bool = False,
        on_step: Callable[[str], None] | None = None,
    ) -> checkout.CheckedOut:
        return checkout.checkout(self.open(on_step=on_step), f"{ARTIFACT}@{version}", save=save, dry_run=dry_run)

    def status(self, *, fetch: bool = False) -> status.Status:
        return status.status(self.open(), fetch=fetch)

    def verify(self, *, deep: bool = False) -> verify.Verified:
        return verify.verify(self.open(), deep=deep)

    def release(
        self,
        version: str,
        *,
        model: str = "good",
        data: Mapping[str, str] | None = None,
        params: Mapping[str, object] | None = None,
        code: Mapping[str, str] | None = None,
        mark: str | None = None,
        stages: Sequence[str] = (),
    ) -> str:
        """Train, register, assign to the stages, mark; the commit."""
        commit = self.project.commit_version(model=model, data=data, params=params, code=code)
        self.register(version)
        for stage in stages:
            self.assign(version, stage)
        if mark is not None:
            self.mark(version, mark)
        return commit

    def settings(self, text: str) -> None:
        """Commit and push a `lastgood.toml`."""
        self.project.put("lastgood.toml", text)
        self.project.commit("Configure")

    def clone(self, name: str = "clone", *, depth: int | None = None, pull: bool = False) -> "World":
        return World(self.project.clone(name, depth=depth, pull=pull))

    def copy(self, base: Path) -> "World":
        return World(self.project.copy(base))

    def tags(self) -> list[str]:
        """The tags on origin."""
        return git(self.project.origin, "tag").split()

    def stage_on_origin(self, stage: str) -> str:
        """The version that a stage's newest tag on origin names, by commit and without lastgood's eyes."""
        newest = git(
            self.project.origin, "for-each-ref", "--sort=taggerdate", "--format=%(*objectname)",
            f"refs/tags/{ARTIFACT}#{stage}#*",
        ).split()[-1]  # fmt: skip
        names = git(self.project.origin, "tag", f"--points-at={newest}", "--list", f"{ARTIFACT}@*").split()
        return names[0].removeprefix(f"{ARTIFACT}@")

    def live_model(self) -> str:
        """The model that a server would load now."""
        return (self.live / "models/model.txt").read_text()

    def objects(self, path: str) -> list[Path]:
        """The files below the cache or remote at `path`, a directory beside or in this clone."""
        return sorted(one for one in (self.root / path).rglob("*") if one.is_file())

    def object_of(self, text: str, where: str = "../dvc-remote") -> Path:
        """The stored object with this content, in the remote or (`.dvc/cache`) in the cache."""
        return next(one for one in self.objects(where) if one.read_bytes() == text.encode())

    def lose(self, text: str) -> None:
        """Remove the object with this content from remote and cache."""
        for where in ("../dvc-remote", ".dvc/cache"):
            for one in self.objects(where):
                if one.read_bytes() == text.encode():
                    one.unlink()

    def corrupt(self, text: str) -> Path:
        """Change the cache's object with this content, as a bad disk would, leaving mode and size alone."""
        there = self.object_of(text, ".dvc/cache")
        there.chmod(0o644)
        there.write_bytes(bytes([there.read_bytes()[0] ^ 1]) + there.read_bytes()[1:])
        there.chmod(0o444)
        return there

    def snapshot(self) -> dict[str, object]:
        """Everything that a command which says "nothing was changed" must not change, seen without lastgood."""
        clone, base = self.root, self.project.base
        return {
            "origin": git(self.project.origin, "for-each-ref"),
            "refs": git(clone, "for-each-ref"),
            "HEAD": git(clone, "rev-parse", "--symbolic-full-name", "HEAD") + git(clone, "rev-parse", "HEAD"),
            "status": git(clone, "status", "--porcelain"),
            "config": (clone / ".git/config").read_text(),
            "shallow": _text(clone / ".git/shallow"),
            "remote": files(base / "dvc-remote"),
            "tree": files(clone, without=(".git", ".dvc/cache", ".dvc/tmp")),
            "live": {str(one): str(one.readlink()) for one in (self.place / "live").glob("*/*") if one.is_symlink()},
            "follow": sorted(one.name for one in (self.place / "follow").glob("*.json")),
            "note": _text(self.place / "checkout.json"),
        }


def files(root: Path, *, without: Sequence[str] = ()) -> dict[str, str]:
    """The SHA-256 of every file below `root`, by path."""
    found = {}
    for directory, names, members in os.walk(root):
        names[:] = [name for name in names if os.path.relpath(f"{directory}/{name}", root) not in without]
        for name in members:
            path = Path(directory, name)
            content = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
            found[str(path.relative_to(root))] = sha256(content).hexdigest()
    return found


def _text(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def killed_at(step: str, work: Callable[[Callable[[str], None]], object]) -> bool:
    """Do `work` in a child that dies, as by SIGKILL, at a step; whether it came to that step."""
    child = os.fork()
    if child == 0:
        signal.alarm(120)  # a child that hangs fails its test instead of stopping the suite
        code = 1
        try:
            work(lambda name: os._exit(99) if name == step else None)
            code = 0
        except LastgoodError:
            code = 2
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in {0, 99}, f"failed with {code} before {step}"
    return code == 99


def forget(world: World) -> None:
    """Empty the cache: whatever is needed must come from the remote."""
    shutil.rmtree(world.root / ".dvc/cache")


def refuse_pushes(world: World, script: str = "echo 'no pushes on Fridays' >&2; exit 1") -> None:
    """Make origin a host that decides about pushes."""
    hook = world.project.origin / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\n{script}\n")
    hook.chmod(0o755)
