"""Whose clock is wrong, and what dates that are far ahead do to the order and to what is told."""

from dataclasses import replace

import pytest

from lastgood.core.dates import DAY, LAST_YEAR_ENDS, LATEST, foretell, is_slow
from lastgood.core.events import TagObject
from lastgood.core.registry import History
from lastgood.core.transaction import Author, Draft
from tests.core.histories import NOW, commit_of, journal, own, read, tag

YEAR = 365 * DAY
VERSIONS = [tag(f"flights@{one}", commit=commit_of(one), when=NOW - YEAR) for one in ("v1.0.0", "v2.0.0")]


def put(counter: int, version: str, when: int, stage: str = "prod") -> TagObject:
    return tag(f"flights#{stage}#{counter}", commit=commit_of(version), when=when, message=own(version))


def history(ours: list[TagObject], theirs: tuple[TagObject, ...] = ()) -> History:
    return read([*VERSIONS, *ours, *theirs], journal(*VERSIONS, *ours)).history("flights")


@pytest.mark.parametrize("name", ["flights#prod#2", "flights@v3.0.0"])
def test_a_date_ahead_is_told_once_and_by_its_name(name: str) -> None:
    tags = [tag("flights@v1.0.0"), tag("flights@v2.0.0", commit="c2"), tag("flights#prod#1", commit="c2")]
    registry = read([*tags, tag(name, when=NOW + DAY + 1)])
    assert [(finding.kind, finding.subject) for finding in registry.findings] == [("future", name)]
    assert registry.history("flights").findings == ()
    assert read([*tags, tag(name, when=NOW + DAY)]).findings == ()


def test_of_a_stage_the_first_date_ahead_is_told_with_the_way_out() -> None:
    ours = [put(1, "v1.0.0", NOW), put(2, "v2.0.0", NOW + YEAR), put(3, "v1.0.0", NOW + YEAR + 1)]
    found = read([*VERSIONS, *ours], journal(*VERSIONS, *ours)).findings
    assert [one.subject for one in found] == ["flights#prod#2"]
    assert "lastgood discount 'flights#prod#2' --reason TEXT takes it out of count" in found[0].message


def test_a_tag_that_may_be_right_is_told_with_the_doubt_about_our_own_clock() -> None:
    last = read([*VERSIONS, put(1, "v1.0.0", NOW), put(2, "v2.0.0", NOW + 2 * DAY)])
    assert "(or this machine's clock, 2023-11-14 22:13Z, is slow)" in last.findings[0].message
    ours = [put(1, "v2.0.0", NOW + 2 * DAY), put(2, "v1.0.0", NOW, "canary")]
    followed = read([*VERSIONS, *ours], journal(*VERSIONS, *ours))
    assert "is slow" not in followed.findings[0].message


@pytest.mark.parametrize(
    ("ahead", "right", "slow"), [(1, 0, False), (1, 4, False), (2, 3, False), (3, 2, True), (5, 0, True), (2, 1, True)]
)
def test_our_own_clock_is_doubted_when_most_of_the_newest_events_are_ahead(ahead: int, right: int, slow: bool) -> None:
    events = [put(n, "v1.0.0", NOW - n) for n in range(1, right + 1)]
    events += [put(10 + n, "v1.0.0", NOW + 2 * DAY + n) for n in range(ahead)]
    found = read([*VERSIONS, *events], journal(*VERSIONS, *events))
    newest = [event for event in found.history("flights").events if event.stage]
    assert is_slow(newest[-5:], NOW) is slow
    if slow and ahead + right == 5:
        assert [one.kind for one in found.findings] == ["clock"]
        assert "discount" not in found.findings[0].message
        assert f"{ahead} of the newest 5 events are dated more than a day later" in found.findings[0].message


def test_what_had_to_be_dated_after_a_wrong_date_does_not_make_our_clock_doubtful() -> None:
    ours = [put(1, "v1.0.0", NOW), put(2, "v2.0.0", NOW + YEAR)]
    for version in ("v1.0.0", "v2.0.0") * 3:
        told = history(ours)
        draft = Draft(told, Author("Ada <ada@example.org>", NOW))
        draft.assign(told.version(version), "prod")
        new = draft.tags[0]
        ours.append(tag(new.name, commit=new.commit, when=new.when, message=new.message))
    assert history(ours).events[-1].when == NOW + YEAR + 6
    found = read([*VERSIONS, *ours], journal(*VERSIONS, *ours)).findings
    assert [(one.kind, one.subject) for one in found] == [("future", "flights#prod#2")]


def order(told: History) -> list[str]:
    return [event.tag for event in told.events if event.stage]


def test_a_date_ahead_of_one_stage_moves_no_foreign_event_of_another() -> None:
    ours = [put(1, "v1.0.0", NOW - 50, "canary"), put(2, "v2.0.0", NOW + YEAR, "canary"), put(3, "v1.0.0", NOW - 30)]
    theirs = tag("flights#prod#4", commit=commit_of("v2.0.0"), when=NOW - 20)
    told = history(ours, (theirs,))
    assert told.assigned_version("prod").text == "v2.0.0"
    assert order(told)[-1] == "flights#prod#4"


def test_in_its_own_stage_a_date_ahead_stands_as_it_does_for_gto() -> None:
    ours = [put(1, "v1.0.0", NOW - 50), put(2, "v2.0.0", NOW + YEAR), put(3, "v1.0.0", NOW - 30, "canary")]
    told = history(ours, (tag("flights#prod#4", commit=commit_of("v1.0.0"), when=NOW - 20),))
    assert told.assigned_version("prod").text == "v2.0.0"


def test_what_follows_in_the_journal_says_when_a_date_ahead_was_at_the_latest() -> None:
    ours = [put(1, "v1.0.0", NOW - 50), put(2, "v2.0.0", LATEST + 5), put(3, "v1.0.0", NOW - 30)]
    told = history(ours, (tag("flights#prod#4", commit=commit_of("v2.0.0"), when=NOW - 20),))
    assert order(told) == ["flights#prod#1", "flights#prod#2", "flights#prod#3", "flights#prod#4"]
    before = history(ours, (tag("flights#prod#4", commit=commit_of("v2.0.0"), when=NOW - 40),))
    assert before.assigned_version("prod").text == "v1.0.0"


@pytest.mark.parametrize("when", [LATEST + 1, LAST_YEAR_ENDS, 10**18])
def test_a_foreign_assignment_that_nothing_could_follow_counts_for_nothing(when: int) -> None:
    theirs = tag("flights#prod#4", commit=commit_of("v2.0.0"), when=when)
    told = history([put(1, "v1.0.0", NOW)], (theirs,))
    assert told.assigned_version("prod").text == "v1.0.0"
    assert told.counter == 4
    assert [(one.kind, one.subject) for one in told.findings] == [("future", "flights#prod#4")]


def test_a_date_outside_the_calendar_stops_nothing() -> None:
    registry = read([tag("flights@v1.0.0", when=10**18), tag("flights#prod#1", when=-5)])
    assert registry.history("flights").events[0].at.year == 1970
    assert "9999-12-31" in str(registry.findings[0])


@pytest.mark.parametrize(
    ("when", "words"),
    [
        (NOW + DAY, None),
        (NOW + YEAR, "is dated a second after flights#prod#2, 2024-11-13, so that gto and dvc agree"),
        (LATEST, "gto and dvc will go on answering v2.0.0 for prod: flights#prod#2 is dated 9999-12-29"),
        (LAST_YEAR_ENDS + 1, "gto fails on the date of flights#prod#2"),
    ],
)
def test_what_the_neighbours_will_answer_is_foretold(when: int, words: str | None) -> None:
    told = history([put(1, "v1.0.0", NOW), put(2, "v2.0.0", when)])
    found = [one.message for one in foretell(told.events, ("prod", "stable"), NOW)]
    assert found == [] if words is None else words in found[0]
    assert not list(foretell(told.events, ("canary",), NOW))


def test_the_true_time_of_an_offline_rollback_is_not_replaced() -> None:
    told = history([put(1, "v2.0.0", NOW + YEAR)])
    author = replace(Author("Ada <ada@example.org>", NOW), trailers={"Occurred": "2023-11-14T00:00:00Z"})
    draft = Draft(told, author)
    draft.assign(told.version("v1.0.0"), "prod")
    assert "Occurred: 2023-11-14T00:00:00Z" in draft.tags[0].message
