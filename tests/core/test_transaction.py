from dataclasses import replace

import pytest

from lastgood.core.dates import DAY, LATEST
from lastgood.core.events import Mark
from lastgood.core.manifest import Manifest
from lastgood.core.messages import parse_message
from lastgood.core.registry import History
from lastgood.core.transaction import MOST_TAGS, Author, Draft, adopt_tags
from tests.core.histories import MINUTE, NOW, commit_of, external_history, history_of, journal, read, script, tag

ADA = Author("Ada <ada@example.org>", NOW + 60, "because", "ci", "https://ci/1")


def mark(history: History, version: str, judgement: Mark) -> list[str]:
    draft = Draft(history, ADA)
    draft.mark(history.version(version), judgement)
    return [one.name for one in draft.tags]


def test_a_mark_and_an_assignment_count_on_and_say_all() -> None:
    history = history_of("v1.0.0", "v1.0.0 prod", "v1.0.0 stable")
    draft = Draft(history, ADA)
    draft.assign(history.version("v1.0.0"), "staging", leaving="v0.9.0")
    (one,) = draft.finish("Assign").tags
    assert (one.name, one.commit, one.when) == ("flights#staging#4", commit_of("v1.0.0"), ADA.when)
    message = parse_message(one.message)
    assert (message.subject, message.reason) == ("Assign flights v1.0.0 to staging", "because")
    assert message.trailers == {
        "Artifact": "flights",
        "Version": "v1.0.0",
        "Stage": "staging",
        "From": "v0.9.0",
        "To": "v1.0.0",
        "Actor": "Ada <ada@example.org>",
        "Trigger": "ci",
        "Run": "https://ci/1",
    }


STABLE_TWICE = ("v1.0.0", "v1.0.0 stable", "v2.0.0", "v2.0.0 stable")


@pytest.mark.parametrize(
    ("lines", "version", "judgement", "expected"),
    [
        (("v1.0.0",), "v1.0.0", Mark.STABLE, ["flights#stable#1"]),
        (("v1.0.0",), "v1.0.0", Mark.FAILED, ["flights#failed#1"]),
        (STABLE_TWICE, "v2.0.0", Mark.FAILED, ["flights#failed#5", "flights#stable#6"]),
        (STABLE_TWICE, "v1.0.0", Mark.FAILED, ["flights#failed#5"]),
        ((*STABLE_TWICE, "v3.0.0"), "v3.0.0", Mark.FAILED, ["flights#failed#5"]),
        ((*STABLE_TWICE, "v1.5.0"), "v1.5.0", Mark.STABLE, ["flights#stable#5", "flights#stable#6"]),
        ((*STABLE_TWICE, "v3.0.0"), "v3.0.0", Mark.STABLE, ["flights#stable#5"]),
        (("v1.0.0", "v1.0.0 stable"), "v1.0.0", Mark.FAILED, ["flights#failed#3"]),
    ],
)
def test_stable_stays_on_the_last_good_version(
    lines: tuple[str, ...], version: str, judgement: Mark, expected: list[str]
) -> None:
    assert mark(history_of(*lines), version, judgement) == expected


def test_after_any_mark_the_newest_stable_tag_by_time_names_the_greatest_stable_version() -> None:
    objects = script(*STABLE_TWICE, "v3.0.0", "v3.0.0 stable", "v1.5.0")
    marks = [("v3.0.0", Mark.FAILED), ("v1.5.0", Mark.STABLE), ("v2.0.0", Mark.FAILED), ("v3.0.0", Mark.STABLE)]
    for version, judgement in marks:
        history = read(objects, journal(*objects)).history("flights")
        draft = Draft(history, Author("Ada", NOW))  # the clock stands still
        draft.mark(history.version(version), judgement)
        objects += [tag(one.name, commit=one.commit, when=one.when, message=one.message) for one in draft.tags]
        history = read(objects, journal(*objects)).history("flights")
        times = sorted(one.when for one in objects if "#stable#" in one.name)
        newest = max((one for one in objects if "#stable#" in one.name), key=lambda one: one.when)
        assert len(times) == len(set(times))
        assert history.last_stable is not None
        assert newest.commit == history.last_stable.commit
        assert history.findings == ()


def test_an_undone_stable_tag_names_nothing_so_it_is_set_again() -> None:
    history = external_history("v1.0.0", "v1.0.0 stable", "v2.0.0", "v2.0.0 stable", "v2.0.0 stable!")
    assert mark(history, "v2.0.0", Mark.FAILED) == ["flights#failed#6", "flights#stable#7"]


def test_a_deregistered_version_does_not_become_the_last_good_one() -> None:
    history = external_history(
        "v1.0.0", "v1.0.0 stable", "v2.0.0", "v2.0.0 stable", "v3.0.0", "v3.0.0 stable", "v2.0.0!"
    )
    draft = Draft(history, ADA)
    draft.mark(history.version("v3.0.0"), Mark.FAILED)
    assert [one.commit for one in draft.tags] == [commit_of("v3.0.0"), commit_of("v1.0.0")]


def test_a_rollback_is_three_tags_at_most() -> None:
    history = history_of(*STABLE_TWICE, "v2.0.0 prod")
    draft = Draft(history, ADA)
    draft.mark(history.version("v2.0.0"), Mark.FAILED)
    draft.assign(history.version("v1.0.0"), "prod", leaving="v2.0.0")
    transaction = draft.finish("Roll back")
    assert [one.name for one in transaction.tags] == ["flights#failed#6", "flights#stable#7", "flights#prod#8"]
    assert len(transaction.tags) <= MOST_TAGS
    assert [one.commit for one in transaction.tags] == [commit_of("v2.0.0"), commit_of("v1.0.0"), commit_of("v1.0.0")]
    assert transaction.latest == max(one.when for one in transaction.tags)


@pytest.mark.parametrize(
    ("clock", "expected"), [(NOW - 600, NOW + 1), (NOW, NOW + 1), (NOW + 1, NOW + 1), (NOW + 50, NOW + 50)]
)
def test_a_slow_clock_is_outbid_by_a_second(clock: int, expected: int) -> None:
    history = history_of("v1.0.0", "v1.0.0 prod")
    draft = Draft(history, replace(ADA, when=clock))
    draft.assign(history.version("v1.0.0"), "prod")
    draft.assign(history.version("v1.0.0"), "staging")
    assert [one.when for one in draft.tags] == [expected, max(clock, NOW - MINUTE)]  # no sooner than its registration


@pytest.mark.parametrize(
    ("newest", "expected", "said"),
    [
        (NOW + DAY - 1, NOW + DAY, None),
        (NOW + DAY, NOW + DAY + 1, "2023-11-14T22:13:20Z"),
        (NOW + 365 * DAY, NOW + 365 * DAY + 1, "2023-11-14T22:13:20Z"),
        (LATEST - 1, LATEST, "2023-11-14T22:13:20Z"),
        (LATEST, NOW, None),
        (10**18, NOW, None),
    ],
)
def test_a_date_ahead_is_outbid_as_far_as_gto_reads_dates_and_the_true_one_is_said(
    newest: int, expected: int, said: str | None
) -> None:
    tags = [tag("flights@v1.0.0"), tag("flights#prod#1", when=newest)]
    history = read(tags, journal(*tags)).history("flights")
    draft = Draft(history, replace(ADA, when=NOW))
    draft.assign(history.version("v1.0.0"), "prod")
    assert draft.tags[0].when == expected
    assert parse_message(draft.tags[0].message).trailers.get("Occurred") == said


def test_a_registration_holds_the_manifest_its_digest_and_its_commit() -> None:
    manifest = Manifest("teams/air:flights", "v1.0.0", "c" * 40, "t" * 40, ".", "models/model.txt", metrics={"m:a": 1})
    history = History("teams/air:flights", (), journal())
    transaction = Draft(history, ADA).register(manifest)
    (one,) = transaction.tags
    message = parse_message(one.message)
    assert (one.name, one.commit, one.when) == ("teams/air=flights@v1.0.0", "c" * 40, ADA.when)
    assert (message.manifest, message.trailers["Manifest"]) == (str(manifest), manifest.digest)
    assert message.trailers["Version"] == "v1.0.0"
    assert (transaction.artifact, transaction.subject) == (manifest.artifact, "Register teams/air:flights v1.0.0")
    assert (transaction.manifest, transaction.commit) == (manifest, manifest.commit)


@pytest.mark.parametrize(
    ("judged", "mark", "expected"),
    [
        ((), True, ["flights#failed#6", "flights#stable#7", "flights#prod#8"]),
        ((), False, ["flights#prod#6"]),
        (("v2.0.0 failed",), True, ["flights#prod#7"]),
    ],
)
def test_a_rollback_marks_what_it_leaves_once_and_says_from_where_to_where(
    judged: tuple[str, ...], mark: bool, expected: list[str]
) -> None:
    history = history_of(*STABLE_TWICE, "v2.0.0 prod", *judged)
    leaving, target = history.version("v2.0.0"), history.version("v1.0.0")
    transaction = Draft(history, ADA).roll_back(leaving, target, "prod", mark=mark)
    assert (transaction.artifact, transaction.subject) == ("flights", "Roll back flights prod from v2.0.0 to v1.0.0")
    assert [one.name for one in transaction.tags] == expected
    trailers = parse_message(transaction.tags[-1].message).trailers
    assert (trailers["From"], trailers["To"], transaction.tags[-1].commit) == ("v2.0.0", "v1.0.0", target.commit)


def test_an_unassignment_is_named_as_gto_names_it_and_is_later_than_what_it_takes_back() -> None:
    history = history_of("v1.0.0", "v1.0.0 canary")
    draft = Draft(history, replace(ADA, when=NOW - 5))
    draft.unassign(history.version("v1.0.0"), "canary")
    (one,) = draft.finish("Unassign flights v1.0.0 from canary").tags
    assert (one.name, one.commit, one.when) == ("flights#canary!#3", commit_of("v1.0.0"), NOW + 1)
    message = parse_message(one.message)
    assert (message.trailers["Version"], message.trailers["Stage"], message.trailers["From"]) == (
        "v1.0.0",
        "canary",
        "v1.0.0",
    )
    assert one.message.startswith("Unassign flights v1.0.0 from canary\n")


def test_what_is_not_known_is_not_said() -> None:
    history = history_of("v1.0.0")
    draft = Draft(history, replace(ADA, run=None))
    draft.assign(history.version("v1.0.0"), "prod")
    assert not {"From", "Run"}.intersection(parse_message(draft.tags[0].message).trailers)


@pytest.mark.parametrize(("ahead", "expected"), [(DAY, NOW + DAY), (DAY + 1, NOW)])
def test_nothing_said_of_a_version_precedes_its_registration_unless_that_lies_far_ahead(
    ahead: int, expected: int
) -> None:
    history = read([tag("flights@v1.0.0", when=NOW + ahead)]).history("flights")
    draft = Draft(history, replace(ADA, when=NOW))
    draft.assign(history.version("v1.0.0"), "prod")
    assert draft.tags[0].when == expected


def test_what_is_adopted_is_what_the_journal_lacks_in_order() -> None:
    mine = script("v1.0.0", "v1.0.0 prod")
    others = [tag(f"flights#prod#{number}", commit=commit_of("v1.0.0"), when=NOW + 20 - number) for number in (8, 9)]
    history = read([*mine, *others], journal(*mine)).history("flights")
    assert [name for _, name in adopt_tags(history)] == ["flights#prod#9", "flights#prod#8"]
