"""Any sequence of what lastgood and gto do to one artifact: at its end gto, dvc and lastgood give the same answers."""

import random
import time

import pytest

from lastgood.core.events import Mark
from lastgood.core.rollback import Request
from lastgood.errors import NoGoodVersionError, RefusedError, UnknownError
from lastgood.operations.assign import assign
from lastgood.operations.mark import mark
from lastgood.operations.rollback import rollback
from lastgood.operations.unassign import unassign
from lastgood.project import Project as Opened
from tests.builders import Project
from tests.peers.peer_tools import dvc_get, gto, gto_show, lastgood_show, opened, read

VERSIONS = ("v1.0.0", "v1.1.0-rc.1", "v1.1.0", "v1.9.0", "v1.10.0")
STAGES = ("prod", "staging")
OPERATIONS = ("stable", "stable", "failed", "assign", "assign", "rollback", "rollback", "gto", "unassign")


def act(project: Project, there: Opened, chance: random.Random) -> str:
    """One thing that somebody does, most often in the same second as the last; what policy refuses changes nothing."""
    operation, version, stage = chance.choice(OPERATIONS), chance.choice(VERSIONS), chance.choice(STAGES)
    try:
        if operation == "assign":
            assign(there, f"flights@{version}", stage, "chance")
        elif operation == "unassign":
            unassign(there, "flights", stage, "chance")
        elif operation == "rollback":
            if stage in read(there).assigned:
                rollback(there, Request("flights", "chance", stage, again=True, mark=chance.random() < 0.7))
        elif operation == "gto":
            gto(project, "assign", "flights", "--version", version, "--stage", stage, "--force", "--push")
            wait_for_gto(project, int(time.time()))
        else:
            mark(there, f"flights@{version}", Mark(operation), "chance")
    except (NoGoodVersionError, RefusedError, UnknownError) as refused:
        return f"{operation} {version} {stage}: {refused}"
    return f"{operation} {version} {stage}"


def wait_for_gto(project: Project, then: int) -> None:
    """Ask gto until the second is over: two of its own assignments in one are a tie that dvc and it read otherwise."""
    while int(time.time()) == then:
        gto_show(project)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_after_any_sequence_the_three_agree(project: Project, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  # to repeat a sequence, not to hide it
    for version in VERSIONS:
        project.version(version, model=version)
    there = opened(project)
    done = [act(project, there, chance) for _ in range(12)]
    answer = lastgood_show(there)
    theirs = gto_show(project)
    last_stable = read(there).last_stable
    if last_stable is None:  # with nothing good left, `#stable` cannot be moved: the mark `failed` says it
        assert read(there).by_name[theirs.stages.pop("stable", "v1.0.0")].mark is not Mark.STABLE
    else:
        assert dvc_get(project, "--stage", "stable").decode() == last_stable.text, done
    assert theirs == answer, done
    if "prod" in answer.stages:  # of a stage without a version DVC answers what it had (facts.md, D6)
        assert dvc_get(project, "--stage", "prod").decode() == answer.stages["prod"], done
    assert [finding for finding in read(there).findings if finding.kind == "order"] == []
