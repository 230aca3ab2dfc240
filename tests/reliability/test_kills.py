"""Killed before any change it makes, every command leaves the old state or the new one, and the same command,
run again without flags, leaves the state of an uninterrupted run."""

from pathlib import Path

import pytest

from tests.reliability import figures
from tests.reliability.checker import Known
from tests.reliability.killing import killed, killed_at
from tests.reliability.scenes import CARE, COMMANDS, Command, Scene
from tests.world import World

pytestmark = pytest.mark.sweep

STRIDE = 1 if figures.SOAK else 4
FIRST = 0 if figures.SOAK else 1
"""Every change in the long form; in the short one every fourth, beginning with the second."""
FEW = 24
"""As many for `gc` and `repair` in the short form: a case takes two seconds."""
ALIKE = 1 if figures.SOAK else 6
"""Every sixth where files are put in another way, or work aside: most changes are those of another sweep."""


BUILDING = [one for one in COMMANDS if one.name in {"rollback", "sync", "prune", "checkout"}]
"""The commands that put files, or take them away, in one of the three ways."""
PLACING = [*COMMANDS, *CARE] if figures.SOAK else BUILDING


def sweep(scene: Scene, name: str, stride: int = STRIDE) -> None:
    begun, total, wrong, kills = figures.begin(), scene.changes(), [], 0
    for number in range(FIRST, total, stride):
        with scene.case() as (root, checker):
            code = killed(lambda root=root: scene.command.run(root), number)  # type: ignore[misc]  # mypy cannot infer a lambda with defaults
            kills += code == -9
            found = scene.wrong_now(checker.look()) if code == -9 else [f"not killed, but {code}"] * (code != 0)
            found += scene.finish(root, checker)
        wrong += [f"killed before change {number} of {total}: {one}" for one in found]
    figures.record(name, begun, cases=kills, changes=total, stride=stride, first=FIRST, wrong=len(wrong))
    assert not wrong, "\n".join(wrong)
    assert kills > total // stride // 2


NEARLY_DONE = (
    ("rollback", "open", "history.jsonl"),  # switched, and not entered in history
    ("sync", "open", "history.jsonl"),
    ("rollback", "os.rmdir", "staging/"),  # the release is there, and its scratch directory, too
    ("prune", "os.rename", "releases/flights/v3"),
    ("prune", "os.rmdir", "staging/"),
)


@pytest.mark.parametrize(("name", "event", "fragment"), NEARLY_DONE)
def test_what_died_when_it_was_nearly_done_is_entered_once_and_leaves_no_litter(
    base: tuple[World, Known], memory: Path, tmp_path: Path, name: str, event: str, fragment: str
) -> None:
    command = next(one for one in COMMANDS if one.name == name)
    scene = Scene.of(command, *base, memory / tmp_path.name)
    with scene.case() as (root, checker):
        assert killed_at(lambda: command.run(root), event, fragment) == -9
        assert not scene.wrong_now(checker.look())
        assert not scene.finish(root, checker)


@pytest.mark.parametrize("command", [*COMMANDS, *CARE], ids=lambda one: one.name)
def test_killed_before_a_change_it_is_old_or_new_and_the_same_again_finishes(
    base: tuple[World, Known], memory: Path, command: Command
) -> None:
    stride = STRIDE if command in COMMANDS or figures.SOAK else FEW
    stride = ALIKE if command.name == "checkout that saves work" else stride
    sweep(Scene.of(command, *base, memory / f"kill {command.name}"), f"kill {command.name}", stride)


@pytest.mark.parametrize("command", PLACING, ids=lambda one: one.name)
def test_killed_where_files_are_copied_because_the_cache_is_on_another_file_system(
    base: tuple[World, Known], tmp_path: Path, memory: Path, command: Command
) -> None:
    if memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system: /dev/shm is not there")
    elsewhere = tmp_path / "cache"
    elsewhere.mkdir()
    scene = Scene.of(command, *base, memory / f"copying {command.name}", elsewhere)
    sweep(scene, f"kill {command.name} with copies", ALIKE)


@pytest.mark.parametrize("command", PLACING, ids=lambda one: one.name)
def test_killed_where_files_are_reflinked(base: tuple[World, Known], reflinking: Path, command: Command) -> None:
    scene = Scene.of(command, *base, reflinking / command.name)
    sweep(scene, f"kill {command.name} with reflinks", ALIKE)
