"""The sections `[release.STAGE]` of `lastgood.toml`: no release without its model, no entry that means nothing."""

import json
import shutil
from collections.abc import Callable

import pytest

from lastgood.core.manifest import Output
from lastgood.core.registry import History, Version
from lastgood.errors import FindingsError
from lastgood.machine import building, live
from lastgood.operations import repair, sync
from lastgood.operations.show import list_versions
from lastgood.project import Project
from lastgood.registry.view import read
from lastgood.releases.release import description_path
from lastgood.versions.manifests import read_manifest
from tests.world import World

TYPO = '[release.prod]\noutputs = ["modles/"]\n'
ACTS: dict[str, Callable[[World], object]] = {
    "assign": lambda story: story.assign("v4.0.0"),
    "assign --dry-run": lambda story: story.assign("v4.0.0", dry_run=True),
    "rollback --record-only": lambda story: story.rollback(here=False),
    "rollback --here": lambda story: story.rollback(here=True),
    "rollback --offline": lambda story: story.rollback(offline=True),
    "rollback --dry-run": lambda story: story.rollback(dry_run=True),
    "sync": World.sync,
    "sync --dry-run": lambda story: sync.sync(story.open(), "flights", "prod", dry_run=True),
    "sync on a host": lambda story: sync.sync(
        story.serve(story.project.base / "host", f"file://{story.project.origin}"), "flights", "prod"
    ),
}


def history_of(project: Project) -> tuple[History, Version]:
    history = read(project, fetch=False).registry.artifacts["flights"]
    return history, history.assigned_version("prod")


def outputs_of(story: World) -> list[str]:
    """What is live, by the description of the release."""
    return [one["path"] for one in json.loads(description_path(story.live.resolve()).read_bytes())["outputs"]]


@pytest.mark.parametrize("act", ACTS)
def test_an_entry_that_matches_no_output_is_refused_by_name_before_anything_changes(story: World, act: str) -> None:
    story.settings(TYPO)
    before = story.snapshot()
    with pytest.raises(FindingsError, match=r"lastgood\.toml does not fit flights v\d\.0\.0") as caught:
        ACTS[act](story)
    assert caught.value.exit_code == 3
    (finding,) = caught.value.findings
    assert (finding.kind, finding.subject) == ("no-output", "modles/")
    assert str(finding).startswith("'modles/' in [release.prod] names no output of flights v")
    assert caught.value.hint.startswith("did you mean models? correct it in lastgood.toml")
    assert "data/raw, models/metrics.json, models/model.txt" in caught.value.hint
    assert story.snapshot() == before


def test_a_release_is_never_without_the_artifacts_own_path(story: World) -> None:
    story.settings('[release.prod]\noutputs = ["data/"]\n')
    done = story.sync()
    assert (story.live_model(), done.release.partial) == ("third", False)
    story.settings('[release.prod]\noutputs = ["models/metrics.json"]\n')
    assert story.sync().release.partial
    assert story.live_model() == "third"
    assert not (story.live / "data/raw").exists()


def test_a_release_that_was_built_without_its_model_is_replaced(story: World) -> None:
    project = story.open()
    project.place.create()
    history, version = history_of(project)
    manifest = read_manifest(project, history, version)
    data: tuple[Output, ...] = tuple(one for one in manifest.outputs if str(one.path) == "data/raw")
    live.switch(project, history, building.build_release(project, manifest, data), "prod")
    assert not (story.live / "models/model.txt").exists()
    assert story.status().stages[0].partial
    (finding,) = story.verify(deep=True).all_findings
    assert (finding.kind, str(finding).partition(", live in ")[2]) == (
        "incomplete",
        "prod, lacks models/model.txt: lastgood sync flights --stage prod",
    )
    story.settings('[release.prod]\noutputs = ["data/raw"]\n')
    assert story.sync().changed
    assert story.live_model() == "third"
    assert story.verify(deep=True).all_findings == ()


def test_a_typo_is_told_before_an_emergency_meets_it(story: World) -> None:
    story.sync()
    story.settings(TYPO)
    before = story.snapshot()
    with pytest.raises(FindingsError, match=r"does not fit flights v3\.0\.0"):
        story.sync()
    assert story.snapshot() == before
    assert story.live_model() == "third"


def test_a_section_of_a_misspelt_artifact_is_a_warning_with_what_was_meant(story: World) -> None:
    """Nothing is missing then, so it stops nobody; a name like no other may be registered later."""
    text = '[release.prod."NAME"]\noutputs = ["models/"]\n'
    story.settings(text.replace("NAME", "fligths"))
    expected = ("no-artifact", "fligths", "[release.prod.fligths] names no artifact here; did you mean flights?")
    assert expected in [(one.kind, one.subject, one.message) for one in story.status().findings]
    assert expected in [(one.kind, one.subject, one.message) for one in story.rollback().plan.warnings]
    for name in ("flights", "teams/fraud:model"):
        story.settings(text.replace("NAME", name))
        assert [one for one in story.status().findings if one.kind == "no-artifact"] == []


def test_a_section_that_fits_the_version_left_holds_no_rollback_back(story: World) -> None:
    story.project.put("tokens/words.txt", "late early")
    with story.project.dvc() as repo:
        repo.add("tokens/words.txt")
    story.release("v5.0.0", model="fifth", stages=["prod"])
    story.settings('[release.prod]\noutputs = ["models/", "tokens/"]\n')
    story.sync()
    assert outputs_of(story) == ["models/metrics.json", "models/model.txt", "tokens/words.txt"]

    plan = story.rollback(to="v1.0.0").plan
    assert [(one.kind, one.subject) for one in plan.warnings] == [("layout", "tokens/")]
    assert "names no output of flights v1.0.0, whose layout is another" in str(plan.warnings[0])
    # nothing that this version has can be missing: the section was not written for it
    assert outputs_of(story) == ["data/raw", "models/metrics.json", "models/model.txt"]
    assert (story.live_model(), story.status().stages[0].partial) == ("first", False)
    assert not story.sync().changed
    host = sync.sync(story.serve(story.project.base / "host", f"file://{story.project.origin}"), "flights", "prod")
    assert (host.link / "data/raw/a.csv").read_text() == "1\n"


def test_an_unreadable_other_version_is_no_reason_to_let_a_typo_pass(story: World) -> None:
    story.project.put("dvc.yaml", "stages: [")
    story.project.commit("break")
    story.project.tag("flights@v0.1.0")
    story.settings(TYPO)
    with pytest.raises(FindingsError, match="does not fit"):
        story.sync()


def test_an_artifacts_own_section_comes_before_the_stages(story: World) -> None:
    story.settings('[release.prod]\noutputs = ["elsewhere/"]\n[release.prod.flights]\noutputs = ["models"]\n')
    assert story.sync().release.partial
    assert outputs_of(story) == ["models/metrics.json", "models/model.txt"]
    story.settings('[release.prod]\noutputs = ["elsewhere/"]\n[release.prod.flights]\noutputs = []\n')
    assert story.sync().changed
    assert outputs_of(story) == ["data/raw", "models/metrics.json", "models/model.txt"]


def test_a_damaged_release_of_an_artifacts_own_section_is_built_anew(story: World) -> None:
    story.settings('[release.prod.flights]\noutputs = ["models"]\n')
    path = story.sync().release.path
    description_path(path).unlink()
    repair.repair(story.open())
    assert description_path(path).is_file()
    assert outputs_of(story) == ["models/metrics.json", "models/model.txt"]


def test_status_and_list_tell_what_is_partial_here(story: World) -> None:
    assert not any(one.partial for one in story.status().stages)
    story.settings('[release.prod]\noutputs = ["models"]\n')
    story.sync()
    (stage,) = story.status().stages
    assert (stage.live, stage.partial) == ("v3.0.0", True)
    listed = list_versions(story.open())
    (history,) = listed.histories
    assert {one.text: listed.partial_in(one) for one in history.versions} == {
        "v1.0.0": (),
        "v2.0.0": (),
        "v3.0.0": ("prod",),
        "v4.0.0": (),
    }
    shutil.rmtree(story.place / "live")
    assert list_versions(story.open()).partial == {}
