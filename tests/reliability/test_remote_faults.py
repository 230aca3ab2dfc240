"""Remotes that refuse, break off, lie, are slow or silent: an exit code, an end within the deadline, nothing changed
and nothing half in the cache; and the same command with a sound remote succeeds."""

from collections.abc import Iterator
from hashlib import md5
from pathlib import Path

import pytest

from lastgood.core.manifest import Output
from lastgood.errors import FindingsError, LastgoodError
from lastgood.project import Project as Opened
from lastgood.registry.view import read
from lastgood.versions.manifests import read_manifest
from tests.builders import Project
from tests.conftest import isolate
from tests.reliability import figures
from tests.reliability.faulty_servers import Fault, FaultyGit, FaultyServer
from tests.reliability.hostile_repository import run, wrong_with
from tests.world import World, forget

pytestmark = pytest.mark.sweep

SETTINGS = "[registry]\ndeadline = 2\n"
MODEL = "a model of some length, " * 400


@pytest.fixture(scope="module")
def _served(_blank: Project, session_home: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, session_home)
        world = World(_blank.copy(tmp_path_factory.mktemp("served")))
        world.release("v1.0.0", model=MODEL, data={"a.csv": "1\n" * 500, "b/c.csv": "2\n"}, mark="stable")
        world.release("v2.0.0", model="second", stages=["prod"])
        world.sync()
        world.project.put("lastgood.toml", SETTINGS)
        return world


@pytest.fixture
def world(_served: World, tmp_path: Path) -> World:
    """v1.0.0 stable, v2.0.0 live in prod, two seconds for a silent remote."""
    return _served.copy(tmp_path)


@pytest.fixture
def server(world: World) -> Iterator[FaultyServer]:
    """The DVC remote, over HTTP."""
    with FaultyServer(world.project.remote).running() as server:
        world.project.put(".dvc/config.local", f"['remote \"storage\"']\n    url = {server.url}\n")
        yield server


def faults(outputs: tuple[Output, ...]) -> list[Fault]:
    """Each way to fail, of a model, of a listing, of everything."""
    model, listing = (next(one.md5 for one in outputs if one.is_directory is whole) for whole in (False, True))
    found = [Fault("reset", model[2:], tenths=tenths) for tenths in range(10)]
    found += [Fault("status", model[2:], status=status) for status in (403, 404, 503)]
    found += [
        Fault("status", listing[2:], status=503),
        Fault("reset", listing[2:], tenths=5),
        Fault("other", listing[2:]),
    ]
    found += [Fault("silent", model[2:]), Fault("other", model[2:]), Fault("slow", model[2:])]
    if figures.SOAK:
        found += [Fault("reset", listing[2:], tenths=tenths) for tenths in range(10)]
        found += [
            Fault("status", where, status=status)
            for where in ("", listing[2:])
            for status in (400, 401, 403, 404, 410, 429, 500, 502, 503, 504)
        ]
        found += [Fault("silent", listing[2:]), Fault("silent"), Fault("slow"), Fault("other")]
    return found


def half_objects(cache: Path) -> list[str]:
    """Objects of the cache that are not what their name says."""
    objects = [one for one in (cache / "files/md5").rglob("*") if one.is_file()]
    return [
        f"half: {one}"
        for one in objects
        if md5(one.read_bytes()).hexdigest() != (one.parent.name + one.name).removesuffix(".dir")
    ]


@pytest.mark.parametrize("part", range(2))
def test_a_fetch_from_a_failing_remote_keeps_nothing_half_and_the_next_one_succeeds(
    world: World, server: FaultyServer, part: int
) -> None:
    begun, wrong, cases = figures.begin(), [], 0
    opened = Opened.open(world.root)
    history = read(opened, fetch=False).registry.artifacts["flights"]
    outputs = read_manifest(opened, history, history.version("v1.0.0")).stored
    for fault in faults(outputs)[part::2] * (5 if figures.SOAK else 1):
        forget(world)
        store = opened.store(".")
        with server.failing(fault):
            wrong += _fetch(store, outputs, fault)
        wrong += half_objects(world.root / ".dvc/cache")
        store.fetch(outputs)
        wrong += [f"{fault}: not mended"] if store.missing_in_cache(outputs) else []
        cases += 1
    figures.record(f"remote faults DVC {part + 1}", begun, cases=cases, wrong=len(wrong))
    assert not wrong, "\n".join(wrong)


def _fetch(store: object, outputs: tuple[Output, ...], fault: Fault) -> list[str]:
    try:
        store.fetch(outputs)  # type: ignore[attr-defined]  # a Store
    except FindingsError as error:
        return [] if fault.status == 404 or fault.kind == "other" else [f"{fault}: taken for {error.message}"]
    except LastgoodError as error:
        return [f"{fault}: an address in {error.message}"] if "127.0.0.1" in error.message else []
    return [] if fault.kind == "slow" or fault.where == "" else [f"{fault}: no error"]


FROM_HERE = (Fault("status", status=403), Fault("silent"), Fault("reset", tenths=5), Fault("status", status=503))


def test_a_rollback_with_a_failing_dvc_remote_changes_nothing_and_succeeds_later(
    world: World, server: FaultyServer
) -> None:
    begun, wrong = figures.begin(), []
    forget(world)
    for fault in FROM_HERE:
        wrong += _rolled_back(world, server, fault)
    done = run(world.root, "rollback", "flights", "--from", "v2.0.0", "--reason", "bad")
    wrong += [] if done.code == 0 and world.live_model() == MODEL else [f"not mended: {done}"]
    figures.record("remote faults rollback", begun, cases=len(FROM_HERE), wrong=len(wrong))
    assert not wrong, "\n".join(wrong)


def _rolled_back(world: World, server: FaultyServer, fault: Fault) -> list[str]:
    before = world.snapshot()
    with server.failing(fault):
        done = run(world.root, "rollback", "flights", "--from", "v2.0.0", "--reason", "bad")
    wrong = [*wrong_with(done), *([] if done.code in {1, 3, 5} else [f"{fault}: {done}"])]
    return [
        *wrong,
        *([] if world.snapshot() == before else [f"{fault}: changed"]),
        *half_objects(world.root / ".dvc/cache"),
    ]


GIT = [
    *(Fault("status", "info/refs", status=status) for status in (403, 404, 503)),
    Fault("silent", "info/refs"),
    Fault("other", "info/refs"),
    *(Fault("reset", "info/refs", tenths=tenths) for tenths in ((0, 3, 9) if not figures.SOAK else range(10))),
    Fault("status", "git-receive-pack", status=403),
    Fault("silent", "git-receive-pack"),
    Fault("reset", "git-receive-pack", tenths=0),
    *(Fault("reset", "git-upload-pack", tenths=tenths) for tenths in ((0, 5) if not figures.SOAK else range(10))),
]


def test_a_rollback_with_a_failing_git_remote_records_once_or_not_at_all(world: World) -> None:
    begun, wrong = figures.begin(), []
    world.project.git("-C", str(world.project.origin), "config", "http.receivepack", "true")
    with FaultyServer(world.project.base, FaultyGit).running() as server:
        world.project.git("remote", "set-url", "origin", f"{server.url}/origin.git")
        for fault in GIT:
            before = world.snapshot()
            with server.failing(fault):
                done = run(world.root, "rollback", "flights", "--from", "v2.0.0", "--reason", "bad", "--record-only")
            told = [] if done.code == 1 else [f"{fault}: {done}"]
            unsure = "receive-pack" in fault.where and fault.kind != "status"  # the push arrived, its answer did not
            told += [] if unsure or world.snapshot() == before else [f"{fault}: changed"]
            wrong += [*wrong_with(done), *told]
        again = run(world.root, "rollback", "flights", "--from", "v2.0.0", "--reason", "bad", "--here")
    wrong += [] if again.code == 0 and world.live_model() == MODEL else [f"not mended: {again}"]
    recorded = [tag for tag in world.tags() if tag.startswith("flights#prod#")]
    wrong += [] if len(recorded) == 2 else [f"recorded {recorded}"]
    figures.record("remote faults git", begun, cases=len(GIT), wrong=len(wrong))
    assert not wrong, "\n".join(wrong)
