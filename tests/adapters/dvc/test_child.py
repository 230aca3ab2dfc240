import gc
import os
from pathlib import Path

import pytest

from lastgood.adapters.dvc.child import Worker, ask
from lastgood.errors import LastgoodError
from tests.builders import Project


def is_running(worker: int) -> bool:
    return Path(f"/proc/{worker}/cmdline").exists() and b"dvc.worker" in Path(f"/proc/{worker}/cmdline").read_bytes()


def request(root: Path) -> dict[str, object]:
    return {"job": "missing", "root": str(root), "outputs": [], "have": []}


def test_a_worker_that_was_started_ahead_answers(project: Project) -> None:
    worker = Worker(os.environ)
    number = worker.process.pid
    assert worker.process.poll() is None
    assert ask(request(project.root), deadline=60, environ={}, worker=worker) == []
    assert not is_running(number)


def test_a_worker_that_is_not_needed_ends_with_its_owner() -> None:
    worker = Worker(os.environ)
    number = worker.process.pid
    del worker
    gc.collect()
    assert not is_running(number)


def test_a_worker_that_died_before_it_was_asked_is_told(project: Project) -> None:
    worker = Worker(os.environ)
    worker.process.kill()
    worker.process.wait()
    with pytest.raises(LastgoodError, match="the worker ended without an answer"):
        ask(request(project.root), deadline=60, environ={}, worker=worker)
