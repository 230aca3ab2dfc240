"""For comparison, the sweep of kills on what people type without lastgood, seen by the same checker: no promise of
ours, a figure. `git checkout TAG && dvc checkout` is killed before each change that DVC makes and before git."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.reliability import figures
from tests.reliability.checker import Known
from tests.reliability.killing import child, count_changes, killed
from tests.reliability.scenes import COMMANDS, V1, V4, Scene
from tests.world import World


def plain(root: Path) -> int:
    """What is typed, by DVC's own command line in this process."""
    from dvc.cli import main

    os.chdir(root)
    code = subprocess.run(["git", "checkout", "-q", f"flights@{V1}"], check=False).returncode
    return code or int(main(["checkout", "-q"]))


@pytest.mark.skipif(not figures.SOAK, reason="a figure, no promise: in the long form (LASTGOOD_SOAK=1)")
def test_a_killed_git_and_dvc_checkout_leaves_mixed_working_trees(base: tuple[World, Known], memory: Path) -> None:
    command = next(one for one in COMMANDS if one.name == "checkout")
    scene = Scene.of(command, *base, memory / "plain")
    begun, kills, mixed, stuck = figures.begin(), 0, 0, 0
    with scene.case() as (root, _):
        total = count_changes(lambda: plain(root))
    for number in range(total):
        with scene.case() as (root, checker):
            kills += killed(lambda root=root: plain(root), number) == -9  # type: ignore[misc]  # mypy cannot infer a lambda with defaults
            mixed += checker.worktree() not in {V1, V4}
            code = child(lambda root=root: plain(root))  # type: ignore[misc]  # as above
            stuck += code != 0 or checker.worktree() != V1
    figures.record("kill git and dvc checkout", begun, cases=kills, mixed=mixed, stuck=stuck)
    assert kills > total // 2
    assert mixed > 0, "the checker does not see what it looks for"
