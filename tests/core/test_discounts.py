"""Journal entries that take tags out of count: what they may name, and what they mean to whoever reads the journal."""

from dataclasses import replace

import pytest

from lastgood.core.journal import Discount, Entry, Journal, Recorded, format_entry
from lastgood.core.offline import Act, format_superseded
from lastgood.core.timeline import timeline
from tests.core.histories import NOW, commit_of, journal, read, script

OID = "a" * 40
OUT = Discount(OID, "flights#prod#3", "v2.0.0")
SAID = {"Actor": "Ada", "Occurred": "2023-11-14T22:13:20Z", "Reason": "late\nTag: x\nDiscounted: y"}


def test_an_entry_is_read_as_it_was_written() -> None:
    message = format_entry("Discount", [Recorded("b" * 40, "flights#prod#4")], discounts=[OUT], said=SAID)
    entry = Entry.parse("c", message, "flights")
    assert (entry.discounts, entry.tags) == ((OUT,), (Recorded("b" * 40, "flights#prod#4"),))
    assert (entry.said["Actor"], entry.said["Reason"]) == ("Ada", "late Tag: x Discounted: y")


@pytest.mark.parametrize(
    "line",
    [
        f"{OID} flights@v1.0.0 v1.0.0",
        f"{OID} delays#prod#3 v1.0.0",
        f"{OID} flights#prod#3",
        "nonsense flights#prod#3 v1.0.0",
        f"{OID} flights#prod#3 v1.0.0 more",
        "",
    ],
)
def test_versions_other_artifacts_and_nonsense_are_never_taken_out_of_count(line: str) -> None:
    assert Entry.parse("c", f"Discount\n\nDiscounted: {line}\n", "flights").discounts == ()


def test_the_reason_of_a_superseded_act_takes_nothing_out_of_count() -> None:
    reason = f"late\n\nDiscounted: {OID} flights#prod#3 v2.0.0"
    act = Act(
        "0" * 16, "flights", "prod", "v2.0.0", OID, "v1.0.0", OID, mark=True, reason=reason, actor="A", occurred=1
    )
    entry = Entry.parse("c", format_superseded(act, "v3.0.0"), "flights")
    assert entry.discounts == ()
    assert entry.superseded is not None


def test_a_tag_out_of_count_is_no_event_keeps_its_counter_and_is_told_in_its_place() -> None:
    objects = script("v1.0.0", "v2.0.0", "v1.0.0 prod", "v2.0.0 prod", "v1.0.0 canary")
    wrong = objects[3]
    whole = journal(*objects[:4])
    out = Entry("out", (), discounts=(Discount(wrong.oid, wrong.name, "v2.0.0"),), said=SAID)
    entries = (*whole.entries, out, *journal(objects[4]).entries)
    history = read([one for one in objects if one is not wrong], Journal("flights", "tip", entries)).history("flights")
    assert history.assigned_version("prod").commit == commit_of("v1.0.0")
    assert history.counter == 5
    assert wrong.name not in {tag.name for _, tag in history.journal.recorded}
    told = timeline(history)
    assert [event.kind for event in told[-2:]] == ["discounted", "assigned"]
    assert (told[-2].when, told[-2].reason, told[-2].tag) == (NOW, "late\nTag: x\nDiscounted: y", wrong.name)
    alone = replace(history.journal, entries=history.journal.entries[:-1])
    assert read([*objects[:3]], alone).history("flights").counter == 4


def test_only_those_that_count_are_honoured() -> None:
    objects = script("v1.0.0", "v1.0.0 prod", "v1.0.0 canary")
    out = Entry("out", (), discounts=tuple(Discount(one.oid, one.name, "v1.0.0") for one in objects[1:]))
    whole = Journal("flights", "out", (*journal(*objects).entries, out))
    assert {one.name for one in whole.honouring(lambda name: "prod" in name).discounted.values()} == {objects[1].name}
    plain = journal(*objects)
    assert plain.honouring(lambda _name: False) is plain
