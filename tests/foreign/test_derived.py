"""Versions without a recorded manifest: DVC reads each commit once; its answer is used only where it still holds."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lastgood.adapters.dvc import installed
from lastgood.core.manifest import Manifest
from lastgood.core.rollback import Request
from lastgood.operations.rollback import rollback
from lastgood.operations.show import show
from lastgood.operations.sync import sync
from lastgood.operations.verify import verify
from lastgood.project import Project as Opened
from lastgood.registry.view import read
from lastgood.versions.manifests import read_environment, read_manifest
from tests.builders import Project


def reads(there: Opened, version: str = "v1.0.0") -> tuple[Manifest, bool]:
    """The manifest of a version, and whether DVC was asked for it."""
    opened = Opened.open(there.root or Path())
    history = read(opened, fetch=False).registry.history("flights")
    return read_manifest(opened, history, history.by_name[version]), bool(opened._readers)


def test_the_second_command_reads_the_same_manifest_without_dvc(project: Project) -> None:
    project.version("v1.0.0", data={"a.csv": "1\n"}, params={"score": 0.7})
    there = Opened.open(project.root)
    first, asked = reads(there)
    assert asked
    assert reads(there) == (first, False)
    history = read(there, fetch=False).registry.history("flights")
    assert read_environment(there, history, history.by_name["v1.0.0"]) == first.environment
    assert show(there, "flights@v1.0.0").manifest == first
    assert verify(there).all_findings == ()
    assert not there._readers


def test_the_second_rollback_and_sync_ask_dvc_for_no_version(project: Project) -> None:
    project.version("v1.0.0", mark="stable", stages=["prod"])
    sync(Opened.open(project.root), None, "prod")
    project.version("v2.0.0", model="bad", stages=["prod"])
    sync(Opened.open(project.root), None, "prod")
    there = Opened.open(project.root)
    assert rollback(there, Request(None, "late", leaving="v2.0.0")).plan.target.text == "v1.0.0"
    assert not sync(there, None, "prod").changed
    assert not there._readers


def _damage(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"models/model.txt", b"models/other.txt"))


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def _open_to_others(path: Path) -> None:
    path.chmod(0o622)


@pytest.mark.parametrize("change", [_damage, _truncate, _open_to_others])
def test_a_broken_answer_is_derived_again_and_written_anew(project: Project, change: Callable[[Path], None]) -> None:
    project.version("v1.0.0")
    there = Opened.open(project.root)
    whole, _ = reads(there)
    (path,) = there.place.derivations.iterdir()
    change(path)
    assert reads(there) == (whole, True)
    assert reads(there) == (whole, False)


def test_a_tag_that_was_moved_another_dvc_and_another_lock_are_other_questions(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.version("v1.0.0", model="one")
    there = Opened.open(project.root)
    reads(there)
    commit = project.commit_version(model="two", code={"other.txt": "# nothing else\n"})
    project.git("tag", "--delete", "flights@v1.0.0")
    project.git("push", "--quiet", "origin", ":refs/tags/flights@v1.0.0")
    project.register("v1.0.0")
    manifest, asked = reads(there)
    assert (manifest.commit, asked) == (commit, True)
    project.put("lastgood.toml", '[environment]\nlock = "other.txt"\n')
    manifest, asked = reads(there)
    assert (manifest.environment.lock, asked) == ("other.txt", True)
    monkeypatch.setattr(installed, "PREFIXES", ("dvc-",))  # as if other packages were installed
    installed.find_releases.cache_clear()
    assert reads(there)[1]
    installed.find_releases.cache_clear()


def test_the_releases_that_are_installed_are_found_without_an_import() -> None:
    from importlib.metadata import version

    assert f"dvc-{version('dvc')}.dist-info" in installed.find_releases()
    assert f"scmrepo-{version('scmrepo')}.dist-info" in installed.find_releases()


def test_values_that_dvc_stores_are_those_of_its_cache_now(project: Project) -> None:
    text = (project.root / "dvc.yaml").read_text()
    project.put(
        "dvc.yaml", text.replace("    - models/metrics.json:\n        cache: false\n", "    - models/metrics.json\n")
    )
    project.git("rm", "--quiet", "--cached", "models/metrics.json")
    project.version("v1.0.0", params={"score": 0.7}, data={"a.csv": "1\n"})
    there = Opened.open(project.root)
    cache = project.root / ".dvc/cache"
    cache.rename(cache.with_name("elsewhere"))
    lacking = show(there, "flights@v1.0.0")
    assert lacking.manifest is not None
    assert ("models/metrics.json:score" in lacking.manifest.metrics, len(lacking.findings)) == (False, 1)
    assert not reads(there)[1]  # what a rollback needs of it is from git
    cache.with_name("elsewhere").rename(cache)
    for _ in range(2):  # what the cache says is never remembered: somebody may mend it
        shown = show(Opened.open(project.root), "flights@v1.0.0")
        assert shown.manifest is not None
        assert (shown.manifest.metrics["models/metrics.json:score"], shown.findings) == (0.7, ())
