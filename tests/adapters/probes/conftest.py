"""What the tests of the sources stand on: a server on loopback and a question about one version."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lastgood.adapters.probes import Surroundings, ask
from lastgood.core.checks import Sample
from lastgood.core.guarding.guard import Guard
from lastgood.core.guarding.target import Target
from tests.adapters.probes.server import Server, serve

TARGET = Target("flights", "prod", "v2.0.0")
Ask = Callable[..., Sample]


@pytest.fixture
def server() -> Iterator[Server]:
    with serve() as told:
        yield told


@pytest.fixture
def ask_check(server: Server, tmp_path: Path) -> Ask:
    """Ask one check, written as in the configuration, with these variables."""

    def answer(check: dict[str, object], *, at: str = "", now: float | None = None, **environment: str) -> Sample:
        own = {key: check.pop(key) for key in ("token_from",) if key in check and "url" not in check}
        table = {"prometheus": at or server.url, "interval": "1s", "check": [{"name": "check", **check}], **own}
        guard = Guard.parse(table, "lastgood.toml: [guard.prod]")
        surroundings = Surroundings(
            tmp_path, {"PATH": "/usr/bin:/bin", **environment}, time.time if now is None else lambda: now
        )
        return ask(guard, guard.checks[0], TARGET, surroundings)

    return answer
