import time
from dataclasses import replace

import pytest

from lastgood.core.dates import format_time, parse_time
from lastgood.core.journal import Entry, Journal
from lastgood.core.messages import Message
from lastgood.core.offline import (
    Act,
    Outcome,
    foresee,
    format_superseded,
    is_published,
    judge,
)
from lastgood.core.registry import History
from lastgood.core.timeline import timeline
from tests.core import histories
from tests.core.histories import NOW, commit_of

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
    assert judge(histories.history_of(*BASE, *since), ACT) is outcome


def test_a_target_of_the_same_name_that_is_another_commit_is_not_taken() -> None:
    assert judge(histories.history_of(*BASE), replace(ACT, target_commit="f" * 40)) is Outcome.SUPERSEDED
    assert judge(histories.history_of(*BASE), replace(ACT, leaving_commit="f" * 40)) is Outcome.SUPERSEDED


def test_the_history_with_an_act_is_as_if_it_were_recorded() -> None:
    seen = foresee(histories.history_of(*BASE), [ACT])
    assert seen.assigned_version("prod").text == "v1.0.0"
    assert seen.by_name["v2.0.0"].judgement == "failed"
    assert seen.assigned["prod"].message.trailers["From"] == "v2.0.0"
    assert is_published(seen, ACT)
    assert foresee(seen, [ACT]) == seen
    moved = histories.history_of(*BASE, "v3.0.0", "v3.0.0 prod")
    assert foresee(moved, [ACT]) == moved
    there, event = seen.by_name["v1.0.0"], seen.assigned["prod"]
    assert (event.artifact, event.commit, event.tree) == ("flights", there.commit, there.event.tree)
    assert (event.when, event.actor, event.reason) == (NOW, ACT.actor, ACT.reason)
    assert (event.tag, event.oid, event.message.subject) == ("", "", str(ACT))
    assert event.message.trailers == {
        "Artifact": "flights",
        "Stage": "prod",
        "Actor": ACT.actor,
        "Trigger": "manual",
        "Run": "https://ci.example.org/1",
        "Occurred": "2023-11-14T22:13:20Z",
        "Offline": ACT.id,
        "From": "v2.0.0",
        "To": "v1.0.0",
    }
    unmarked = foresee(histories.history_of(*BASE), [replace(ACT, mark=False, run=None)])
    assert unmarked.by_name["v2.0.0"].judgement == "candidate"
    assert unmarked.assigned["prod"].message.trailers["Run"] == ""


def test_what_was_recorded_stays_recorded_whatever_comes_after() -> None:
    seen = foresee(histories.history_of(*BASE), [ACT])
    later = seen.assigned["prod"]._replace(version="v2.0.0", message=Message("back again"))
    assert judge(replace(seen, events=(*seen.events, later)), ACT) is Outcome.RECORDED


@pytest.mark.parametrize(("then", "outcome"), [("v1.0.0", Outcome.FULFILLED), (None, Outcome.SUPERSEDED)])
def test_what_was_superseded_stays_so_though_the_stage_is_back_where_it_was(then: str | None, outcome: Outcome) -> None:
    other = format_superseded(replace(ACT, id="f" * 16), "v1.0.0" if then is None else None)
    entries = [Entry.parse("c", text, "flights") for text in (other, format_superseded(ACT, then))]
    history = histories.history_of(*BASE)
    history = replace(history, journal=Journal("flights", "c", (*history.journal.entries, *entries)))
    assert judge(history, ACT) is outcome
    assert entries[0].superseded is not None
    assert entries[0].superseded["Superseded"] == ("v1.0.0" if then is None else "nothing")


def with_superseded(history: History, place: int) -> History:
    entry = Entry.parse("c", f"{format_superseded(ACT, 'v3.0.0')}Writer: 00\n", "flights")
    entries = history.journal.entries
    return replace(history, journal=Journal("flights", "c", (*entries[:place], entry, *entries[place:])))


def test_superseded_history_is_read_as_it_was_written_and_is_no_event() -> None:
    history = with_superseded(histories.history_of(*BASE, "v3.0.0", "v3.0.0 prod"), 6)
    entry = history.journal.entries[-1]
    assert (entry.tags, entry.adoption) == ((), False)
    assert is_published(history, ACT)
    assert judge(history, ACT) is Outcome.SUPERSEDED
    assert len(history.events) == 6
    event = timeline(history)[-1]
    assert (str(event.kind), event.version, event.stage, event.when) == ("superseded", "v1.0.0", "prod", NOW)
    assert (event.actor, event.reason) == (ACT.actor, " ".join(ACT.reason.split()))
    assert (event.artifact, event.tree, event.tag, event.oid) == ("flights", "", "", "")
    assert (event.message.subject, event.message.trailers["From"]) == ("superseded", "v2.0.0")
    assert event.message.trailers["Superseded"] == "v3.0.0"
    assert event.commit == commit_of("v1.0.0")


@pytest.mark.parametrize("place", [0, 3, 6])
def test_it_is_told_in_its_place(place: int) -> None:
    history = with_superseded(histories.history_of(*BASE, "v3.0.0", "v3.0.0 prod"), place)
    assert [str(event.kind) for event in timeline(history)].index("superseded") == place


def test_tags_that_no_entry_holds_do_not_move_it() -> None:
    history = with_superseded(histories.history_of(*BASE), 0)
    foreign = history.events[-1]._replace(oid="9" * 40)
    history = replace(history, events=(foreign, *history.events, foreign))
    assert [str(event.kind) for event in timeline(history)].index("superseded") == 1


def test_superseded_history_that_says_little_is_told_as_far_as_it_goes() -> None:
    said = "x\n\nArtifact: flights\nActor: Eve\nSuperseded: v3.0.0\n"
    history = histories.history_of(*BASE)
    entry = Entry.parse("c", said, "flights")
    history = replace(history, journal=Journal("flights", "c", (*history.journal.entries, entry)))
    event = timeline(history)[-1]
    assert (event.version, event.stage, event.commit, event.reason, event.when) == ("", None, "", "", 0)


def test_a_reason_that_speaks_of_superseding_is_no_superseded_history() -> None:
    said = f"x\n\nSuperseded: v3.0.0\n\nArtifact: flights\nActor: Eve\nOffline: {ACT.id}\n"
    assert Entry.parse("c", said, "flights") == Entry("c", ())


def test_an_entry_about_another_artifact_says_nothing() -> None:
    assert Entry.parse("c", format_superseded(ACT, None), "delays") == Entry("c", ())


def test_an_act_is_read_as_it_was_written() -> None:
    for act in (ACT, replace(ACT, run=None, seen="a" * 40, occurred=0), replace(ACT, occurred=253402300799)):
        assert Act.parse(act.document()) == act


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"id": "x", "target": "latest"}, "it names 'x', 'latest'"),
        ({"id": 1}, "its id is 1"),
        ({"leaving": None}, "its leaving is None"),
        ({"mark": 1}, "its mark is 1"),
        ({"occurred": True}, "its occurred is True"),
        ({"occurred": -1}, "it names no time"),
        ({"occurred": 253402300800}, "it names no time"),
        ({"stage": "../x"}, r"it names 'flights@\.\./x'"),
        ({"artifact": ""}, "it names '@prod'"),
        ({"target_commit": "HEAD"}, "it names 'HEAD'"),
        ({"run": 5}, "its run is 5"),
        ({"reason": ["x"]}, r"its reason is \['x'\]"),
    ],
)
def test_an_act_that_was_tampered_with_is_refused(changed: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}$"):
        Act.parse({**ACT.document(), **changed})
    with pytest.raises(ValueError, match=r"^it lacks what an act says of itself$"):
        Act.parse([ACT.document()])


def test_times_are_said_in_utc_wherever_the_machine_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Kolkata")
        time.tzset()
        assert (format_time(NOW), parse_time(format_time(NOW))) == ("2023-11-14T22:13:20Z", NOW)
        assert "at 2023-11-14 22:13:20Z while" in str(ACT)
    time.tzset()


def test_a_time_that_is_none_counts_as_the_oldest() -> None:
    assert parse_time("yesterday") == 0
