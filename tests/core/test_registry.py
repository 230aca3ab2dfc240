import time

import pytest

from lastgood.core.events import Kind, Mark
from lastgood.core.journal import Entry, Journal, Recorded
from lastgood.core.order import order_findings
from lastgood.errors import UnknownError
from tests.core.histories import NOW, commit_of, external_history, history_of, journal, own, read, script, tag


def test_marks_and_stages_follow_the_last_event() -> None:
    history = history_of(
        "v1.0.0", "v1.0.0 stable", "v1.1.0", "v1.1.0 prod", "v1.1.0 stable", "v1.1.0 failed", "v1.0.0 prod"
    )
    assert [(version.text, version.judgement) for version in history.versions] == [
        ("v1.0.0", "stable"),
        ("v1.1.0", "failed"),
    ]
    assert history.assigned_version("prod").text == "v1.0.0"
    assert history.version("v1.0.0").stages == ("prod",)
    assert history.version("v1.1.0").stages == ()
    assert history.version("v1.1.0").served == {"prod"}
    assert history.last_stable is history.version("v1.0.0")
    assert history.counter == 7


def test_versions_are_in_semantic_order_whatever_was_registered_first() -> None:
    history = history_of("v1.10.0", "v1.9.0", "v2.0.0-rc.1", "v1.9.1")
    assert [version.text for version in history.versions] == ["v1.9.0", "v1.9.1", "v1.10.0", "v2.0.0-rc.1"]


def test_the_journal_is_the_order_whatever_the_clocks_said() -> None:
    first, second, third = script("v1.0.0", "v2.0.0", "v2.0.0 prod")
    late = tag("flights#prod#4", commit=commit_of("v1.0.0"), when=NOW - 600, message=own("v1.0.0"))
    history = read([first, second, third, late], journal(first, second, third, late)).history("flights")
    assert [event.tag for event in history.events][-1] == "flights#prod#4"
    assert history.assigned_version("prod").text == "v1.0.0"
    assert [(finding.kind, finding.subject) for finding in history.findings] == [("order", "flights#prod#4")]
    told = "by time flights#prod#3 is the newest of prod, by the journal flights#prod#4: gto and dvc answer otherwise"
    assert history.findings[0].message == told


def test_order_and_time_may_disagree_about_the_same_version() -> None:
    first, second = script("v1.0.0", "v1.0.0 prod")
    late = tag("flights#prod#3", commit=commit_of("v1.0.0"), when=NOW - 600, message=own("v1.0.0"))
    assert read([first, second, late], journal(first, second, late)).history("flights").findings == ()


@pytest.mark.parametrize(
    ("assigned", "found"),
    [
        ([(2, 20), (1, 10)], ["flights#prod#2"]),
        ([(2, 4_000_000_000), (1, 10)], ["flights#prod#2"]),
        ([(2, 10), (1, 10)], []),
        ([(1, 10), (2, 21)], []),
        ([(2, 21)], []),
    ],
)
def test_all_dates_are_compared_and_the_later_of_one_second_counts(
    assigned: list[tuple[int, int]], found: list[str]
) -> None:
    tags = [tag(f"flights@v{number}.0.0", commit=f"c{number}", when=0) for number in (1, 2)]
    tags += [tag(f"flights#prod#{n}", commit=f"c{number}", when=when) for n, (number, when) in enumerate(assigned, 1)]
    events = read(tags, journal(*tags)).history("flights").events
    assert [finding.subject for finding in order_findings(events)] == found


@pytest.mark.parametrize(("seconds", "place"), [(-200, 0), (-90, 1), (-60, 2), (0, 3), (30, 3)])
def test_an_external_event_stands_before_the_first_journaled_one_that_is_later(seconds: int, place: int) -> None:
    objects = script("v1.0.0", "v2.0.0", "v2.0.0 prod")
    foreign = tag("flights#prod#9", commit=commit_of("v1.0.0"), when=NOW + seconds)
    history = read([foreign, *objects], journal(*objects)).history("flights")
    assert [event.tag for event in history.events].index("flights#prod#9") == place
    assert history.external == {"flights#prod#9"} == history.unjournaled
    assert history.adopted == frozenset()


def test_external_events_of_one_second_are_ordered_by_counter() -> None:
    tags = [tag("flights@v1.0.0"), tag("flights#prod#10"), tag("flights#prod#9"), tag("flights#prod")]
    assert [event.counter for event in read(tags).history("flights").events] == [None, None, 9, 10]


def test_an_adoption_entry_remembers_tags_but_leaves_them_in_their_time() -> None:
    mine = script("v1.0.0", "v1.0.0 prod")
    foreign = tag("flights#prod#9", commit=commit_of("v1.0.0"), when=NOW - 30)
    entries = (*journal(*mine).entries, Entry("adopt", (Recorded(foreign.oid, foreign.name),), adoption=True))
    history = read([*mine, foreign], Journal("flights", "adopt", entries)).history("flights")
    assert [event.tag for event in history.events] == ["flights@v1.0.0", "flights#prod#9", "flights#prod#2"]
    assert history.adopted == {"flights#prod#9"}
    assert history.external == history.unjournaled == frozenset()


def test_without_the_journal_a_tag_is_external_by_its_message_and_none_is_adopted() -> None:
    mine, theirs = tag("flights@v1.0.0", message=own("v1.0.0")), tag("flights@v2.0.0", commit="c2")
    history = read([mine, theirs]).history("flights")
    facts = [(version.text, version.external, version.adopted) for version in history.versions]
    assert facts == [("v1.0.0", False, False), ("v2.0.0", True, False)]
    assert history.unjournaled == {"flights@v1.0.0", "flights@v2.0.0"}


def test_an_undone_assignment_makes_way_for_the_one_before_as_in_gto() -> None:
    history = external_history("v1.0.0", "v1.0.0 prod", "v2.0.0", "v2.0.0 prod", "v2.0.0 prod!")
    assert history.assigned_version("prod").text == "v1.0.0"
    assert history.version("v2.0.0").served == {"prod"}


def test_a_deregistered_version_is_kept_but_runs_nowhere_and_is_not_the_last_good() -> None:
    history = external_history("v1.0.0", "v1.0.0 stable", "v2.0.0", "v2.0.0 stable", "v2.0.0 prod", "v2.0.0!")
    assert history.version("v2.0.0").deregistered
    assert history.last_stable is history.version("v1.0.0")
    with pytest.raises(UnknownError, match="nothing is assigned to stage prod"):
        history.assigned_version("prod")


def test_an_undone_mark_leaves_a_candidate() -> None:
    assert external_history("v1.0.0", "v1.0.0 stable", "v1.0.0 stable!").versions[0].mark is None
    assert (
        external_history("v1.0.0", "v1.0.0 stable", "v1.0.0 failed", "v1.0.0 stable!").versions[0].mark is Mark.FAILED
    )


def test_deprecation_counts_until_the_next_event() -> None:
    deprecated = tag("flights@deprecated", commit="elsewhere", when=NOW + 1)
    history = read([tag("flights@v1.0.0"), deprecated]).history("flights")
    assert history.deprecated
    assert history.findings == ()
    assert (
        not read([tag("flights@v1.0.0"), deprecated, tag("flights#prod#1", when=NOW + 2)]).history("flights").deprecated
    )


def test_of_two_versions_on_one_commit_a_plain_tag_means_the_greater_and_ours_says_which() -> None:
    tags = [tag("flights@v1.9.0"), tag("flights@v1.10.0"), tag("flights#prod#1", when=NOW + 1)]
    assert read(tags).history("flights").assigned_version("prod").text == "v1.10.0"
    named = tag("flights#prod#2", when=NOW + 2, message=own("v1.9.0"))
    assert read([*tags, named], journal(named)).history("flights").assigned_version("prod").text == "v1.9.0"


def test_a_name_without_a_version_tag_is_no_artifact() -> None:
    assert read([tag("release#42"), tag("v1.0.0"), tag("other@deprecated"), tag("x@v1.0.0!")]).artifacts == {}


@pytest.mark.parametrize("message", ["by hand", own("v9.9.9"), own("nonsense")])
def test_a_stray_tag_is_told_and_counts_for_nothing(message: str) -> None:
    history = read([tag("flights@v1.0.0"), tag("flights#prod#1", commit="elsewhere", message=message)]).history(
        "flights"
    )
    assert [finding.kind for finding in history.findings] == ["stray"]
    assert dict(history.assigned) == {}


def test_a_tag_of_ours_without_a_journal_entry_is_told() -> None:
    objects = script("v1.0.0", "v1.0.0 prod")
    history = read(objects, journal(objects[0])).history("flights")
    assert [(finding.kind, finding.subject) for finding in history.findings] == [("unjournaled", "flights#prod#2")]
    assert history.unjournaled == {"flights#prod#2"}


def test_a_recorded_object_under_another_name_is_not_the_recorded_event() -> None:
    objects = script("v1.0.0", "v1.0.0 staging", "v2.0.0")
    alias = tag(
        "flights#prod#9", commit=objects[1].commit, when=objects[1].when, message=objects[1].message, oid=objects[1].oid
    )
    twin = tag("flights@v3.0.0", commit=objects[0].commit, message=objects[0].message, oid=objects[0].oid)
    history = read([*objects, alias, twin], journal(*objects)).history("flights")
    assert history.unjournaled == {"flights#prod#9", "flights@v3.0.0"}
    assert {finding.kind for finding in history.findings} == {"unjournaled", "disagrees"}
    assert [version.text for version in history.versions] == ["v1.0.0", "v2.0.0", "v3.0.0"]


def test_unknown_names_are_answered_with_the_known_ones() -> None:
    registry = read([tag("flights@v1.0.0"), tag("trains@v1.0.0")])
    with pytest.raises(UnknownError, match="artifacts: flights, trains"):
        registry.history("ships")
    with pytest.raises(UnknownError, match="flights, trains"):
        registry.only()
    with pytest.raises(UnknownError, match=r"no version v2\.0\.0; the latest are v1\.0\.0") as caught:
        registry.history("flights").version("v2.0.0")
    assert caught.value.hint == "lastgood list flights"
    with pytest.raises(UnknownError, match="none yet") as caught:
        read([]).only()
    assert caught.value.hint == "lastgood register"


def test_actor_reason_and_trigger_come_from_our_message_or_from_the_tagger() -> None:
    mine = tag("flights@v1.0.0", message=own("v1.0.0", reason="it is"))
    theirs = tag("flights#prod#1", message="why\n\nso", when=NOW + 1)
    one, two = read([mine, theirs]).history("flights").events
    assert (one.kind, one.actor, one.reason, one.trigger) == (Kind.REGISTERED, "Bob <bob@example.org>", "it is", "ci")
    assert (two.kind, two.actor, two.reason, two.trigger) == (Kind.ASSIGNED, "Ada <ada@example.org>", "so", None)


def processor_seconds(versions: int) -> float:
    """What reading so many versions with four events each takes, of this process alone."""
    lines = [f"v1.{number}.0{kind}" for number in range(versions) for kind in ("", " staging", " prod", " stable")]
    objects = script(*lines)
    recorded = journal(*objects)
    began = time.process_time()
    history = read(objects, recorded).history("flights")
    assert history.assigned_version("prod").text == f"v1.{versions - 1}.0"
    assert len(history.versions) == versions
    return time.process_time() - began


def test_reading_does_not_grow_faster_than_the_number_of_versions() -> None:
    few = max(processor_seconds(500) for _ in range(3))
    assert processor_seconds(10_000) < 20 * 5 * few  # linear is 20 times as long, quadratic 400 times
