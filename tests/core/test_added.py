"""Which `#stable` tags lastgood added by itself, in the messages of today and of earlier versions."""

import pytest

from lastgood.core.added import ADDED_WITH, find_added
from lastgood.core.events import Mark, TagObject
from lastgood.core.transaction import Author, Draft
from tests.core.histories import NOW, commit_of, journal, read, script, tag

ADA = "Ada <ada@example.org>"
TWO_STABLE = ("v1.0.0", "v1.0.0 stable", "v2.0.0", "v2.0.0 stable")
EARLIER = """\
Keep stable on flights v1.0.0

late by hours

Artifact: flights
Version: v1.0.0
Stage: stable
Actor: Ada <ada@example.org>
Trigger: manual
"""
"""What lastgood wrote before its tags had the trailer: in the person's name, with the reason of the failure."""
FAILED = EARLIER.replace("Keep stable on flights v1.0.0", "Mark flights v2.0.0 failed").replace("v1.0.0", "v2.0.0")
TODAY = EARLIER.replace("Trigger: manual\n", "Trigger: manual\nAdded-with: flights#failed#5\n")


def drafted(*lines: str, version: str, mark: Mark) -> list[TagObject]:
    """The story's tags and those of one mark more, as today's draft makes them."""
    objects = script(*lines)
    draft = Draft(read(objects, journal(*objects)).history("flights"), Author(ADA, NOW + 60, "late by hours"))
    draft.mark(draft.history.version(version), mark)
    return [*objects, *(tag(one.name, commit=one.commit, when=one.when, message=one.message) for one in draft.tags)]


def added(objects: list[TagObject], *, journaled: bool = True) -> dict[str, tuple[str, str]]:
    journals = [journal(*objects)] if journaled else []
    events = read(objects, *journals).history("flights").events
    return {name: (why.reason, why.tag) for name, why in find_added(events).items()}


def marked(stable: str, failed: str = FAILED, *, number: int = 6) -> list[TagObject]:
    """Two stable versions, the second one then marked failed, and the tag that put `#stable` back."""
    return [
        *script(*TWO_STABLE),
        tag("flights#failed#5", commit=commit_of("v2.0.0"), when=NOW + 1, message=failed),
        tag(f"flights#stable#{number}", commit=commit_of("v1.0.0"), when=NOW + 2, message=stable),
    ]


@pytest.mark.parametrize("journaled", [True, False])
def test_what_puts_stable_back_after_a_failure_is_told_as_added_with_that_mark(journaled: bool) -> None:
    objects = drafted(*TWO_STABLE, version="v2.0.0", mark=Mark.FAILED)
    told = {"flights#stable#6": ("added by lastgood because v2.0.0 was marked failed", "flights#failed#5")}
    assert added(objects, journaled=journaled) == told


def test_the_tag_itself_never_gives_the_reason_of_the_failure() -> None:
    *_, failed, kept = drafted(*TWO_STABLE, version="v2.0.0", mark=Mark.FAILED)
    assert "late by hours" in failed.message
    assert "late by hours" not in kept.message
    assert f"{ADDED_WITH}: flights#failed#5\n" in kept.message


def test_what_puts_stable_back_after_a_lower_version_was_marked_stable_is_told_as_added_too() -> None:
    objects = drafted(*TWO_STABLE, "v1.5.0", version="v1.5.0", mark=Mark.STABLE)
    told = {"flights#stable#6": ("added by lastgood because v1.5.0 was marked stable", "flights#stable#5")}
    assert added(objects) == told


def test_the_mark_of_a_person_is_never_told_as_added() -> None:
    assert added(drafted(*TWO_STABLE, "v3.0.0", version="v3.0.0", mark=Mark.STABLE)) == {}
    assert added(drafted(*TWO_STABLE, version="v1.0.0", mark=Mark.FAILED)) == {}


@pytest.mark.parametrize("journaled", [True, False])
def test_what_earlier_versions_added_is_known_by_its_subject_and_the_mark_before(journaled: bool) -> None:
    told = {"flights#stable#6": ("added by lastgood because v2.0.0 was marked failed", "flights#failed#5")}
    assert added(marked(EARLIER), journaled=journaled) == told
    assert added(marked(TODAY)) == told


def test_what_names_an_assignment_is_told_as_it_was_written() -> None:
    *objects, failed, kept = marked(TODAY.replace("failed#5", "prod#5"))
    message = FAILED.replace("Stage: failed", "Stage: prod")
    assert added([*objects, failed._replace(name="flights#prod#5", message=message), kept]) == {}


@pytest.mark.parametrize(
    "objects",
    [
        marked(EARLIER, number=7),
        marked(EARLIER.replace("Keep stable on", "Mark").replace("v1.0.0\n\nlate", "v1.0.0 stable\n\nlate")),
        marked(EARLIER, FAILED.replace("Ada <ada", "Bob <bob")),
        marked(EARLIER, "by hand"),
        marked("Keep stable on flights v1.0.0"),
        marked(TODAY.replace("failed#5", "failed#4")),
        marked(TODAY.replace("failed#5", "stable#2")),
        marked(TODAY.replace("failed#5", "stable#6")),
        marked(TODAY, FAILED.replace("Ada <ada", "Bob <bob")),
    ],
    ids=[
        "another number",
        "a person's subject",
        "another actor",
        "a mark of gto",
        "no trailers",
        "no such mark",
        "a mark of the same version",
        "itself",
        "trailer with another actor",
    ],
)
def test_what_is_not_certain_is_told_as_it_was_written(objects: list[TagObject]) -> None:
    assert added(objects) == {}


def test_a_failed_mark_or_an_assignment_with_the_trailer_is_no_addition() -> None:
    *objects, last = marked(TODAY)
    for name in ("flights#failed#6", "flights#prod#6"):
        message = TODAY.replace("Stage: stable", f"Stage: {name.split('#')[1]}")
        assert added([*objects, last._replace(name=name, message=message)]) == {}
