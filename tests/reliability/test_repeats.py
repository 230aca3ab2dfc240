"""One job started twice and killed in between, at every step it names; and a fault while a fault is being recovered
from. In the end there is one rollback, live and recorded."""

from itertools import product
from pathlib import Path

import pytest

from lastgood.core.rollback import Request
from lastgood.operations import rollback
from lastgood.project import Project
from tests.reliability import figures
from tests.reliability.checker import Known
from tests.reliability.killing import child, die, killed
from tests.reliability.scenes import COMMANDS, V3, Scene
from tests.world import World

pytestmark = pytest.mark.sweep

STEPS = ("fetch", "fetch objects", "build", "objects", "push", "refs", "switch")
AGAIN = 200 if figures.SOAK else 20
LINKS = ("hard link", "copy", "reflink") if figures.SOAK else ("hard link",)


def job(root: Path, step: str) -> None:
    """The job as CI gives it, dying at a step."""
    project = Project.open(root)
    project.on_step = lambda name: die() if name == step else None
    rollback.rollback(project, Request("flights", "bad", leaving=V3))


@pytest.mark.parametrize("links", LINKS)
def test_a_job_killed_at_any_step_and_started_again_is_one_rollback(
    base: tuple[World, Known], memory: Path, tmp_path: Path, links: str, request: pytest.FixtureRequest
) -> None:
    begun, wrong, reached, cases = figures.begin(), [], set(), 0
    place: Path = request.getfixturevalue("reflinking") if links == "reflink" else memory
    elsewhere = None
    if links == "copy":
        elsewhere = tmp_path / "cache"
        elsewhere.mkdir()
    scene = Scene.of(COMMANDS[0], *base, place / tmp_path.name, elsewhere)
    for steps in product(STEPS, STEPS) if figures.SOAK else zip(STEPS, STEPS, strict=True):
        with scene.case() as (root, checker):
            for step in steps:
                if child(lambda root=root, step=step: job(root, step)) == -9:  # type: ignore[misc]  # mypy cannot infer a lambda with defaults
                    reached.add(step)
                    cases += 1
                wrong += [f"{steps}: {one}" for one in scene.wrong_now(checker.look())]
            wrong += [f"{steps}: {one}" for one in scene.finish(root, checker)]
    figures.record(f"job twice {links}", begun, cases=cases, wrong=len(wrong))
    assert not wrong, "\n".join(wrong)
    assert reached >= {"fetch", "build", "objects", "push", "refs", "switch"}


def test_killed_while_recovering_from_a_kill_it_still_finishes(
    base: tuple[World, Known], memory: Path, tmp_path: Path
) -> None:
    begun, wrong, twice = figures.begin(), [], 0
    commands = [one for one in COMMANDS if one.name in {"rollback", "sync", "checkout", "prune"}]
    for command in commands:
        scene = Scene.of(command, *base, memory / f"{tmp_path.name} {command.name}")
        total = scene.changes()
        for number in range(AGAIN // len(commands)):
            with scene.case() as (root, checker):
                places = ((number * 37 + 23) % total, (number * 53 + 11) % total)
                codes = [killed(lambda root=root, command=command: command.run(root), place) for place in places]  # type: ignore[misc]  # as above
                twice += codes == [-9, -9]
                found = scene.wrong_now(checker.look()) + scene.finish(root, checker)
            wrong += [f"{command.name} killed before {places}: {one}" for one in found]
    figures.record("fault during recovery", begun, cases=AGAIN, killed_twice=twice, wrong=len(wrong))
    assert not wrong, "\n".join(wrong)
    assert twice > AGAIN // 3
