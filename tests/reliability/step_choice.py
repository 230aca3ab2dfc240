"""The choice of steps in the stateful test: which, how often, and the world they start in."""

import random
import time
from collections.abc import Callable
from pathlib import Path

from tests.reliability.checker import Known
from tests.reliability.foreign_steps import ForeignSteps
from tests.reliability.model import Model
from tests.reliability.scenes import V1, V2, V3, V4
from tests.world import World

WEIGHTS = {
    "a_while": 2, "rollback": 9, "mark": 5, "assign": 8, "sync": 5, "register": 2, "adopt": 2, "repair": 1, "verify": 1,
    "prune": 1, "gc": 1, "checkout": 1, "crash": 8, "gto": 2, "by_hand": 2, "break_tag": 2, "damage": 3,
    "add_litter": 1, "plain": 1, "query": 2, "agree": 1,
}  # fmt: skip
"""How often each step is taken. The first costs nothing: hypothesis takes it again and again in its first run."""
CRASHED = (
    "rollback",
    "rollback",
    "rollback",
    "sync",
    "sync",
    "mark",
    "assign",
    "register",
    "adopt",
    "repair",
    "prune",
    "gc",
    "checkout",
)
OWN = ("rollback", "mark", "assign", "sync", "register", "adopt", "repair", "verify", "prune", "gc", "checkout")
STEPS = 52
NOTHING = "a while passes"
"""This step is not counted as a case: it does not involve lastgood."""
START = int(time.time()) + 2 * 86400
"""After all files were made: gc tests their age."""


FAULTS = tuple(
    (",".join(calls), error)
    for calls, errors in (
        (("openat",), ("ENOSPC", "EACCES", "EMFILE", "EIO")),
        (("write", "pwrite64"), ("ENOSPC", "EIO")),
        (("rename", "renameat", "renameat2"), ("ENOSPC", "EACCES", "EIO")),
        (("link", "linkat", "symlink", "symlinkat"), ("ENOSPC", "EACCES")),
        (("mkdir", "mkdirat"), ("ENOSPC", "EACCES")),
        (("unlink", "unlinkat", "rmdir"), ("EACCES", "EIO")),
        (("fsync", "fdatasync", "syncfs"), ("EIO", "ENOSPC")),
    )
    for error in errors
)
"""What fails, and how, as in test_faults.py."""


def beginning(base: tuple[World, Known], memory: Path) -> Callable[[str], ForeignSteps]:
    """A function that starts random walks: versions v1.0.0 to v4.0.0, and five commits without one, two of a tree."""
    world, known = base
    begun = world.copy(memory / "walk begin")
    by_commit = Known()
    for version in (V1, V2, V3, V4):
        commit = begun.project.git("rev-parse", f"refs/tags/flights@{version}^{{commit}}")
        by_commit.trees[commit], by_commit.objects[commit] = known.trees[version], known.objects[version]
    for number in range(5):
        if number == 0:  # the tree of v4.0.0
            commit = begun.project.commit("Change nothing")
        else:
            commit = begun.project.commit_version(model=f"trained {number}", data={"a.csv": f"{number // 2}\n"})
        by_commit.record(commit, begun.root)
    model = story([*by_commit.trees])
    numbers = iter(range(10**9))

    def begin(name: str) -> ForeignSteps:
        there = begun.copy(memory / f"walk {name} {next(numbers)}")
        return ForeignSteps(there, by_commit, tuple(by_commit.trees), model, START)

    return begin


def story(commits: list[str]) -> Model:
    """What `scenes.build_base` did."""
    model = Model().registered(V1, commits[0], 0).assigned(V1, "prod", 0).marked(V1, "stable", 0)
    model = model.registered(V2, commits[1], 0).marked(V2, "failed", 0)
    model = model.registered(V3, commits[2], 0).assigned(V3, "prod", 0)
    model = model.registered(V4, commits[3], 0).marked(V4, "stable", 0)
    return model.switched("prod", V3, follow=True)


def step(walk: ForeignSteps, name: str, version: int, stage: int, flag: int, number: int) -> None:
    """One step by its name and small numbers."""
    if name == "crash":
        walk.crash(CRASHED[number % len(CRASHED)], version, stage, flag, number // len(CRASHED))
    elif name in OWN:
        walk.command(name, version, stage, flag)
    else:
        getattr(walk, name)(version, stage, flag)


def random_step(walk: ForeignSteps, chance: random.Random, faulty: float) -> None:
    """One step, now and then under a fault."""
    version, stage, flag = chance.randrange(12), chance.choice((0, 0, 0, 1, 2, 3)), chance.randrange(12)
    if chance.random() < faulty:
        calls, error = chance.choice(FAULTS)
        when = f"{int(chance.expovariate(1 / 20)) + 1}{chance.choice(('', '', '+'))}"
        fault = ("-e", f"trace={calls}", "-e", f"inject={calls}:error={error}:when={when}")
        walk.fault(chance.choice(CRASHED), version, stage, flag, fault)
    else:
        name = chance.choices([*WEIGHTS], [*WEIGHTS.values()])[0]
        step(walk, name, version, stage, flag, chance.randrange(60 * len(CRASHED)))
