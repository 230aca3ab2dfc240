"""Two commands on one machine, or one of them elsewhere: one is stopped before each of its changes, the other runs
whole, the first goes on. What both leave, and how they end, is what one after the other would, or one of them is
refused and the other has done its work."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.reliability import figures
from tests.reliability.checker import Checker, Known
from tests.reliability.interleaving import interleaved
from tests.reliability.killing import child
from tests.reliability.scenes import CARE, COMMANDS, V1, V2, V3, V4, V5, Command, Scene
from tests.world import World

pytestmark = pytest.mark.sweep

ORDERLESS = {"history", "releases", "cache", "clone", "remote"}
"""What depends on who came first, or where: the rest is the state of one order or of the other."""


def _nothing(_world: World, _known: Known) -> None:
    """The world is as it must be."""


def _acted(world: World, _known: Known) -> None:
    world.rollback(offline=True, leaving=V3)


UP_TO_DATE = Command("sync of what is live", ("sync", "flights", "--stage", "prod"), _nothing)
OFFLINE = Command(
    "rollback offline",
    ("rollback", "flights", "--from", V3, "--to", V1, "--reason", "bad", "--offline"),
    _nothing,
    again=(7,),
)
PUBLISHING = Command("sync that publishes", ("sync", "flights", "--stage", "prod"), _acted)
LOOKS = (
    Command("status", ("status",), _nothing),
    Command("status asking origin", ("status", "--fetch"), _nothing),
    Command("verify", ("verify", "flights"), _nothing),
)
"""Commands that change nothing, and tell no half."""
FIRST = (UP_TO_DATE, OFFLINE, PUBLISHING, *COMMANDS, *CARE, *LOOKS)


@dataclass(frozen=True)
class Second:
    """What comes between; `elsewhere` in another clone."""

    name: str
    arguments: tuple[str, ...]
    elsewhere: bool = False


SECOND = (
    Second("rollback", ("rollback", "flights", "--from", V3, "--to", V1, "--reason", "bad", "--here")),
    Second("next rollback", ("rollback", "flights", "--to", V1, "--reason", "worse", "--here")),
    Second("rollback offline", ("rollback", "flights", "--from", V3, "--to", V1, "--reason", "bad", "--offline")),
    Second("rollback elsewhere", ("rollback", "flights", "--to", V1, "--reason", "bad", "--record-only"), True),
    Second("sync", ("sync", "flights", "--stage", "prod")),
    Second("assign", ("assign", f"flights@{V4}", "--stage", "prod", "--reason", "better")),
    Second("assign elsewhere", ("assign", f"flights@{V4}", "--stage", "prod", "--reason", "better"), True),
    Second("mark", ("mark", f"flights@{V1}", "failed", "--reason", "late")),
    Second("checkout", ("checkout", f"flights@{V2}")),
    Second("prune", ("prune", "flights", "--keep", "1")),
    Second("repair", ("repair", "flights")),
    Second("register", ("register", "flights", "--version", V5)),
)
SHORT = {
    (UP_TO_DATE.name, "rollback"),
    (UP_TO_DATE.name, "rollback offline"),
    ("sync", "next rollback"),
    ("rollback", "sync"),
    ("status", "rollback"),
    ("verify", "rollback"),
    (PUBLISHING.name, "next rollback"),
}
PAIRS = [(one, two) for one in FIRST for two in SECOND if figures.SOAK or (one.name, two.name) in SHORT]
TOLD = {3, 4, 14}
"""How a command ends that is refused: what it finds, or that somebody was faster, depends on the moment."""
STRIDE = 9
"""In the short form; in the long one every change."""


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=lambda one: one.name)
def test_two_interleaved_commands_leave_what_one_after_the_other_would(
    base: tuple[World, Known], memory: Path, first: Command, second: Second
) -> None:
    name = f"interleaved {first.name} by {second.name}"
    place = memory / name
    place.mkdir()
    known = Known(dict(base[1].trees), dict(base[1].objects))
    world = base[0].copy(place / "begin")
    first.prepare(world, known)
    if second.elsewhere:
        world.clone("elsewhere")
    scene = Scene(first, world, known, place)
    begun, total, wrong, waits, cases = figures.begin(), scene.changes(), [], 0, 0
    orders = [one_after_the_other(scene, second, who) for who in ("first second", "second first", "first", "second")]
    for number in range(1 - figures.SOAK, total, 1 if figures.SOAK else STRIDE):
        with scene.case() as (root, checker):
            codes = interleaved(lambda root=root: first.run(root), number, lambda root=root: run(second, root))  # type: ignore[misc]  # mypy cannot infer a lambda with defaults
            if codes is None:
                continue
            cases, waits = cases + 1, waits + codes.waited
            found = nearest(seen(checker, codes.first, codes.second), orders)
        wrong += [f"before change {number} of {total}{', waiting' * codes.waited}: {one}" for one in found]
    figures.record(name, begun, cases=cases, changes=total, waited=waits, wrong=len(wrong))
    assert not wrong, "\n".join(wrong)
    assert cases


def run(second: Second, root: Path) -> int:
    """Give the second command in this process."""
    return Command(second.name, second.arguments, _nothing).run(root.parent / "elsewhere" if second.elsewhere else root)


def one_after_the_other(scene: Scene, second: Second, who: str) -> dict[str, object]:
    """What they leave in an order; who is not in it is refused."""
    with scene.case() as (root, checker):
        works = {"first": lambda: scene.command.run(root), "second": lambda: run(second, root)}
        codes = {name: child(works[name]) for name in who.split()}
        return seen(checker, codes.get("first", min(TOLD)), codes.get("second", min(TOLD)))


def seen(checker: Checker, first: int, second: int) -> dict[str, object]:
    """How they ended, and what the checker sees."""
    verdict = checker.look()
    state = {key: value for key, value in checker.state().items() if key not in ORDERLESS}
    codes = tuple("refused" if code in TOLD else code for code in (first, second))
    return {"codes": codes, "problems": verdict.problems, "leftovers": sorted(verdict.leftovers), **state}


def nearest(state: dict[str, object], orders: Iterable[dict[str, object]]) -> list[str]:
    """How the state differs from that of each order; nothing when it is one of them.

    What is live may always be what is assigned: a sync is two steps, publishing and following, and what comes between
    them is followed, too.
    """
    found = [
        [
            f"{key} {state[key]} and not {order[key]}"
            for key in state
            if state[key] != order[key] and not (key == "live" and state["live"] == state["assigned"])
        ]
        for order in orders
    ]
    return [] if not all(found) else ["; or ".join(", ".join(one) for one in found)]
