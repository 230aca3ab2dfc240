from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.adapters.dvc.conftest import Project


def test_what_was_pushed_can_be_fetched_into_an_empty_cache(project: Project) -> None:
    outputs = project.read().outputs
    assert len(project.store.missing_on_remote(outputs)) == 6
    assert len(project.store.push(outputs)) == 6
    assert project.store.missing_on_remote(outputs) == ()
    assert project.store.push(outputs) == ()
    shutil.rmtree(project.store.cache().directory)
    project.store.fetch(outputs)
    assert project.store.missing_in_cache(outputs) == ()
