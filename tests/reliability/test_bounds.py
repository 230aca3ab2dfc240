"""What a version costs is bounded: one that would be read for ever, or that holds more than it says, is refused by
name, and the others are looked at as if it were not there."""

import json
from pathlib import Path

import pytest

from lastgood.errors import FindingsError
from lastgood.versions.manifests import read_manifest
from tests.builders import Project
from tests.conftest import isolate
from tests.reliability import endless_pipelines
from tests.reliability.hostile_repository import HostileRepository, run, survive, versions_of
from tests.world import World

SECONDS = 2
"""Of processor time that one version may take in these tests."""


@pytest.fixture(scope="module")
def _good(_blank: Project, session_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, session_home)
        world = World(_blank.copy(tmp_path_factory.mktemp("good")))
        world.settings(f"[registry]\nreading = {SECONDS}\n")
        world.release("v1.0.0", model="first", mark="stable", stages=["prod"])
        world.release("v2.0.0", model="second", stages=["prod"])
        world.sync()
        return world.project


@pytest.fixture
def enemy(_good: Project, tmp_path: Path) -> HostileRepository:
    return HostileRepository.of(_good.copy(tmp_path))


@pytest.mark.parametrize("kind", ["stages", "patterns", "values"])
def test_a_version_that_would_be_read_for_ever_gets_a_finding_and_the_others_a_verdict(
    enemy: HostileRepository, kind: str
) -> None:
    base = enemy.entries(enemy.project.git("rev-parse", "flights@v1.0.0^{commit}"))
    for number, files in enumerate(
        (endless_pipelines.endless()[kind], {"dvc.yaml": endless_pipelines.ARTIFACTS, "m": "data"}), 1
    ):
        enemy.tag(f"evil@v0.0.{number}", enemy.commit_files(base, files))
    enemy.land()
    verified = json.loads(run(enemy.project.root, "verify", "--json").out)
    found = {f"{one['artifact']}@{one['version']}": one["findings"] for one in verified["versions"]}
    assert [one["kind"] for one in found["evil@v0.0.1"]] == ["limits"]
    assert "2 s of processor time" in found["evil@v0.0.1"][0]["message"]
    assert found["flights@v1.0.0"] == found["flights@v2.0.0"] == []
    assert "limits" not in str(found["evil@v0.0.2"])
    assert not survive(enemy)


def test_a_recorded_version_is_read_without_another_process(enemy: HostileRepository) -> None:
    opened, history = versions_of(enemy, "flights")
    for version in history.versions:
        read_manifest(opened, history, version)
    assert not opened._readers


def test_the_limit_counts_for_each_version_and_not_for_all_of_them(enemy: HostileRepository) -> None:
    """Eight of them together take more than one may."""
    base = enemy.entries(enemy.project.git("rev-parse", "flights@v1.0.0^{commit}"))
    files = {
        "params.yaml": "".join(f"key_{n}: {n}\n" for n in range(500)),
        "dvc.yaml": endless_pipelines.ARTIFACTS,
        "m": "data",
    }
    for number in range(8):
        enemy.tag(f"evil@v0.1.{number}", enemy.commit_files(base, {**files, "m": str(number)}))
    enemy.land()
    opened, history = versions_of(enemy, "evil")
    for version in history.versions:
        assert len(read_manifest(opened, history, version).parameters) == 500


def test_a_reading_that_needs_more_memory_than_allowed_is_a_finding(
    enemy: HostileRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lastgood.adapters.dvc.reader.MEMORY", 1 << 20)
    base = enemy.entries(enemy.project.git("rev-parse", "flights@v1.0.0^{commit}"))
    enemy.tag(
        "evil@v0.0.1",
        enemy.commit_files(base, {"dvc.yaml": "# " + "x" * 30_000_000 + "\n" + endless_pipelines.ARTIFACTS}),
    )
    enemy.land()
    opened, history = versions_of(enemy, "evil")
    with pytest.raises(FindingsError, match="within 1 MiB of memory"):
        read_manifest(opened, history, history.versions[0])
