"""What `discount` says and answers, and what the other commands say of an event that is dated ahead."""

import pytest

from tests.builders import Project
from tests.cli.conftest import Program

WRONG = "flights#prod#99"


@pytest.fixture
def ahead(story: Project) -> Project:
    """`story`, where somebody's tag of prod is dated far ahead."""
    story.tag(WRONG, commit="flights@v1.0.0^{}", when=4_000_000_000)
    return story


@pytest.mark.usefixtures("ahead")
def test_a_date_ahead_is_told_with_the_command_that_takes_it_out_of_count(run: Program) -> None:
    said = " ".join(run("status", "--fetch").err.split())
    assert f"warning: tag {WRONG} is dated 2096-10-02, more than a day ahead" in said
    assert f"lastgood discount '{WRONG}' --reason TEXT takes it out of count" in said


def test_it_is_taken_out_of_count_and_history_tells_who_and_why(run: Program, ahead: Project) -> None:
    tried = run("discount", WRONG, "--dry-run")
    told = f"dry run: would take {WRONG} out of count; prod goes from v1.0.0 to v2.0.0; nothing was changed"
    assert " ".join(tried.out.split()) == told
    done = run("discount", WRONG, "--reason", "a wrong clock", "--json")
    assert done.code == 0
    expected = {"discounted": [WRONG], "from": "v1.0.0", "to": "v2.0.0", "fulfilled": False, "published": True}
    assert expected.items() <= done.json.items()
    assert WRONG not in ahead.git("ls-remote", "origin")
    newest = run("history", "--json").json["events"][0]
    assert (newest["kind"], newest["tag"], newest["reason"]) == ("discounted", WRONG, "a wrong clock")
    assert f"in prod: {WRONG} taken out of count" in " ".join(run("history").out.split())
    assert "2096" not in run("status", "--fetch").err
    assert run("discount", WRONG, "--reason", "again").out == f"nothing to do: {WRONG} was taken out of count already\n"


@pytest.mark.usefixtures("ahead")
def test_a_rollback_says_what_gto_and_dvc_will_answer_and_is_done(run: Program) -> None:
    assert run("assign", "v2.0.0", "--stage", "prod", "--reason", "better").code == 0
    done = run("rollback", "--reason", "late", "--from", "v2.0.0", "--json")
    assert (done.code, done.json["to"]) == (0, "v1.0.0")
    told = [one["message"] for one in done.json["warnings"] if one["kind"] == "dated"]
    assert len(told) == 1
    assert told[0].startswith("what is recorded of prod is dated a second after flights#prod#")


def test_it_needs_a_reason_and_a_tag(run: Program, ahead: Project) -> None:
    before = ahead.git("ls-remote", "origin")
    for arguments in (("discount", WRONG), ("discount",), ("discount", "v1.0.0", "--reason", "x")):
        assert run(*arguments).code == 2
    assert ahead.git("ls-remote", "origin") == before
