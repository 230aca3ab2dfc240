"""The environment on the way of a release to a machine: compared, checked, and built before anything is recorded."""

from pathlib import Path

import pytest

from lastgood.core.manifest import EnvironmentChange, PackageChange
from lastgood.core.rollback import Plan, Request
from lastgood.errors import FindingsError, NotCarriedOutError
from lastgood.operations import rollback, sync
from tests.adapters.wheels import make_wheel, use_only
from tests.world import REASON, World

DELIVER = "[environment]\ndeliver = true\n"


@pytest.fixture
def wheels(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path_factory.mktemp("packages") / "wheels"
    use_only(directory, monkeypatch)
    for version in ("1.0", "2.0"):
        make_wheel(directory, version)
    return directory


@pytest.fixture
def pair(world: World, wheels: Path) -> World:
    """v1.0.0 with tiny 1.0, stable; v2.0.0 with tiny 2.0, in prod."""
    assert wheels.is_dir()
    world.release("v1.0.0", model="first", code={"requirements.txt": "tiny==1.0\n"}, mark="stable", stages=["prod"])
    world.release("v2.0.0", model="second", code={"requirements.txt": "tiny==2.0\n"}, stages=["prod"])
    return world


def built(world: World) -> int:
    return len([*(world.place / "environments").glob("*/lastgood.json")])


def plan(world: World) -> Plan:
    return rollback.rollback(world.open(), Request("flights", REASON, here=True), dry_run=True).plan


def test_a_rollback_shows_what_differs_before_it_is_carried_out(pair: World) -> None:
    found = plan(pair)
    assert found.environment is not None
    assert found.environment.packages == (PackageChange("tiny", "2.0", "1.0"),)
    assert found.warnings == ()
    assert built(pair) == 0


def test_equal_environments_need_no_comparison(world: World) -> None:
    world.release("v1.0.0", model="first", mark="stable", stages=["prod"])
    world.release("v2.0.0", model="second", stages=["prod"])
    found = plan(world).environment
    assert found is not None
    assert found == EnvironmentChange((found.python[0], found.python[0]))


def test_the_environment_is_built_before_a_machine_switches(pair: World) -> None:
    health = (
        '[rollback]\nhealth = "python -c \'import tiny; assert tiny.ANSWER in open(\\"requirements.txt\\").read()\'"\n'
    )
    pair.settings(DELIVER + health)
    pair.sync()
    assert built(pair) == 1
    assert pair.rollback().live == str(pair.live)
    assert pair.live_model() == "first"
    assert built(pair) == 2


def test_one_that_cannot_be_built_stops_a_rollback_before_it_is_recorded(pair: World, wheels: Path) -> None:
    pair.settings(DELIVER)
    pair.sync()
    (wheels / "tiny-1.0-py3-none-any.whl").unlink()
    before = pair.snapshot()
    with pytest.raises(NotCarriedOutError, match=r"(?s)requirements.txt.*tiny"):
        pair.rollback()
    assert pair.snapshot() == before
    assert pair.live_model() == "second"


def test_a_missing_python_is_a_warning_or_where_environments_are_delivered_a_finding(world: World) -> None:
    world.release("v1.0.0", model="first", code={".python-version": "3.3\n"}, mark="stable", stages=["prod"])
    world.release("v2.0.0", model="second", code={".python-version": "3.11\n"}, stages=["prod"])
    found = plan(world)
    assert [finding.kind for finding in found.warnings] == ["python"]
    assert found.environment is not None
    assert found.environment.python == ("3.11", "3.3")
    world.settings(DELIVER)
    before = world.snapshot()
    with pytest.raises(FindingsError) as caught:
        world.rollback(here=True)
    assert [(finding.kind, finding.subject) for finding in caught.value.findings] == [("python", "3.3")]
    assert world.snapshot() == before
    assert world.rollback(here=False).plan.warnings == ()  # it is for the machines that switch to tell


def test_a_version_without_a_lock_is_allowed_with_a_warning(world: World) -> None:
    world.settings(DELIVER)
    (world.root / "requirements.txt").unlink()
    world.release("v1.0.0", model="first", mark="stable", stages=["prod"])
    world.release("v2.0.0", model="second", code={"requirements.txt": "# nothing\n"}, stages=["prod"])
    world.sync()
    found = plan(world)
    assert [finding.kind for finding in found.warnings] == ["no-lock"]
    assert found.environment is not None
    assert found.environment.unknown == ("v1.0.0 pins no environment lock",)
    assert world.rollback().live == str(world.live)


def test_what_this_machine_does_not_switch_it_does_not_build(pair: World) -> None:
    pair.settings(DELIVER)
    pair.rollback(here=False)
    assert built(pair) == 0


def test_a_dry_sync_says_that_the_environment_cannot_be_built(world: World) -> None:
    world.settings(DELIVER)
    world.release("v1.0.0", model="first", code={".python-version": "3.3\n"}, stages=["prod"])
    with pytest.raises(FindingsError, match="cannot be built here"):
        sync.sync(world.open(), "flights", "prod", dry_run=True)
