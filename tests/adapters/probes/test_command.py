"""A command answers with a number or counts; whatever else it does is told apart and never a value."""

import os
import time

import pytest

from lastgood.core.checks import Kind
from lastgood.core.counters import Reading
from tests.adapters.probes.conftest import Ask


@pytest.mark.parametrize(
    ("printed", "value"),
    [("0.61", 0.61), ("3", 3.0), ("-1e-3", -0.001), ('{"value": 0.61}', 0.61), ("  0.5\n\n", 0.5)],
)
def test_a_number_is_a_value(ask_check: Ask, printed: str, value: float) -> None:
    sample = ask_check({"command": f"printf '%s' '{printed}'", "max": 1})
    assert (sample.kind, sample.value, sample.reading) == (Kind.VALUE, value, None)


def test_counts_are_a_reading(ask_check: Ask) -> None:
    sample = ask_check({"command": """echo '{"bad": 3, "total": 200}'""", "expected": 0.01, "unacceptable": 0.03})
    assert (sample.kind, sample.reading) == (Kind.VALUE, Reading({(): 3.0}, {(): 200.0}))


@pytest.mark.parametrize(
    ("command", "kind", "why"),
    [
        ("true", Kind.EMPTY, "the command printed nothing"),
        ("echo; echo", Kind.EMPTY, "the command printed nothing"),
        ("echo null", Kind.EMPTY, "the answer is null"),
        ("echo NaN", Kind.NAN, "the answer is nan"),
        ("echo nan", Kind.NAN, "the command printed 'nan'"),
        ("echo inf", Kind.NAN, "printed 'inf'"),
        ("echo 1e999", Kind.NAN, "the answer is inf"),
        ("""echo '{"value": NaN}'""", Kind.NAN, "value is nan"),
        ("echo 5; exit 1", Kind.ERROR, "the command failed with exit code 1: 5"),
        ("echo 5; echo broken >&2; exit 3", Kind.ERROR, "the command failed with exit code 3: broken"),
        ("echo 5; kill -9 $$", Kind.ERROR, "the command failed with signal 9: 5"),
        ("exec no-such-command", Kind.ERROR, "the command failed with exit code 127"),
        ("echo healthy", Kind.ERROR, "printed 'healthy', which is no number and no JSON object"),
        ("echo true", Kind.ERROR, "the answer is no number: True"),
        ("echo '[1]'", Kind.ERROR, "the answer is no number: [1]"),
        ("""echo '"0.5"'""", Kind.ERROR, "the answer is no number: '0.5'"),
        ("echo 5 6", Kind.ERROR, "which is no number"),
        ("""echo '{"loss": 5}'""", Kind.ERROR, "an object with 'loss'; it needs"),
        ("""echo '{}'""", Kind.ERROR, "an object with 'nothing'; it needs"),
        ("""echo '{"bad": 3}'""", Kind.ERROR, "an object with 'bad'; it needs"),
        ("""echo '{"bad": 3, "total": 2}'""", Kind.ERROR, "total must count the bad ones"),
        ("""echo '{"bad": -3, "total": 2}'""", Kind.ERROR, "total must count the bad ones"),
        ("""echo '{"bad": 3, "total": null}'""", Kind.EMPTY, "total is null"),
        ("""echo '{"bad": "3", "total": 5}'""", Kind.ERROR, "bad is no number"),
        ("head -c 10000000 /dev/zero", Kind.ERROR, "printed more than 4096 bytes"),
        ("head -c 100000 /dev/zero | tr '\\0' '['", Kind.ERROR, "printed more than 4096 bytes"),
        ("head -c 4000 /dev/zero | tr '\\0' '['", Kind.ERROR, "which is no number"),
        ("head -c 4000 /dev/zero | tr '\\0' '9'", Kind.ERROR, "the answer is too large"),
        ("printf '\\377\\376'", Kind.ERROR, "which is no number"),
    ],
)
def test_everything_else_is_no_value(ask_check: Ask, command: str, kind: Kind, why: str) -> None:
    sample = ask_check({"command": command, "max": 1})
    assert why in sample.why
    assert (sample.kind, sample.value, sample.reading) == (kind, None, None)


def test_a_command_that_hangs_is_ended_with_all_that_it_started(ask_check: Ask) -> None:
    started = time.monotonic()
    sample = ask_check({"command": "sleep 86399 & echo 5; wait", "max": 1, "timeout": "1s"})
    assert (sample.kind, sample.why) == (Kind.ERROR, "the command did not end within 1 s")
    assert time.monotonic() - started < 30
    commands = [os.path.join("/proc", one, "cmdline") for one in os.listdir("/proc") if one.isdigit()]  # noqa: PTH118, PTH208  # processes come and go
    assert not [one for one in commands if _read(one) == b"sleep\0" + b"86399\0"]


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123  # as above
            return file.read()
    except OSError:
        return b""
