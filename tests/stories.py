"""Worlds with registered versions: built once per process, copied per test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lastgood.releases import durable
from tests.builders import Project
from tests.conftest import isolate
from tests.memory_directory import in_memory
from tests.world import World


@pytest.fixture
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory on another file system than `tmp_path`, where that is in memory."""
    return tmp_path_factory.mktemp("disk")


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    """In memory, which takes a third of the time."""
    path = in_memory(tmp_path)
    yield path
    if path != tmp_path:
        durable.remove_tree(path)


@pytest.fixture
def world(project: Project) -> World:
    """The blank project: one commit, no version."""
    return World(project)


@pytest.fixture(scope="session")
def _story(_blank: Project, session_home: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, session_home)
        world = World(_blank.copy(tmp_path_factory.mktemp("story")))
        world.release("v1.0.0", model="first", data={"a.csv": "1\n", "b/c.csv": "2\n"}, mark="stable", stages=["prod"])
        world.release("v2.0.0", model="second", mark="failed")
        world.release("v3.0.0", model="third", data={"a.csv": "1\n", "b/d.csv": "3\n"}, stages=["prod"])
        world.release("v4.0.0", model="fourth", mark="stable")
        return world


@pytest.fixture
def story(_story: World, tmp_path: Path) -> World:
    """v1.0.0 stable and once in prod, v2.0.0 failed, v3.0.0 candidate and in prod, v4.0.0 stable, never in prod."""
    return _story.copy(tmp_path)
