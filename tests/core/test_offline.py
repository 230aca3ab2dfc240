from dataclasses import replace

import pytest

from lastgood.core.journal import Entry, Journal
from lastgood.core.offline import Act, Outcome, foresee, format_superseded, is_published, judge, parse_time, tell
from lastgood.core.registry import History
from tests.core import story
from tests.core.story import NOW, commit_of

ACT = Act(
    id="0123456789abcdef",
    artifact="flights",
    stage="prod",
    leaving="v2.0.0",
    leaving_commit=commit_of("v2.0.0"),
    target="v1.0.0",
    target_commit=commit_of("v1.0.0"),
    mark=True,
    reason=f"late\n\nTag: {'3' * 40} flights#prod#9\nAdoption: yes\nSuperseded: v9.0.0",
    actor="Ada <ada@example.org>",
    occurred=NOW,
    run="https://ci.example.org/1",
)
BASE = ("v1.0.0", "v1.0.0 stable", "v2.0.0", "v2.0.0 prod")


@pytest.mark.parametrize(
    ("since", "outcome"),
    [
        ((), Outcome.RECORDED),
        (("v2.0.0 failed",), Outcome.RECORDED),
        (("v3.0.0", "v3.0.0 prod"), Outcome.SUPERSEDED),
        (("v3.0.0", "v3.0.0 prod", "v2.0.0 prod"), Outcome.RECORDED),
        (("v1.0.0 prod",), Outcome.FULFILLED),
        (("v1.0.0 failed",), Outcome.SUPERSEDED),
        (("v1.0.0!",), Outcome.SUPERSEDED),
        (("v2.0.0!",), Outcome.SUPERSEDED),
    ],
)
def test_what_becomes_of_an_act_depends_on_what_happened_since(since: tuple[str, ...], outcome: Outcome) -> None:
    assert judge(story.tell(*BASE, *since), ACT) is outcome


def test_a_target_of_the_same_name_that_is_another_commit_is_not_taken() -> None:
    assert judge(story.tell(*BASE), replace(ACT, target_commit="f" * 40)) is Outcome.SUPERSEDED
    assert judge(story.tell(*BASE), replace(ACT, leaving_commit="f" * 40)) is Outcome.SUPERSEDED


def test_the_history_with_an_act_is_as_if_it_were_recorded() -> None:
    seen = foresee(story.tell(*BASE), [ACT])
    assert seen.assigned_version("prod").text == "v1.0.0"
    assert seen.by_name["v2.0.0"].judgement == "failed"
    assert seen.assigned["prod"].message.trailers["From"] == "v2.0.0"
    assert is_published(seen, ACT)
    assert foresee(seen, [ACT]) == seen
    moved = story.tell(*BASE, "v3.0.0", "v3.0.0 prod")
    assert foresee(moved, [ACT]) == moved


def with_superseded(history: History, place: int) -> History:
    entry = Entry.parse("c", f"{format_superseded(ACT, 'v3.0.0')}Writer: 00\n", "flights")
    entries = history.journal.entries
    return replace(history, journal=Journal("flights", "c", (*entries[:place], entry, *entries[place:])))


def test_superseded_history_is_read_as_it_was_written_and_is_no_event() -> None:
    history = with_superseded(story.tell(*BASE, "v3.0.0", "v3.0.0 prod"), 6)
    entry = history.journal.entries[-1]
    assert (entry.tags, entry.adoption) == ((), False)
    assert is_published(history, ACT)
    assert judge(history, ACT) is Outcome.SUPERSEDED
    assert len(history.events) == 6
    event = tell(history)[-1]
    assert (str(event.kind), event.version, event.stage, event.when) == ("superseded", "v1.0.0", "prod", NOW)
    assert (event.actor, event.reason) == (ACT.actor, " ".join(ACT.reason.split()))
    assert event.message.trailers["Superseded"] == "v3.0.0"
    assert event.commit == commit_of("v1.0.0")


@pytest.mark.parametrize("place", [0, 3, 6])
def test_it_is_told_in_its_place(place: int) -> None:
    history = with_superseded(story.tell(*BASE, "v3.0.0", "v3.0.0 prod"), place)
    assert [str(event.kind) for event in tell(history)].index("superseded") == place


def test_an_entry_about_another_artifact_says_nothing() -> None:
    assert Entry.parse("c", format_superseded(ACT, None), "delays") == Entry("c", ())


def test_an_act_is_read_as_it_was_written() -> None:
    assert Act.parse(ACT.document()) == ACT


@pytest.mark.parametrize(
    "changed",
    [
        {"id": "x"}, {"id": 1}, {"target": "latest"}, {"leaving": None}, {"mark": 1}, {"occurred": True},
        {"occurred": -1}, {"occurred": 10**12}, {"stage": "../x"}, {"artifact": ""}, {"target_commit": "HEAD"},
        {"run": 5}, {"reason": ["x"]},
    ],
)  # fmt: skip
def test_an_act_that_was_tampered_with_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="it"):
        Act.parse({**ACT.document(), **changed})
    with pytest.raises(ValueError, match="lacks"):
        Act.parse([ACT.document()])


def test_a_time_that_is_none_counts_as_the_oldest() -> None:
    assert parse_time("yesterday") == 0
