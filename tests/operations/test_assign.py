"""What may be assigned where: a named version that is no failed one, to a stage that is meant, with a reason."""

import pytest

from lastgood.core.events import Mark
from lastgood.errors import RefusedError, UnknownError, UsageError
from lastgood.operations.assign import assign
from lastgood.operations.mark import mark
from tests.world import World


@pytest.mark.parametrize("reason", ["", " \n"])
def test_without_a_reason_nothing_is_assigned_or_marked(story: World, reason: str) -> None:
    before = story.snapshot()
    with pytest.raises(UsageError, match="an assignment needs a reason") as caught:
        assign(story.open(), "flights@v4.0.0", "prod", reason)
    assert caught.value.hint == "--reason TEXT"
    with pytest.raises(UsageError, match="a mark needs a reason"):
        mark(story.open(), "flights@v4.0.0", Mark.FAILED, reason)
    assert assign(story.open(), "flights@v4.0.0", "prod", reason, dry_run=True).dry_run
    assert mark(story.open(), "flights@v4.0.0", Mark.FAILED, reason, dry_run=True).dry_run
    assert story.snapshot() == before


def test_an_artifact_alone_names_no_version_to_record_anything_of(story: World) -> None:
    before = story.snapshot()
    with pytest.raises(UsageError, match="flights is an artifact; a version is needed") as caught:
        assign(story.open(), "flights", "prod", "new")
    assert caught.value.hint.startswith("name the version, as in flights@v4.0.0; ")
    with pytest.raises(UsageError, match="is an artifact; a version is needed"):
        mark(story.open(), "flights", Mark.FAILED, "bad")
    assert story.snapshot() == before


def test_latest_is_the_newest_release_and_never_a_pre_release(world: World) -> None:
    world.release("v1.0.0-rc.1", model="early")
    with pytest.raises(UnknownError, match="has only pre-releases") as caught:
        assign(world.open(), "flights@latest", "prod", "new")
    assert caught.value.hint == "write flights@v1.0.0-rc.1"
    world.release("v1.0.0", model="one")
    world.release("v1.1.0-rc.1", model="next")
    assert assign(world.open(), "flights@latest", "prod", "new").version.text == "v1.0.0"
    assert assign(world.open(), "flights@greatest", "staging", "a try").version.text == "v1.1.0-rc.1"


def test_a_stage_that_is_one_slip_from_another_is_refused_until_it_is_said_to_be_meant(story: World) -> None:
    before = story.snapshot()
    for stage in ("pord", "Prod"):
        with pytest.raises(RefusedError, match="prod is a stage already") as caught:
            assign(story.open(), "flights@v4.0.0", stage, "new")
        assert caught.value.hint == f"--stage prod, or --new-stage where {stage} is meant"
    assert story.snapshot() == before
    assert assign(story.open(), "flights@v4.0.0", "Prod", "new", new_stage=True).record.tags
    assert assign(story.open(), "flights@v1.0.0", "Prod", "known now").record.tags


@pytest.mark.parametrize(
    ("path", "text"),
    [("lastgood.toml", '[registry]\nstages = ["prod", "blue"]\n'), (".gto", "stages: [prod, blue]\n")],
)
def test_a_list_of_stages_is_strict(story: World, path: str, text: str) -> None:
    story.project.put(path, text)
    assert assign(story.open(), "flights@v4.0.0", "blue", "new").record.tags
    with pytest.raises(RefusedError, match=r"lists no stage staging \(it lists prod, blue\)"):
        assign(story.open(), "flights@v4.0.0", "staging", "new", new_stage=True)


@pytest.mark.parametrize("text", ["stages: prod\n", "stages: [1]\n", "stages: [prod\n"])
def test_a_list_that_gto_could_not_read_either_is_refused(story: World, text: str) -> None:
    story.project.put(".gto", text)
    with pytest.raises(UsageError, match=r"\.gto.*"):
        assign(story.open(), "flights@v4.0.0", "blue", "new")


@pytest.mark.parametrize("text", ["", "types: [model]\n", "stages: null\n", "- prod\n"])
def test_settings_of_gto_without_a_list_allow_every_stage(story: World, text: str) -> None:
    story.project.put(".gto", text)
    assert assign(story.open(), "flights@v4.0.0", "blue", "new").record.tags


def test_assigned_again_a_version_that_was_marked_failed_is_refused_with_the_way_to_leave_it(story: World) -> None:
    story.mark("v3.0.0", "failed", "late")
    before = story.snapshot()
    with pytest.raises(RefusedError, match=r"is assigned v3\.0\.0, which is marked failed.*late") as caught:
        story.assign("v3.0.0")
    assert caught.value.hint == "lastgood rollback flights --stage prod --from v3.0.0 --reason TEXT"
    assert story.snapshot() == before


def test_marking_failed_what_stages_are_assigned_names_them_and_how_they_leave_it(story: World) -> None:
    story.assign("v3.0.0", "staging")
    for done in (story.mark("v3.0.0", "failed"), story.mark("v3.0.0", "failed")):
        assert done.assigned == ("prod", "staging")
        assert done.next[0] == "lastgood rollback flights --stage prod --from v3.0.0 --reason TEXT"
        assert [one.subject for one in done.warnings if one.kind == "failed"] == ["prod", "staging"]
    assert story.mark("v2.0.0", "failed").next == ()
    assert story.rollback(leaving="v3.0.0").record.tags


def test_marking_stable_says_what_it_overrides(story: World) -> None:
    done = story.mark("v2.0.0", "stable", "it was the data")
    assert done.overrides is not None
    assert (done.overrides.stage, done.overrides.reason, done.overrides.version) == ("failed", "judged", "v2.0.0")
    assert story.mark("v2.0.0", "stable").overrides is None
    assert story.mark("v3.0.0", "stable").overrides is None
