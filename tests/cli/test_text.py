"""Text for people: harmless whatever was in a tag, aligned, never wider than the terminal."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from lastgood.cli.output import text


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("Łódź 日本 é", "Łódź 日本 é"),
        ("\x1b[2J\x1b[31mred", r"\x1b[2J\x1b[31mred"),
        ("a\rb\x08\x07", r"a\rb\x08\x07"),
        ("one\ntwo\tthree", r"one\ntwo\tthree"),
        ("safe\u202egnp.exe", r"safe\u202egnp.exe"),
        ("in\u200bvisible\ufeff", r"in\u200bvisible\ufeff"),
        ("\x85 \x9b31m", r"\x85 \x9b31m"),
        ("line\u2028para\u2029", r"line\u2028para\u2029"),
        ("broken \udcff", r"broken \udcff"),
    ],
)
def test_what_could_steer_a_terminal_is_shown_as_an_escape(given: str, shown: str) -> None:
    assert text.clean(given) == shown


def test_a_cell_cannot_forge_a_line() -> None:
    lines = text.table([("v1", "fine\n2030-01-01 forged"), ("v2", "b")]).splitlines()
    assert lines == ["v1  fine 2030-01-01 forged", "v2  b"]


def test_columns_are_aligned_also_where_characters_are_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert text.table([("日本", "x"), ("abcd", "y"), ("e\u0301", "z")], ("NAME", "")).splitlines() == [
        "NAME",
        "日本  x",
        "abcd  y",
        "e\u0301     z",
    ]


def test_the_last_column_stands_below_where_the_others_leave_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    rows = [("2026-11-22", "v1.0.0 assigned", "late flights are called early"), ("2026-11-21", "v1.0.0", "short")]
    assert text.table(rows, ("WHEN", "EVENT", "WHY"), indent=2).splitlines() == [
        "  WHEN        EVENT            WHY",
        "  2026-11-22  v1.0.0 assigned",
        "      late flights are called early",
        "  2026-11-21  v1.0.0           short",
    ]


def test_the_last_column_is_wrapped_below_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    shown = text.table([("v1.0.0", "late flights are called early since the winter")])
    assert shown.splitlines() == ["v1.0.0  late flights are called early", "        since the winter"]


def test_paths_and_commands_are_never_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    path = "/a/very/long/path/that/does/not/fit/into/the/line"
    assert text.prose(f"v1 is live here: {path}").splitlines() == ["v1 is live here:", f"  {path}"]


def test_times_are_utc_and_sizes_have_units() -> None:
    there = timezone(timedelta(hours=2))
    assert text.when(datetime(2013, 7, 1, 14, 0, tzinfo=there)) == "2013-07-01 12:00Z"
    assert text.when(datetime(2013, 7, 1, tzinfo=UTC)) == "2013-07-01 00:00Z"
    assert text.when(None) == "-"
    assert [text.size(number) for number in (0, 1023, 1024, 5 << 20, 3 << 40, None)] == [
        "0 B",
        "1023 B",
        "1.0 KiB",
        "5.0 MiB",
        "3.0 TiB",
        "-",
    ]


def test_passwords_in_addresses_are_not_shown() -> None:
    assert text.without_secrets("fetch https://me:secret@host/x failed") == "fetch https://***@host/x failed"
    assert text.without_secrets("git@host:x and https://host/a@b") == "git@host:x and https://host/a@b"


def test_a_long_list_says_how_many_more_there_are() -> None:
    assert text.few(range(5), 3).splitlines() == ["  - 0", "  - 1", "  - 2", "  - and 2 more"]


def test_an_actor_is_shown_without_the_address() -> None:
    assert text.person("Ada <ada@example.org>") == "Ada"
    assert text.person("A name that goes on and on <x>") == "A name that goes on…"
