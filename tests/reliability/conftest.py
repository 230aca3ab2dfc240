"""The world that the sweeps of faults begin in: built once per process, in memory, copied for every case."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import Project
from tests.conftest import isolate
from tests.memory_directory import in_memory
from tests.reliability import figures
from tests.reliability.checker import Known
from tests.reliability.disk_images import mounted
from tests.reliability.scenes import build_base
from tests.world import World


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests first, so that no worker begins one when all others have nothing left to do."""
    items.sort(key=lambda item: "test_any_sequence" not in item.name)


@pytest.fixture(autouse=True)
def _spawned(request: pytest.FixtureRequest) -> None:
    """The long form meets the worker's start, too; but for any sequence, which it would take most of the time of."""
    if figures.SOAK and "stateful" not in request.node.nodeid:
        request.getfixturevalue("spawned")


@pytest.fixture(scope="session")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory in memory, where there is one."""
    path = in_memory(tmp_path_factory.mktemp("memory"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def reflinking(memory: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file system whose files can share blocks."""
    with mounted("xfs", memory, tmp_path_factory.mktemp("reflinking")) as path:
        yield path


@pytest.fixture(scope="session")
def base(_blank: Project, session_home: Path, memory: Path) -> tuple[World, Known]:
    """v1.0.0 to v4.0.0, the third live in prod; and what each version's files are."""
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, session_home)
        return build_base(_blank.copy(memory / "base"))
