"""The commands that are interrupted, each with the world it begins in and what may be seen afterwards."""

import itertools
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lastgood.cli.app import main
from tests import builders
from tests.builders import git
from tests.reliability.checker import Checker, Known, Verdict, differences
from tests.reliability.killing import child, count_changes, skip_sleeps
from tests.world import World

V1, V2, V3, V4, V5 = (f"v{number}.0.0" for number in range(1, 6))


@dataclass(frozen=True)
class Command:
    """One command line, what it goes from and to, and how it may end when it is given again."""

    name: str
    arguments: tuple[str, ...]
    prepare: Callable[[World, Known], None]
    live: tuple[str, str] = (V3, V3)
    assigned: tuple[str, str] = (V3, V3)
    worktree: tuple[str | None, str] = (V4, V4)
    again: tuple[int, ...] = (0,)
    mends: tuple[str, ...] = ()
    """What is wrong until the command has ended: how the checker's words for it begin or end."""

    def run(self, root: Path) -> int:
        """Give the command in this process, a child of the test."""
        skip_sleeps(time.time)
        return main(["-C", str(root), *self.arguments])


def _nothing(_world: World, _known: Known) -> None:
    """The world is as it must be."""


def _built(world: World, _known: Known) -> None:
    for version in (V1, V3):
        world.assign(version)
        world.sync()


def _waiting(world: World, _known: Known) -> None:
    world.assign(V4)


def _trained(world: World, known: Known) -> None:
    world.project.commit_version(model="fifth", data={"a.csv": "5\n", "c.csv": "6\n"}, push=False)
    known.record(V5, world.root)


def _full(world: World, _known: Known) -> None:
    for version in (V4, V1):
        world.assign(version)
        world.sync()
    history = world.place / "history.jsonl"
    history.write_text(re.sub(r'"at": "20\d\d', '"at": "2020', history.read_text()))  # not live within the last day


def _worked_on(world: World, known: Known) -> None:
    known.work |= {
        "scripts/train.py": "# mine\n",
        "scripts/new.py": "# mine, too\n",
        "models/model.txt": "my model",
        "data/raw/mine.csv": "7\n",
    }
    for path, text in known.work.items():
        world.project.put(path, text)
    world.project.git("add", "scripts/new.py")


COMMANDS = (
    Command(
        "rollback", ("rollback", "flights", "--from", V3, "--reason", "bad"), _nothing, live=(V3, V1), assigned=(V3, V1)
    ),
    Command(
        "rollback to a built release",
        ("rollback", "flights", "--from", V3, "--to", V1, "--reason", "bad", "--no-mark"),
        _built,
        live=(V3, V1),
        assigned=(V3, V1),
    ),
    Command("sync", ("sync", "flights", "--stage", "prod"), _waiting, live=(V3, V4), assigned=(V4, V4)),
    Command("checkout", ("checkout", f"flights@{V1}"), _nothing, worktree=(V4, V1)),
    Command("checkout that saves work", ("checkout", f"flights@{V1}", "--save"), _worked_on, worktree=(None, V1)),
    Command("prune", ("prune", "flights", "--keep", "1"), _full, live=(V1, V1), assigned=(V1, V1)),
    Command(
        "register",
        ("register", "flights", "--version", V5),
        _trained,
        worktree=(V5, V5),
        again=(0, 14),  # "exists, and versions are immutable", which is so
    ),
    Command(
        "assign", ("assign", f"flights@{V4}", "--stage", "prod", "--reason", "better"), _nothing, assigned=(V3, V4)
    ),
    Command("mark", ("mark", f"flights@{V3}", "stable", "--reason", "fine"), _nothing),
)


def _littered(world: World, _known: Known) -> None:
    project = world.project
    project.commit_version(model="abandoned", data={"a.csv": "9\n"}, push=False)
    project.git("reset", "--quiet", "--hard", "HEAD~1")
    with project.dvc() as repo:
        repo.checkout(force=True)


def _damaged(world: World, known: Known) -> None:
    """Origin lacks a tag and the newest entries of its journal, the remote a model and a listing."""
    git(world.root, "push", "--quiet", "--delete", "origin", f"refs/tags/flights@{V1}")
    world.project.git("tag", "--delete", f"flights@{V1}")
    git(world.project.origin, "update-ref", "refs/lastgood/flights", "refs/lastgood/flights~2")
    world.object_of("first").unlink()
    listing = next(name for name in known.objects[V1] if name.endswith(".dir"))
    (world.project.remote / "files/md5" / listing[:2] / listing[2:]).unlink()


CARE = (
    Command("gc", ("gc", "--remote", "--yes", "--grace", "0"), _littered),
    Command(
        "repair",
        ("repair", "flights"),
        _damaged,
        mends=(
            "tags and journal on origin differ",
            "is in the clone and not on origin",
            "the remote lacks what it needs",
        ),
    ),
)
"""Commands that look after what is stored."""


@dataclass
class Scene:
    """A command in its world, copied for every case; `elsewhere` is another file system that the cache lies on."""

    command: Command
    world: World
    known: Known
    place: Path
    elsewhere: Path | None = None
    final: dict[str, object] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @classmethod
    def of(cls, command: Command, base: World, known: Known, place: Path, elsewhere: Path | None = None) -> "Scene":
        """Prepare the world and see what an uninterrupted run leaves. The base stays as it is."""
        known = Known(dict(known.trees), dict(known.objects), dict(known.work))
        place.mkdir(parents=True)
        world = base.copy(place / "begin")
        command.prepare(world, known)
        scene = cls(command, world, known, place, elsewhere)
        with scene.case() as (root, checker):
            assert child(lambda: command.run(root)) == 0, f"{command.name} fails without any fault"
            wrong = scene.wrong_after(checker.look(), 0)
            assert not wrong, wrong
            scene.final = checker.state()
        return scene

    @contextmanager
    def case(self) -> Iterator[tuple[Path, Checker]]:
        """A copy of the world, gone afterwards, with a checker that looks at it."""
        base = self.place / f"case-{next(self.numbers)}"
        root, cache = self.world.copy(base).root, None
        if self.elsewhere is not None:
            cache = self.elsewhere / base.name
            shutil.move(root / ".dvc/cache", cache)
            (root / ".dvc/config.local").write_text(f"[cache]\n    dir = {cache}\n")
        try:
            yield root, Checker(base, self.known, cache)
        finally:
            shutil.rmtree(base)
            if cache is not None:
                shutil.rmtree(cache)

    def changes(self) -> int:
        """How many changes the command makes when nothing happens."""
        with self.case() as (root, _):
            return count_changes(lambda: self.command.run(root), self.command.again)

    def wrong_now(self, verdict: Verdict) -> list[str]:
        """What must not be seen at any instant."""
        command = self.command
        wrong = [one for one in verdict.problems if not any(known in one for known in command.mends)]
        if verdict.live not in command.live:
            wrong.append(f"live is {verdict.live}")
        if verdict.assigned not in command.assigned:
            wrong.append(f"assigned is {verdict.assigned}")
        if verdict.live != command.live[0] and verdict.assigned != command.assigned[1]:
            wrong.append("live before it was recorded")  # I7
        if verdict.worktree not in command.worktree and not any("checkout.json" in one for one in verdict.leftovers):
            wrong.append(f"the working tree is {verdict.worktree} and no note says so")
        return wrong

    def wrong_after(self, verdict: Verdict, code: int, state: dict[str, object] | None = None) -> list[str]:
        """What must not be seen when the command was given again and let be."""
        command = self.command
        wrong = [*verdict.problems, *(f"left over: {one}" for one in verdict.leftovers)]
        seen = (verdict.live, verdict.assigned, verdict.worktree)
        wanted = (command.live[1], command.assigned[1], command.worktree[1])
        wrong += [] if seen == wanted else [f"ends as {seen}, not {wanted}"]
        wrong += [] if code in command.again else [f"ends with exit code {code}"]
        return wrong + (differences(state, self.final) if state else [])

    def finish(self, root: Path, checker: Checker, *, half: bool = False) -> list[str]:
        """Give the command again, without faults and flags: what is wrong then.

        Where origin had taken `half` of a transaction, what it took is kept, and the rest may be made anew under the
        next numbers: then the names may be others, and what they say may not.
        """
        code = child(lambda: self.command.run(root))
        state = checker.state()
        told = ("origin", "clone", "journal") if half else ()
        return self.wrong_after(checker.look(), code, {key: state[key] for key in state if key not in told})


def build_base(project: builders.Project) -> tuple[World, Known]:
    """v1.0.0 stable and once in prod, v2.0.0 failed, v3.0.0 live in prod, v4.0.0 stable and checked out."""
    world, known = World(project), Known()
    story: tuple[tuple[str, str, dict[str, str] | None, str | None, list[str]], ...] = (
        (V1, "first", {"a.csv": "1\n", "b/c.csv": "2\n"}, "stable", ["prod"]),
        (V2, "second", None, "failed", []),
        (V3, "third", {"a.csv": "1\n", "b/d.csv": "3\n"}, None, ["prod"]),
        (V4, "fourth", None, "stable", []),
    )
    for version, model, data, mark, stages in story:
        world.release(version, model=model, data=data, mark=mark, stages=stages)
        known.record(version, world.root)
    world.sync()
    return world, known
