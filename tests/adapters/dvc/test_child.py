import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lastgood.adapters.children import anchored, python_command
from lastgood.adapters.dvc.child import Worker, ask
from lastgood.errors import LastgoodError
from tests.builders import Project

ASK = """\
import os
from lastgood.adapters.dvc.child import ask
request = {"job": "missing", "root": %r, "outputs": [], "have": []}
print(ask(request, deadline=60, environ=os.environ))
"""


def is_running(worker: int) -> bool:
    return Path(f"/proc/{worker}/cmdline").exists() and b"dvc.worker" in Path(f"/proc/{worker}/cmdline").read_bytes()


def request(root: Path) -> dict[str, object]:
    return {"job": "missing", "root": str(root), "outputs": [], "have": []}


def test_a_worker_that_was_started_ahead_answers(project: Project) -> None:
    worker = Worker(os.environ, ())
    number = worker.process.pid
    assert worker.process.poll() is None
    assert ask(request(project.root), deadline=60, environ={}, worker=worker) == []
    assert not is_running(number)


def test_a_worker_that_is_not_needed_ends_with_its_owner() -> None:
    worker = Worker(os.environ, ())
    number = worker.process.pid
    del worker
    gc.collect()
    assert not is_running(number)


def test_a_worker_that_died_before_it_was_asked_is_told(project: Project) -> None:
    worker = Worker(os.environ, ())
    worker.process.kill()
    worker.process.wait()
    with pytest.raises(LastgoodError, match="the worker ended without an answer"):
        ask(request(project.root), deadline=60, environ={}, worker=worker)


def test_an_installation_that_pythonpath_alone_names_is_found(project: Project) -> None:
    python = f"{sys.base_prefix}/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    places = [one for one in sys.path if one.endswith(("site-packages", "src"))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places)}
    command = [python, "-s", "-c", ASK % str(project.root)]
    done = subprocess.run(command, cwd=project.root, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


def test_one_in_the_project_itself_is_not_named() -> None:
    command = python_command("lastgood.adapters.dvc.worker")
    assert Path(command[-2], "lastgood").is_dir()
    assert python_command("lastgood.adapters.dvc.worker", [Path(command[-2])])[-2:] == ["", command[-1]]


def test_credentials_that_are_named_from_the_working_directory_are_found_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("key.json", "1"):
        (tmp_path / name).touch()
    given = {"GOOGLE_APPLICATION_CREDENTIALS": "key.json", "AWS_CONFIG_FILE": "gone", "DEBUG": "1", "HOME": "/home/ada"}
    assert anchored(given) == {**given, "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "key.json")}
