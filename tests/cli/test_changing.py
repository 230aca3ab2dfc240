"""The commands that change something: what they answer, and that a dry run answers the same and changes nothing."""

from pathlib import Path

import pytest

from tests.builders import Project
from tests.cli.conftest import Program


def refs(project: Project) -> str:
    """All refs, here and on origin."""
    return project.git("for-each-ref") + project.git("ls-remote", "origin")


@pytest.mark.usefixtures("story")
def test_rollback_answers_with_the_keys_of_the_contract(run: Program) -> None:
    done = run("rollback", "flights", "--from", "v2.0.0", "--reason", "calls late flights early", "--json")
    document = done.json
    keys = ["schema", "artifact", "stage", "from", "to", "skipped", "reason", "fulfilled", "tags", "published"]
    assert list(document)[:14] == [*keys, "applies", "live", "seconds", "dry_run"]
    assert (document["artifact"], document["stage"]) == ("flights", "prod")
    assert (document["from"], document["to"]) == ("v2.0.0", "v1.0.0")
    assert document["skipped"] == [{"version": "v1.1.0", "why": "marked failed"}]
    assert document["tags"] == ["flights#failed#5", "flights#prod#6"]
    assert (document["fulfilled"], document["published"], document["dry_run"]) == (False, True, False)
    assert (document["applies"], document["live"]) == ("at next sync", None)
    assert document["seconds"] > 0
    again = run("rollback", "flights", "--from", "v2.0.0", "--reason", "calls late flights early", "--json").json
    assert (again["fulfilled"], again["tags"], again["published"]) == (True, [], True)
    assert (again["from"], again["to"]) == ("v2.0.0", "v1.0.0")


@pytest.mark.usefixtures("story")
def test_rollback_shows_the_plan_and_what_happens_next(run: Program) -> None:
    done = run("rollback", "--from", "v2.0.0", "--reason", "late")
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0] == "flights, stage prod: from v2.0.0 to v1.0.0"
    assert lines[1].split() == ["leaving", "v2.0.0", "candidate,", "to", "be", "marked", "failed"]
    assert lines[2].split() == ["skipped", "v1.1.0", "marked", "failed"]
    assert lines[3].startswith("  target   v1.0.0  stable, registered ")
    assert lines[-1] == "recorded; machines following prod switch at their next sync"
    assert done.err.splitlines() == ["reading the git remote", "publishing"]
    again = run("rollback", "--from", "v2.0.0", "--reason", "late")
    assert again.out == "nothing to do: prod of flights is assigned to v1.0.0 already\n"


@pytest.mark.usefixtures("story")
def test_a_rollback_that_only_had_to_be_carried_out_here_says_that_it_switched(run: Program) -> None:
    assert run("sync", "--stage", "prod").code == 0
    assert run("rollback", "--from", "v2.0.0", "--reason", "late", "--record-only").code == 0
    assert run("status").code == 7
    done = run("rollback", "--from", "v2.0.0", "--reason", "late")
    assert done.out.startswith("nothing to record: prod of flights is assigned to v1.0.0 already\nswitched: v1.0.0 is")
    assert run("status").code == 0


@pytest.mark.usefixtures("story")
def test_leaving_a_version_that_a_higher_one_replaced_tells_how_to_leave_that_one(run: Program) -> None:
    done = run("rollback", "--from", "v1.0.0", "--reason", "late")
    assert done.code == 0
    assert done.out.splitlines() == [
        "nothing to do: prod of flights is assigned to v2.0.0 already",
        "to leave v2.0.0: lastgood rollback flights --stage prod --from v2.0.0 --reason TEXT",
    ]


@pytest.mark.usefixtures("story")
def test_rollback_here_switches_and_says_where(run: Program) -> None:
    document = run("rollback", "--here", "--reason", "late", "--json").json
    assert document["applies"] == "here"
    assert (Path(document["live"]) / "models/model.txt").read_text() == "first"
    assert run("status", "--json").code == 0


def test_a_dry_run_of_rollback_needs_no_reason_and_changes_nothing(run: Program, story: Project) -> None:
    before = refs(story)
    document = run("rollback", "--dry-run", "--json").json
    assert (document["dry_run"], document["to"], document["tags"]) == (True, "v1.0.0", [])
    done = run("rollback", "--dry-run")
    assert "candidate, to be marked failed" in done.out
    assert "nothing was changed" in done.out
    assert refs(story) == before


def test_register_tells_what_the_version_pins(run: Program, project: Project) -> None:
    project.commit_version(model="new")
    before = refs(project)
    tried = run("register", "--version", "v1.0.0", "--dry-run", "--json").json
    assert (tried["dry_run"], tried["tags"], refs(project)) == (True, [], before)
    done = run("register", "--version", "v1.0.0", "-m", "with weather", "--json")
    document = done.json
    assert (document["artifact"], document["version"], document["published"]) == ("flights", "v1.0.0", True)
    assert document["tags"] == ["flights@v1.0.0"]
    assert document["manifest"] == tried["manifest"]
    assert document["manifest"]["metrics"]["models/metrics.json:score"] == 0.9
    assert "checking that the commit can be restored" in done.err


def test_register_uploads_warns_of_the_branch_and_says_what_is_next(run: Program, project: Project) -> None:
    project.commit_version(model="unpushed", push=False)
    done = run("register", "--bump", "major")
    assert done.code == 0, done.err
    assert done.out.startswith("registered flights@v1.0.0\n")
    assert "uploaded 1 object to the DVC remote" in done.out
    assert done.out.splitlines()[-1] == "next: lastgood assign flights@v1.0.0 --stage STAGE --reason TEXT"
    assert "warning: commit" in done.err
    assert "is on no branch of origin" in done.err
    assert max(map(len, done.out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("mark", "v2.0.0", "stable", "--reason", "a good week"), "flights@v2.0.0 is marked stable"),
        (("assign", "v1.0.0", "--stage", "staging", "--reason", "a try"), "staging is assigned to flights@v1.0.0"),
    ],
)
def test_marks_and_assignments_are_written_once(
    run: Program, story: Project, arguments: tuple[str, ...], words: str
) -> None:
    before = refs(story)
    tried = run(*arguments, "--dry-run", "--json").json
    assert (tried["dry_run"], tried["tags"], refs(story)) == (True, [], before)
    done = run(*arguments)
    assert (done.code, done.out.splitlines()[0]) == (0, words)
    again = run(*arguments, "--json").json
    assert (again["fulfilled"], again["tags"]) == (True, [])
    assert run(*arguments).out.startswith("nothing to do: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ("mark", "v2.0.0", "stable", "--reason", "good"),
        ("assign", "v1.0.0", "--stage", "staging", "--reason", "a try"),
        ("adopt", "--dry-run"),
        ("checkout", "v1.0.0", "--dry-run"),
        ("sync", "--stage", "prod", "--dry-run"),
    ],
)
def test_a_date_in_the_future_is_a_warning_of_every_command(
    run: Program, story: Project, arguments: tuple[str, ...]
) -> None:
    story.tag("flights#canary#99", commit="flights@v1.0.0^{}", when=4_000_000_000)
    done = run(*arguments)
    assert done.code == 0
    assert "warning: tag flights#canary#99 is dated 2096-10-02" in done.err


def test_adopt_names_the_tags_that_others_made(run: Program, project: Project) -> None:
    project.version("v1.0.0", mark="stable")
    names = ["flights@v1.0.0", "flights#stable#1"]
    assert run("adopt", "--dry-run", "--json").json["tags"] == names
    assert run("adopt", "--json").json["tags"] == names
    assert run("adopt").out == "nothing to do: the journal of flights holds every tag\n"


@pytest.mark.usefixtures("project")
def test_init_writes_what_is_missing_and_nothing_twice(run: Program) -> None:
    tried = run("init", "--dry-run").out.splitlines()[-1]
    assert tried == "next: git add lastgood.toml && git commit -m 'Configure lastgood', then lastgood register flights"
    first = run("init", "--json").json
    assert "lastgood.toml" in first["created"]
    assert first["artifacts"] == ["flights"]
    assert run("init", "--json").json["created"] == []
    assert "is there" in run("init").out
    assert run("init").out.splitlines()[-1] == "next: lastgood register flights"


def test_checkout_ends_with_code_data_and_model_of_the_version(run: Program, story: Project) -> None:
    before = story.git("rev-parse", "HEAD")
    assert run("checkout", "v1.0.0", "--dry-run").code == 0
    assert story.git("rev-parse", "HEAD") == before
    done = run("checkout", "v1.0.0")
    assert (done.code, done.out.splitlines()[0]) == (0, "code, data and model are flights@v1.0.0")
    assert (story.root / "models/model.txt").read_text() == "first"
    assert run("checkout", "v1.0.0", "--json").json["changed"] is False


def test_checkout_refuses_to_lose_work_and_puts_it_aside_when_told(run: Program, story: Project) -> None:
    story.put("scripts/train.py", "# mine\n")
    story.put("models/model.txt", "mine")
    done = run("checkout", "v1.0.0")
    assert (done.code, done.out) == (14, "")
    assert "would be lost: scripts/train.py; nothing was changed" in " ".join(done.err.split())
    assert "or give --save, which puts them aside first" in " ".join(done.err.split())
    tried = run("checkout", "v1.0.0", "--save", "--dry-run")
    assert "after putting aside models/model.txt, scripts/train.py" in " ".join(tried.out.split())
    document = run("checkout", "v1.0.0", "--save", "--json").json
    assert document["saved"]["paths"] == ["models/model.txt", "scripts/train.py"]
    (directory,) = map(Path, document["saved"]["directories"])
    assert (directory / "files/scripts/train.py").read_text() == "# mine\n"
    assert (directory / "files/models/model.txt").read_text() == "mine"
    story.put("scripts/train.py", "# mine, again\n")
    done = run("checkout", "v1.0.0", "--save")
    assert "  put aside  scripts/train.py\n" in done.out
    (second,) = set((story.root / ".git/lastgood/saved").iterdir()) - {directory}
    assert f"  into       {second}\n" in done.out
    assert run("checkout", "v1.0.0", "--json").json["saved"] == {"directories": [], "paths": []}


@pytest.mark.usefixtures("story")
def test_sync_makes_it_live_and_then_has_nothing_to_do(run: Program) -> None:
    tried = run("sync", "--stage", "prod", "--dry-run", "--json").json
    assert (tried["changed"], tried["path"], tried["dry_run"]) == (True, None, True)
    document = run("sync", "flights", "--stage", "prod", "--json").json
    assert (document["version"], document["changed"], document["former"]) == ("v2.0.0", True, None)
    assert (Path(document["path"]) / "models/model.txt").read_text() == "third"
    done = run("sync", "--stage", "prod")
    assert done.out.startswith("nothing to do: flights@v2.0.0 is live in prod:")


@pytest.mark.usefixtures("story")
def test_sync_refuses_a_failed_version_with_14_and_names_rollback(run: Program) -> None:
    assert run("mark", "v2.0.0", "failed", "--reason", "wrong sign").code == 0
    done = run("sync", "--stage", "prod")
    assert (done.code, done.out) == (14, "")
    assert "prod of flights is assigned v2.0.0, which is marked failed" in done.err
    assert done.err.endswith("\nhint: lastgood rollback flights --stage prod --from v2.0.0 --reason TEXT\n")
    document = run("sync", "--stage", "prod", "--dry-run", "--json").json
    assert (document["error"], document["code"]) == ("refused", 14)
    assert "wrong sign" in document["message"]
    assert run("where", "--stage", "prod").code == 12


@pytest.mark.usefixtures("story")
def test_marking_failed_what_is_assigned_says_so_and_names_the_next_command(run: Program) -> None:
    leave = "lastgood rollback flights --stage prod --from v2.0.0 --reason TEXT"
    tried = run("mark", "v2.0.0", "failed", "--dry-run", "--json").json
    assert (tried["assigned"], tried["next"], tried["tags"]) == (["prod"], [leave], [])
    done = run("mark", "v2.0.0", "failed", "--reason", "wrong sign")
    assert (done.code, done.out.splitlines()[-1]) == (0, f"next: {leave}")
    assert "warning: prod of flights is assigned v2.0.0" in done.err
    again = run("mark", "v2.0.0", "failed", "--reason", "wrong sign", "--json").json
    assert (again["fulfilled"], again["next"]) == (True, [leave])
    assert [one["kind"] for one in again["warnings"] if one["kind"] == "failed"] == ["failed"]


@pytest.mark.usefixtures("story")
def test_marking_stable_what_is_failed_tells_who_failed_it_and_why(run: Program) -> None:
    document = run("mark", "v1.1.0", "stable", "--dry-run", "--json").json["overrides"]
    assert (document["stage"], document["version"], document["reason"]) == ("failed", "v1.1.0", "late")
    assert document["actor"].startswith("Ada ")
    done = run("mark", "v1.1.0", "stable", "--reason", "it was the data")
    assert (done.code, done.out.splitlines()[0]) == (0, "flights@v1.1.0 is marked stable")
    told = " ".join(done.out.split())
    assert "overrides failed, by Ada" in told
    assert told.endswith(": late")
    assert run("mark", "v2.0.0", "stable", "--reason", "good", "--json").json["overrides"] is None


@pytest.mark.usefixtures("story")
def test_unassign_says_what_dvc_still_answers(run: Program) -> None:
    assert run("assign", "v1.0.0", "--stage", "canary", "--reason", "a share").code == 0
    tried = run("unassign", "--stage", "canary", "--dry-run", "--json").json
    assert (tried["version"], tried["tags"], tried["dvc"]) == ("v1.0.0", [], "v1.0.0")
    assert run("unassign", "--stage", "canary", "--dry-run").out.startswith("dry run: would take v1.0.0 away")
    done = run("unassign", "flights", "--stage", "canary", "--reason", "over")
    assert (done.code, done.out.splitlines()[0]) == (
        0,
        "nothing is assigned to canary of flights any more; it had v1.0.0",
    )
    assert "warning: dvc artifacts get --stage canary does not know that" in done.err
    assert run("unassign", "--stage", "canary", "--reason", "over").out.startswith("nothing to do: ")
    assert run("unassign", "--stage", "prod", "--reason", "over").code == 14
    assert run("history", "--json").json["events"][0]["kind"] == "unassigned"
    assert run("sync", "--stage", "canary").code == 12
    assert "canary" not in run("status").out
