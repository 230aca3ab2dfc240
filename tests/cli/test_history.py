"""Who wrote an event: a person, lastgood itself, GTO; and what a clone without the journal can say of it."""

import pytest

from tests.builders import Project, git
from tests.cli.conftest import Program


def tag_by_hand(project: Project, message: str) -> None:
    """Tag a new commit as v3.0.0 without lastgood, and push the tag."""
    project.commit()
    project.git("tag", "-a", "-F", "-", "--cleanup=verbatim", "flights@v3.0.0", stdin=message)
    project.git("push", "--quiet", "origin", "flights@v3.0.0")


@pytest.mark.usefixtures("story")
def test_a_stable_tag_that_a_rollback_adds_is_told_as_added_by_lastgood(run: Program) -> None:
    assert run("mark", "v2.0.0", "stable", "--reason", "measured").code == 0
    assert run("rollback", "--reason", "late by hours").code == 0
    events = run("history", "--json").json["events"]
    facts = [(one["tag"], one["version"], one["reason"], one["added_by"], one["added_with"]) for one in events[:4]]
    why = "added by lastgood because v2.0.0 was marked failed"
    assert facts == [
        ("flights#prod#8", "v1.0.0", "late by hours", None, None),
        ("flights#stable#7", "v1.0.0", why, "lastgood", "flights#failed#6"),
        ("flights#failed#6", "v2.0.0", "late by hours", None, None),
        ("flights#stable#5", "v2.0.0", "measured", None, None),
    ]
    assert (events[1]["kind"], events[1]["stage"], events[1]["actor"]) == ("marked", "stable", "Ada <ada@example.org>")
    for command in (("history",), ("show", "v1.0.0")):
        words = " ".join(run(*command).out.split())
        assert f"v1.0.0 is #stable again lastgood {why}" in words
    assert "late by hours" not in [one["reason"] for one in run("show", "v1.0.0", "--json").json["events"][:-1]]


def test_a_fresh_clone_claims_nothing_that_it_cannot_know(run: Program, story: Project) -> None:
    tag_by_hand(story, "by hand")
    fresh = story.clone("fresh").root
    assert git(fresh, "for-each-ref", "refs/lastgood") == ""
    told = [
        (one["version"], one["adopted"], one["external"])
        for one in run("list", "--json", at=fresh).json["artifacts"][0]["versions"]
    ]
    ours = [(version, False, False) for version in ("v1.0.0", "v1.1.0", "v2.0.0")]
    assert told == [*ours, ("v3.0.0", False, True)]
    assert [line.endswith(" (external)") for line in run("list", at=fresh).out.splitlines()[2:]] == [False] * 3 + [True]
    assert run("history", at=fresh).out.count("(external)") == 1
    assert not any(one["adopted"] for one in run("history", "--json", at=fresh).json["events"])


def test_an_external_version_is_adopted_only_once_adopt_recorded_it(run: Program, story: Project) -> None:
    tag_by_hand(story, "by hand")

    def told(command: str) -> tuple[bool, bool]:
        document = run(*command.split(), "--json").json
        one = document["events"][0] if "events" in document else document["artifacts"][0]["versions"][-1]
        return one["external"], one["adopted"]

    commands = ("list", "history", "show v3.0.0")
    assert [told(command) for command in commands] == [(True, False)] * 3
    assert all("Ada (external)" in run(*command.split()).out for command in ("list", "history"))
    assert "(external)" in run("show", "v3.0.0").out
    assert run("adopt").code == 0
    assert [told(command) for command in commands] == [(False, True)] * 3
    assert all("(adopted)" in run(*command.split()).out for command in commands)


def test_a_forged_tag_is_a_finding_as_soon_as_origin_is_asked(run: Program, story: Project) -> None:
    message = story.git("for-each-ref", "--format=%(contents)", "refs/tags/flights@v2.0.0").replace("v2.0.0", "v3.0.0")
    tag_by_hand(story, message)
    fresh = story.clone("fresh").root
    version = run("list", "--json", at=fresh).json["artifacts"][0]["versions"][-1]
    assert (version["version"], version["external"], version["adopted"]) == ("v3.0.0", False, False)
    asked = run("list", "--fetch", "--json", at=fresh).json
    assert ("unjournaled", "flights@v3.0.0") in [(one["kind"], one["subject"]) for one in asked["warnings"]]
    version = asked["artifacts"][0]["versions"][-1]
    assert (version["version"], version["external"], version["adopted"]) == ("v3.0.0", False, False)
