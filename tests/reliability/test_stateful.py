"""Any sequence of what lastgood, gto, git, DVC, bad disks and sudden deaths do: after each step the world is what a
plain model says, and at the end everything that is not lost is put right."""

import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.reliability import figures, step_choice
from tests.reliability.checker import Known
from tests.reliability.foreign_steps import ForeignSteps
from tests.reliability.step_choice import CRASHED, NOTHING, STEPS, WEIGHTS, random_step, step
from tests.world import World

pytestmark = pytest.mark.sweep

SECONDS = int(os.environ.get("LASTGOOD_SOAK_SECONDS", "3600"))
SEED = int(os.environ.get("LASTGOOD_SOAK_SEED", time.time_ns() % 10**9))
FAULTY = float(os.environ.get("LASTGOOD_SOAK_FAULTY", "0.15"))
PARTS = 20 if figures.SOAK else 4
"""Runs by themselves, for several workers; each ends at its first failure."""
EXAMPLES = 1000 if figures.SOAK else 40
"""Each a world of its own, with `STEPS` steps and those at its end: 2,000 in all, and 50,000 in the long form."""


@pytest.fixture(scope="module")
def beginning(base: tuple[World, Known], memory: Path) -> Callable[[str], ForeignSteps]:
    return step_choice.beginning(base, memory)


def machine(begin: Callable[[str], ForeignSteps], counts: Counter[str]) -> type[RuleBasedStateMachine]:
    """A state machine over all steps.

    They are one rule: of many, hypothesis would leave out some at random in each run (swarm testing), and the first in
    its order would fill its first run.
    """

    class Machine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.walk = begin("drawn")

        @rule(
            what=st.sampled_from([name for name, weight in WEIGHTS.items() for _ in range(weight)]),
            version=st.integers(0, 11),
            stage=st.sampled_from((0, 0, 0, 1, 2, 3)),
            flag=st.integers(0, 11),
            number=st.integers(0, 60 * len(CRASHED)),
        )
        def act(self, what: str, version: int, stage: int, flag: int, number: int) -> None:
            step(self.walk, what, version, stage, flag, number)

        def teardown(self) -> None:
            if sys.exc_info()[0] is None and self.walk.counts.keys() - {NOTHING}:
                self.walk.finish()
            counts.update(self.walk.counts)
            self.walk.close()

    return Machine


@pytest.mark.parametrize("part", range(PARTS))
def test_any_sequence_leaves_what_the_model_says(beginning: Callable[[str], ForeignSteps], part: int) -> None:
    begun, counts = figures.begin(), Counter[str]()
    run_state_machine_as_test(
        seed(part + (SEED if figures.SOAK else 0))(machine(beginning, counts)),
        settings=settings(
            max_examples=EXAMPLES // PARTS + 1, stateful_step_count=STEPS, deadline=None, database=None,
            suppress_health_check=list(HealthCheck), phases=(Phase.generate, *([Phase.shrink] if figures.SOAK else [])),
        ),
    )  # fmt: skip
    figures.record(f"stateful {part}", begun, cases=counts.total() - counts.pop(NOTHING, 0), **counts)


@pytest.mark.skipif(not figures.SOAK, reason="an hour; LASTGOOD_SOAK=1")
def test_an_hour_of_random_operations_and_faults(beginning: Callable[[str], ForeignSteps]) -> None:
    begun, counts, wrong, walks = figures.begin(), Counter[str](), [], 0
    print(f"LASTGOOD_SOAK_SEED={SEED}", file=sys.__stderr__)
    while time.monotonic() < begun + SECONDS:
        chance, walk = random.Random(SEED + walks), beginning("random")  # noqa: S311  # to repeat it, not to hide it
        walks += 1
        try:
            for _ in range(STEPS):
                random_step(walk, chance, FAULTY)
            walk.finish()
        except AssertionError as error:
            wrong.append(f"LASTGOOD_SOAK_SEED={SEED + walks - 1}: {error}")
            print(wrong[-1], file=sys.__stderr__)
        counts.update(walk.counts)
        walk.close()
    figures.record("stateful random", begun, cases=counts.total() - counts.pop(NOTHING, 0), wrong=len(wrong), **counts)
    assert not wrong
