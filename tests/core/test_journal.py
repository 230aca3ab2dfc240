from lastgood.core.journal import Entry, Journal, Recorded, find_lost, format_entry
from tests.core.histories import tag

ONE, TWO = Recorded("1" * 40, "flights@v1.0.0"), Recorded("2" * 40, "flights#prod#1")


def test_an_entry_is_read_as_it_was_written() -> None:
    for adoption in (False, True):
        text = format_entry("Register flights v1.0.0", (ONE, TWO), adoption=adoption)
        assert Entry.parse("c", text, "flights") == Entry("c", (ONE, TWO), adoption)


def test_a_subject_cannot_smuggle_tags_in() -> None:
    text = format_entry(f"x\nTag: {'3' * 40} flights#prod#9\n\nAdoption: yes\n", (ONE,))
    assert Entry.parse("c", text, "flights") == Entry("c", (ONE,))


def test_an_entry_speaks_for_its_own_artifact_and_of_objects_only() -> None:
    nested = Recorded("6" * 40, "teams/air=flights@v1.0.0")
    strange = (Recorded("7" * 40, "flights@v1.0.0"), Recorded("HEAD", nested.name))
    text = format_entry("x", (strange[0], nested, strange[1]))
    assert Entry.parse("c", text, "teams/air:flights") == Entry("c", (nested,))


def test_an_entry_with_tags_is_no_superseded_history_whatever_else_it_says() -> None:
    text = format_entry("x\nSuperseded: v1.0.0", (ONE,)) + "\nSuperseded: v1.0.0\n"
    assert Entry.parse("c", text, "flights") == Entry("c", (ONE,))


def test_the_later_record_of_a_name_counts_and_stands_at_its_own_place() -> None:
    again = Recorded("3" * 40, ONE.name)
    entries = (Entry("a", (ONE,)), Entry("b", (TWO,)), Entry("c", (again,)))
    assert [recorded for _, recorded in Journal("flights", "c", entries).recorded] == [TWO, again]


def test_moved_and_deleted_tags_are_found() -> None:
    journal = Journal("flights", "b", (Entry("a", (ONE,)), Entry("b", (TWO,))))
    there = tag(ONE.name, oid=ONE.oid)
    assert find_lost(journal, {ONE.name: there, TWO.name: tag(TWO.name, oid=TWO.oid)}, {}) == ()
    moved, deleted = find_lost(journal, {ONE.name: tag(ONE.name, oid="4" * 40)}, {})
    assert (moved.recorded, moved.found, deleted.recorded, deleted.found) == (ONE, "4" * 40, TWO, None)
    assert (moved.entry, deleted.entry) == journal.entries
    assert find_lost(journal, {ONE.name: there}, {TWO.name: "5" * 40})[0].found == "5" * 40


def test_the_entry_of_a_tag_is_found_by_its_object_which_may_have_two_names() -> None:
    again = Recorded(ONE.oid, "flights@v9.0.0")
    journal = Journal("flights", "b", (Entry("a", (ONE, TWO)), Entry("b", (again,))))
    assert {oid: entry.commit for oid, entry in journal.entry_of.items()} == {ONE.oid: "a", TWO.oid: "a"}
    assert "3" * 40 not in journal.entry_of


def test_a_record_of_what_was_recorded_before_changes_nothing() -> None:
    again = Recorded("3" * 40, ONE.name)
    entries = (Entry("a", (ONE,)), Entry("b", (TWO,)), Entry("c", (again,)), Entry("d", (ONE, TWO)))
    assert [recorded for _, recorded in Journal("flights", "d", entries[:2] + entries[3:]).recorded] == [ONE, TWO]
    assert [recorded for _, recorded in Journal("flights", "d", entries).recorded] == [TWO, again]
