"""The breaker opens after too many automatic rollbacks and stays open until a cause is recorded; git's events tell."""

from collections.abc import Iterable

import pytest

from lastgood.core.breaker import (
    Cause,
    Rule,
    Stopped,
    find_resolution,
    format_resolution,
    require_failure,
    resolutions,
    unresolved,
)
from lastgood.core.dates import format_time
from lastgood.core.events import Kind, TagObject
from lastgood.core.journal import Entry, Journal, Recorded
from lastgood.core.messages import Message, format_message
from lastgood.core.offline import Act, foresee
from lastgood.core.registry import History
from lastgood.core.timeline import timeline
from lastgood.core.transaction import Author
from lastgood.errors import RefusedError
from tests.core import histories
from tests.core.histories import NOW, commit_of

HOUR = 3600
RULE = Rule(rollbacks=2, window=24 * HOUR)
VERSIONS = ("v1.0.0", "v2.0.0", "v3.0.0", "v4.0.0")
ADA = "Ada <ada@example.org>"


class Told:
    """A history that grows, hour by hour, as several machines write it."""

    def __init__(self) -> None:
        self.now = NOW - 1000 * HOUR
        self.tags: list[TagObject] = []
        self.entries: list[Entry] = []
        for version in VERSIONS:
            self._tag(f"flights@{version}", version, {})

    def _tag(self, name: str, version: str, trailers: dict[str, str]) -> None:
        said = {"Artifact": "flights", "Version": version, "Actor": ADA, "Trigger": "manual", **trailers}
        one = histories.tag(
            name, commit=commit_of(version), when=self.now, message=format_message(Message("x", "", None, said))
        )
        self.tags.append(one)
        self.entries.append(Entry(f"entry {one.name}", (Recorded(one.oid, one.name),)))

    def assign(self, version: str, stage: str = "prod", **trailers: str) -> "Told":
        self.now += HOUR
        self._tag(f"flights#{stage}#{len(self.tags)}", version, trailers)
        return self

    def roll_back(self, left: str, to: str, *, by: str = "guard", stage: str = "prod", after: int = 0) -> "Told":
        self.now += after
        return self.assign(to, stage, From=left, To=to, Trigger=by)

    def fail(self, version: str) -> "Told":
        return self.assign(version, "failed")

    def resolve(self, version: str, stage: str | None = None, cause: Cause = Cause.DATA) -> "Told":
        self.now += HOUR
        author = Author(ADA, self.now, "the feed was late\n\nResolved: v4.0.0\nCause: code")
        message = format_resolution("flights", version, stage, cause, author)
        self.entries.append(Entry.parse(f"note {self.now}", message, "flights"))
        return self

    @property
    def history(self) -> History:
        return histories.read(self.tags, Journal("flights", "tip", tuple(self.entries)), now=NOW).history("flights")

    def is_open(self, rule: Rule = RULE, stage: str = "prod") -> bool:
        return Stopped.find(self.history, stage, rule) is not None


def test_it_opens_at_the_last_of_so_many_automatic_rollbacks_within_the_window() -> None:
    told = Told().roll_back("v2.0.0", "v1.0.0")
    assert not told.is_open()
    assert told.roll_back("v3.0.0", "v1.0.0").is_open()
    assert not told.is_open(Rule(rollbacks=3))


def test_it_stays_open_however_long_nobody_records_a_cause() -> None:
    told = Told().roll_back("v2.0.0", "v1.0.0").roll_back("v3.0.0", "v1.0.0")
    told.now += 500 * HOUR
    assert told.assign("v4.0.0").is_open()


@pytest.mark.parametrize(("after", "is_open"), [(23 * HOUR, True), (23 * HOUR + 1, False)])
def test_rollbacks_further_apart_than_the_window_do_not_open_it(after: int, is_open: bool) -> None:
    assert Told().roll_back("v2.0.0", "v1.0.0").roll_back("v3.0.0", "v1.0.0", after=after).is_open() is is_open


def test_the_window_slides() -> None:
    told = Told().roll_back("v2.0.0", "v1.0.0").roll_back("v3.0.0", "v1.0.0", after=20 * HOUR)
    assert not told.is_open(Rule(3, 24 * HOUR))
    told.roll_back("v4.0.0", "v1.0.0", after=10 * HOUR)
    assert not told.is_open(Rule(3, 24 * HOUR))
    assert told.is_open(Rule(2, 12 * HOUR))


@pytest.mark.parametrize("by", ["manual", "ci"])
def test_rollbacks_by_others_do_not_count(by: str) -> None:
    assert not Told().roll_back("v2.0.0", "v1.0.0").roll_back("v3.0.0", "v1.0.0", by=by).is_open()


def test_each_stage_has_its_own() -> None:
    told = Told().roll_back("v2.0.0", "v1.0.0").roll_back("v3.0.0", "v1.0.0", stage="staging")
    assert not told.is_open()
    assert not told.is_open(stage="staging")


def test_a_step_up_by_the_guard_is_no_rollback() -> None:
    assert not Told().roll_back("v2.0.0", "v1.0.0").roll_back("v1.0.0", "v3.0.0").is_open()


@pytest.mark.parametrize(
    ("version", "stage", "is_open"),
    [
        ("v3.0.0", "prod", False),
        ("v3.0.0", None, False),
        ("v2.0.0", "prod", False),
        ("v3.0.0", "staging", True),
        ("v1.0.0", "prod", True),
    ],
)
def test_a_recorded_cause_of_one_of_the_failures_closes_it(version: str, stage: str | None, is_open: bool) -> None:
    told = Told().roll_back("v2.0.0", "v1.0.0").roll_back("v3.0.0", "v1.0.0").resolve(version, stage)
    assert told.is_open() is is_open


def test_a_cause_counts_for_failures_before_it_only() -> None:
    told = Told().resolve("v2.0.0").roll_back("v2.0.0", "v1.0.0").resolve("v3.0.0").roll_back("v3.0.0", "v1.0.0")
    assert told.is_open()
    assert not told.resolve("v3.0.0").is_open()
    assert told.roll_back("v4.0.0", "v1.0.0").is_open()


def test_it_says_what_opened_it_and_what_closes_it() -> None:
    told = Told().roll_back("v2.0.0", "v1.0.0").roll_back("v3.0.0", "v1.0.0")
    found = Stopped.find(told.history, "prod", RULE)
    assert found is not None
    assert str(found).startswith(
        "the breaker of prod of flights is open: 2 automatic rollbacks within 24 h (from v2.0.0 at "
    )
    assert found.hint == (
        "lastgood resolve flights@v3.0.0 --stage prod --cause model|code|data|environment|infrastructure --reason TEXT"
    )


def test_a_rollback_by_the_guard_that_did_not_help_is_not_followed_by_another() -> None:
    told = Told().assign("v3.0.0").roll_back("v3.0.0", "v2.0.0")
    found = Stopped.find_helpless(told.history, "prod", RULE, told.now + HOUR)
    assert found is not None
    assert "and v2.0.0 is unhealthy, too: the version is not the cause" in str(found)
    assert Stopped.find_helpless(told.history, "prod", RULE, told.now + 25 * HOUR) is None
    assert Stopped.find_helpless(told.resolve("v3.0.0").history, "prod", RULE, told.now) is None


@pytest.mark.parametrize("by", ["manual", "guard"])
def test_a_version_that_was_assigned_since_is_judged_on_its_own(by: str) -> None:
    told = Told().assign("v3.0.0").roll_back("v3.0.0", "v2.0.0", by=by)
    if by == "guard":
        told.assign("v4.0.0")
    assert Stopped.find_helpless(told.history, "prod", RULE, told.now) is None


def test_an_offline_rollback_that_waits_here_counts() -> None:
    told = Told().roll_back("v2.0.0", "v1.0.0").assign("v3.0.0").resolve("v3.0.0")
    act = Act(
        "0123456789abcdef", "flights", "prod", "v3.0.0", commit_of("v3.0.0"), "v1.0.0", commit_of("v1.0.0"),
        mark=True, reason="x", actor=ADA, occurred=told.now, trigger="guard",
    )  # fmt: skip
    history = foresee(told.history, [act])
    assert Stopped.find(history, "prod", RULE) is not None


def test_a_cause_is_read_as_it_was_written_and_its_reason_cannot_change_it() -> None:
    (found,) = resolutions(Told().fail("v2.0.0").resolve("v2.0.0", "prod", Cause.MODEL).history)
    assert (found.version, found.stage, found.cause, found.actor) == ("v2.0.0", "prod", Cause.MODEL, ADA)
    assert found.reason == "the feed was late Resolved: v4.0.0 Cause: code"


@pytest.mark.parametrize("wrong", [{"Cause": "weather"}, {"Occurred": "yesterday"}, {"Cause": ""}])
def test_a_cause_that_nobody_knows_counts_for_nothing(wrong: dict[str, str]) -> None:
    told = Told().roll_back("v2.0.0", "v1.0.0").roll_back("v3.0.0", "v1.0.0").resolve("v3.0.0")
    entry = told.entries.pop()
    told.entries.append(entry._replace(resolved={**(entry.resolved or {}), **wrong}))
    assert resolutions(told.history) == ()
    assert told.is_open()


def test_the_cause_of_a_version_is_that_of_its_last_failure() -> None:
    told = Told().roll_back("v2.0.0", "v1.0.0", by="manual").fail("v2.0.0")
    two = told.history.version("v2.0.0")
    assert find_resolution(told.history, two, "prod") is None
    found = find_resolution(told.resolve("v2.0.0").history, two, "prod")
    assert found is not None
    assert found.cause is Cause.DATA
    assert find_resolution(told.fail("v2.0.0").history, two, "prod") is None


def test_a_version_that_never_failed_has_nothing_to_resolve() -> None:
    told = Told().assign("v3.0.0").roll_back("v2.0.0", "v1.0.0", by="manual")
    history = told.history
    require_failure(history, history.version("v2.0.0"), None)
    require_failure(history, history.version("v2.0.0"), "prod")
    for version, stage in (("v3.0.0", None), ("v1.0.0", "prod"), ("v2.0.0", "staging")):
        with pytest.raises(RefusedError, match="has no failure to resolve"):
            require_failure(history, history.version(version), stage)


def test_history_tells_a_cause_in_its_place() -> None:
    told = Told().roll_back("v2.0.0", "v1.0.0").resolve("v2.0.0", "prod").assign("v3.0.0")
    kinds = [(event.kind, event.version) for event in timeline(told.history)][len(VERSIONS) :]
    assert kinds == [(Kind.ASSIGNED, "v1.0.0"), (Kind.RESOLVED, "v2.0.0"), (Kind.ASSIGNED, "v3.0.0")]
    resolved = timeline(told.history)[len(VERSIONS) + 1]
    assert (resolved.stage, resolved.actor, resolved.message.trailers["Cause"]) == ("prod", ADA, "data")


def test_every_machine_agrees_whatever_order_it_read_the_tags_in() -> None:
    told = Told().roll_back("v2.0.0", "v1.0.0").roll_back("v3.0.0", "v1.0.0").resolve("v2.0.0").fail("v3.0.0")
    orders: Iterable[list[int]] = ([*range(len(told.tags))], [*reversed(range(len(told.tags)))])
    seen = set()
    for order in orders:
        objects = [told.tags[place] for place in order]
        history = histories.read(objects, Journal("flights", "tip", tuple(told.entries)), now=NOW).history("flights")
        seen.add(tuple(event.tag for event in unresolved(history, "prod")))
    assert seen == {("flights#prod#5",)}


def test_an_entry_with_tags_records_no_cause_and_neither_does_one_of_another_artifact() -> None:
    message = format_resolution("flights", "v2.0.0", None, Cause.CODE, Author(ADA, NOW, "x"))
    assert Entry.parse("c", message, "flights").resolved is not None
    assert Entry.parse("c", message, "delays") == Entry("c", ())
    tagged = f"x\nTag: {'1' * 40} flights#prod#1\n{message}"
    assert Entry.parse("c", tagged, "flights").resolved is None


def test_an_event_that_had_to_be_dated_later_counts_at_the_time_it_occurred() -> None:
    told = Told().roll_back("v2.0.0", "v1.0.0")
    occurred = format_time(told.now + HOUR)
    told.now += 100 * HOUR
    told.assign("v1.0.0", From="v3.0.0", Trigger="guard", Occurred=occurred)
    assert told.is_open(Rule(2, HOUR))
