"""`rollback --offline` as a person and a program see it."""

import pytest

from tests.builders import Project
from tests.cli.conftest import Program

BACK = ("rollback", "--from", "v2.0.0", "--reason", "late")


@pytest.fixture
def down(run: Program, story: Project) -> Project:
    """v2.0.0 is live in prod here, and origin is out of reach."""
    assert run("sync", "--stage", "prod").code == 0
    story.origin.rename(story.base / "gone.git")
    return story


def come_back(project: Project) -> None:
    (project.base / "gone.git").rename(project.origin)


def test_people_are_told_what_was_done_and_what_publishes_it(run: Program, down: Project) -> None:
    failed = run(*BACK)
    assert failed.code == 1
    assert "rollback --offline acts here now, publishes later" in failed.err
    done = run(*BACK, "--offline")
    assert done.code == 7, done.err
    assert done.out.splitlines()[-1] == "  lastgood sync flights --stage prod"
    assert "v1.0.0 is live here" in done.out
    assert "not published" in done.out
    assert "as of " in done.err
    again = run(*BACK, "--offline")
    assert again.code == 7
    assert again.out.startswith("nothing to do: prod of flights was rolled back to v1.0.0 already")
    status = run("status")
    assert status.code == 7
    assert status.out.splitlines()[-1] == "  lastgood sync flights --stage prod"
    assert "not published" in status.out
    for said in (done, again, status):
        assert all(len(line) <= 80 for line in said.out.splitlines() if str(down.base) not in line)
    assert run("sync", "--stage", "prod").code == 1
    assert "was rolled back here" in run("history").err
    come_back(down)
    synced = run("sync", "--stage", "prod")
    assert synced.code == 0
    assert "published: prod of flights" in synced.err
    assert run("status").code == 0
    assert "(done offline 20" in run("history").out.replace("\n", " ")


def test_programs_get_the_same_by_name(run: Program, down: Project) -> None:
    done = run(*BACK, "--offline", "--json")
    document = done.json
    assert (done.code, document["code"], document["error"]) == (7, 7, "unfinished")
    assert document["hint"] == "lastgood sync flights --stage prod"
    assert (document["published"], document["fulfilled"], document["tags"]) == (False, False, [])
    assert (document["applies"], document["dry_run"]) == ("here", False)
    act = document["pending"][0]
    assert (act["from"], act["to"], act["reason"]) == ("v2.0.0", "v1.0.0", "late")
    seen = run("status", "--json")
    assert (seen.code, seen.json["code"], seen.json["waiting"]) == (7, 7, True)
    assert seen.json["stages"][0]["pending"] == [act]
    assert run("where", "--stage", "prod", "--json").json["version"] == "v1.0.0"
    come_back(down)
    assert run("mark", "v2.0.0", "failed", "--reason", "late", "--json").json["warnings"][0]["kind"] == "pending"
    answer = run("sync", "--stage", "prod", "--json").json
    assert (answer["version"], answer["changed"]) == ("v1.0.0", False)
    assert (answer["offline"][0]["id"], answer["offline"][0]["outcome"]) == (act["id"], "recorded")
    newest = run("history", "--json").json["events"][0]
    assert (newest["kind"], newest["occurred"][:2], newest["superseded_by"]) == ("assigned", "20", None)


def test_what_lost_its_purpose_ends_with_4_and_both_are_named(run: Program, down: Project) -> None:
    assert run(*BACK, "--offline").code == 7
    come_back(down)
    other = down.clone("other")
    assert run("mark", "v1.1.0", "stable", "--reason", "good", at=other.root).code == 0
    assert run("assign", "v1.1.0", "--stage", "prod", "--reason", "better", at=other.root).code == 0
    failed = run("sync", "--stage", "prod")
    assert failed.code == 4
    assert "from v2.0.0 to v1.0.0" in failed.err
    assert "is assigned to v1.1.0" in failed.err.replace("\n", " ").replace("  ", " ")
    assert run("where", "--stage", "prod", "--json").json["version"] == "v1.1.0"
    event = run("history", "--json").json["events"][0]
    assert (event["kind"], event["version"], event["from"]) == ("superseded", "v1.0.0", "v2.0.0")
    assert (event["tag"], event["superseded_by"]) == (None, "v1.1.0")
    assert "v1.0.0 superseded in prod, leaving v2.0.0" in run("history").out
    assert run("verify").code == 0


@pytest.mark.usefixtures("story")
def test_it_cannot_be_recorded_only(run: Program) -> None:
    assert run(*BACK, "--offline", "--record-only").code == 2


def test_a_dry_run_says_what_it_would_do(run: Program, down: Project) -> None:
    done = run("rollback", "--offline", "--dry-run")
    assert done.code == 0
    assert "would record this and switch this machine, to be published later" in " ".join(done.out.split())
    assert not (down.root / ".git/lastgood/pending").exists()
