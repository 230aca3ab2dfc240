import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lastgood.core.messages import TRAILERS, Message, format_message, one_line, parse_message

OWN = {"Artifact": "flights", "Version": "v1.0.0", "Actor": "Ada <ada@example.org>", "Trigger": "ci"}
LINES = st.sampled_from(
    [
        "#123 is the cause",
        "Foo: bar",
        "Artifact: other",
        "Actor: me",
        "",
        "  ",
        "manifest: {}",
        "Ünïcode ✓",
        "\r",
        "text",
    ]
)
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
REASONS = st.one_of(TEXT, st.lists(LINES).map("\n".join))


@example(reason="a\n\nmanifest: {}", manifest=None)
@example(reason="a\n\nArtifact: x\nActor: y", manifest="{}")
@given(reason=REASONS, manifest=st.one_of(st.none(), st.just('{"a":1}')))
def test_what_was_written_is_read(reason: str, manifest: str | None) -> None:
    trailers = {**OWN, "Manifest": "sha256:1"} if manifest else OWN
    read = parse_message(format_message(Message("Subject", reason, manifest, trailers)))
    assert read == Message("Subject", reason.strip(), manifest, trailers)
    assert read.is_own


@pytest.mark.parametrize("size", [16 * 1024, 10 * 1024 * 1024])
def test_a_long_reason_is_kept_whole(size: int) -> None:
    reason = ("#1 line\n\n" * (size // 9)).strip()
    assert parse_message(format_message(Message("Subject", reason, None, OWN))).reason == reason


@given(TEXT, TEXT)
def test_trailers_and_subject_stay_on_their_line(subject: str, actor: str) -> None:
    read = parse_message(format_message(Message("S " + subject, "why", None, {**OWN, "Actor": "A " + actor})))
    assert read.subject == one_line("S " + subject)
    assert read.trailers["Actor"] == one_line("A " + actor)


def test_an_empty_trailer_is_left_out_and_the_order_is_fixed() -> None:
    text = format_message(Message("Subject", "", None, {"Run": "", "Actor": "Ada", "Artifact": "flights"}))
    assert text == "Subject\n\nArtifact: flights\nActor: Ada\n"
    assert TRAILERS[0] == "Artifact"


def test_a_pasted_signature_does_not_cut_the_trailers_off() -> None:
    text = format_message(Message("Subject", "see\n-----BEGIN PGP SIGNATURE-----\nxyz", None, OWN))
    assert "\n-----BEGIN" not in text
    assert parse_message(text).reason == "see\n -----BEGIN PGP SIGNATURE-----\nxyz"


def test_a_nul_which_would_cut_the_message_off_in_git_is_no_part_of_it() -> None:
    text = format_message(Message("Sub\0ject", "be\0cause", None, {**OWN, "Actor": "A\0da"}))
    assert "\0" not in text
    assert parse_message(text).is_own


@pytest.mark.parametrize(
    ("text", "subject", "reason"),
    [
        ("", "", ""),
        ("Registering artifact flights version v1.0.0\n", "Registering artifact flights version v1.0.0", ""),
        ("subject\n\nbody\n\nSigned-off-by: Ada\n", "subject", "body\n\nSigned-off-by: Ada"),
        ("subject\n\nmanifest: {}\n", "subject", "manifest: {}"),
        ("subject\n\nArtifact: flights\n", "subject", "Artifact: flights"),
        ("Artifact: flights\nActor: Ada\n", "Artifact: flights", "Actor: Ada"),
        ("subject\n\nArtifact: a\nActor: b\nactor of no case\n", "subject", "Artifact: a\nActor: b\nactor of no case"),
        ("subject\n\nArtifact: a\nArtifact: b\nActor: b\n", "subject", "Artifact: a\nArtifact: b\nActor: b"),
    ],
)
def test_a_foreign_message_is_never_taken_for_ours(text: str, subject: str, reason: str) -> None:
    assert parse_message(text) == Message(subject, reason)
    assert not parse_message(text).is_own


@given(st.text())
def test_no_message_stops_the_parser(text: str) -> None:
    parse_message(text)
