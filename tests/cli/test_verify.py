"""What `verify` cannot tell is no success, unless it is allowed."""

import json
from pathlib import Path

import pytest

from tests.builders import Project
from tests.reliability.hostile_repository import run
from tests.world import World


@pytest.fixture
def shallow(project: Project) -> Path:
    """A clone whose history is cut off, and that cannot ask for more."""
    world = World(project)
    world.release("v1.0.0", mark="stable", stages=["prod"])
    there = world.clone("shallow", depth=1)
    there.project.git("fetch", "--quiet", "origin", "refs/lastgood/*:refs/lastgood/*", "--depth=1")
    there.project.git("remote", "remove", "origin")
    return there.root


def test_verify_that_cannot_tell_ends_with_3_and_says_of_which_version(shallow: Path) -> None:
    done = run(shallow, "verify", "--json")
    said = json.loads(done.out)
    assert (done.code, said["code"], said["findings"]) == (3, 3, [])
    assert "cannot tell whether 1 version can be restored" in said["message"]
    assert "--allow-unknown" in said["hint"]
    assert ["history is cut off" in one["unknown"][0] for one in said["versions"]] == [True]


def test_verify_that_may_not_know_ends_with_0(shallow: Path) -> None:
    done = run(shallow, "verify", "--allow-unknown")
    assert done.code == 0
    assert "cannot tell" in done.out
