"""Remotes that are slow, silent, dead or lying, over HTTP on the loopback interface."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pytest

from lastgood.adapters.dvc.store import Store
from lastgood.core.manifest import Output
from lastgood.errors import FindingsError, LastgoodError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lastgood.adapters.dvc.progress import Progress
    from tests.adapters.dvc.conftest import Project
    from tests.adapters.dvc.server import Server

MODEL = "20f35e630daf44dbfa4c3f68f5399d8c"


@pytest.fixture
def silent() -> Iterator[str]:
    """Accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://user:geheim@127.0.0.1:{listener.getsockname()[1]}"


def served_by(project: Project, url: str, *, deadline: float = 20) -> Store:
    project.put(".dvc/config.local", f"['remote \"here\"']\n    url = {url}\n")
    return Store(project.path, deadline=deadline)


def test_an_http_remote_is_filled_and_read(project: Project, server: Server) -> None:
    store = served_by(project, server.url)
    outputs = project.read().outputs
    assert len(store.missing_on_remote(outputs)) == 6
    assert len(store.push(outputs)) == 6
    (server.base / "files/md5" / MODEL[:2] / MODEL[2:]).unlink()
    assert [need.md5 for need in store.missing_on_remote(outputs)] == [MODEL]
    store.push(outputs)
    for output in outputs:
        store.drop(output.md5)
    store.fetch(outputs)
    assert store.missing_in_cache(outputs) == ()


def test_a_silent_remote_hits_the_deadline_and_its_secrets_are_not_told(project: Project, silent: str) -> None:
    store = served_by(project, silent, deadline=1)
    started = time.monotonic()
    with pytest.raises(UnreachableError, match="`here` did not answer for 1 s") as caught:
        store.missing_on_remote(project.read().outputs)
    assert time.monotonic() - started < 10
    assert "geheim" not in str(caught.value)


def test_a_slow_remote_that_still_sends_is_not_given_up(project: Project, server: Server) -> None:
    data = os.urandom(200_000)
    output = Output(PurePosixPath("big"), project.cache_object(data))
    store = served_by(project, server.url, deadline=1.5)
    store.push([output])
    store.drop(output.md5)
    server.pause = 0.5
    seen: list[Progress] = []
    store.fetch([output], on_progress=seen.append)
    assert store.cache().path_of(output.md5).read_bytes() == data
    assert any(0 < progress.bytes < len(data) for progress in seen)


def test_a_remote_that_dies_in_mid_transfer_leaves_no_half_object(project: Project, server: Server) -> None:
    output = Output(PurePosixPath("big"), project.cache_object(os.urandom(200_000)))
    store = served_by(project, server.url, deadline=1)
    store.push([output])
    store.drop(output.md5)
    server.pause = 60
    with pytest.raises(UnreachableError):
        store.fetch([output])
    assert [need.md5 for need in store.missing_in_cache([output])] == [output.md5]
    server.pause = 0
    store.fetch([output])
    assert store.missing_in_cache([output]) == ()


@pytest.mark.parametrize("status", [500, 403])
def test_a_remote_that_fails_is_not_taken_for_an_empty_one(project: Project, server: Server, status: int) -> None:
    server.status = status
    with pytest.raises(LastgoodError) as caught:
        served_by(project, server.url).missing_on_remote(project.read().outputs)
    assert not isinstance(caught.value, FindingsError)
    assert "`here`" in caught.value.message
    assert "127.0.0.1" not in caught.value.message


def test_a_refused_connection_is_unreachable(project: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(UnreachableError):
        served_by(project, f"http://127.0.0.1:{port}").missing_on_remote(project.read().outputs)


def test_a_remote_that_sends_something_else_is_told_and_nothing_of_it_kept(project: Project, server: Server) -> None:
    store = served_by(project, server.url)
    outputs = project.read().outputs
    store.push(outputs)
    (server.base / "files/md5" / MODEL[:2] / MODEL[2:]).write_bytes(b"<html>please log in</html>")
    store.drop(MODEL)
    with pytest.raises(FindingsError, match="corrupted"):
        store.fetch(outputs)
    assert [need.md5 for need in store.missing_in_cache(outputs)] == [MODEL]


def test_the_worker_ends_with_its_parent(project: Project, silent: str) -> None:
    served_by(project, silent)
    code = (
        "import sys; from pathlib import Path, PurePosixPath\n"
        "from lastgood.adapters.dvc.store import Store; from lastgood.core.manifest import Output\n"
        f"Store(Path(sys.argv[1])).missing_on_remote([Output(PurePosixPath('m'), '{MODEL}')], on_progress=print)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-u", "-c", code, str(project.path)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert "starting" in parent.stdout.readline()
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
        parent.send_signal(signal.SIGKILL)
    assert children
    end = time.monotonic() + 5
    while any(_is_running(int(child)) for child in children):
        assert time.monotonic() < end


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except FileNotFoundError:
        return False


def test_what_hooks_leave_in_the_environment_does_not_reach_the_worker(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = project.read().outputs
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nonexistent")
    assert len(Store(project.path).push(outputs)) == 6
