"""`[guard.STAGE]` is read as documented, and every mistake in it is named before anything is watched."""

import re
import tomllib
from math import log
from pathlib import Path

import pytest

from lastgood.core.checks import Limits, Policy, Shares
from lastgood.core.config import Config
from lastgood.core.durations import format_duration, parse_duration
from lastgood.core.guarding.check import Buckets, Check, Command, Counts, Expected, Gauge, Http
from lastgood.core.guarding.guard import Guard, OnFail
from lastgood.errors import UsageError

WHERE = "lastgood.toml: [guard.prod]"
EXAMPLE = """
interval = "30s"
on_fail = "rollback"
rollbacks = 2
window = "24h"
patience = "10m"
prometheus = "http://127.0.0.1:9090/"
notify = ["https://hooks.example.org/lastgood"]

[[check]]
name = "errors"
bad = 'predictions_total{version="{version}",status="error"}'
total = 'predictions_total{version="{version}"}'
expected = 0.01
unacceptable = 0.03
false_alarm_every = "90d"
empty = "zero"

[[check]]
name = "p99"
value = 'histogram_quantile(0.99, sum by (le, version) (rate(seconds_bucket{version="{version}"}[5m])))'
max = 0.5
failures = 3
of = 5

[[check]]
name = "slow"
buckets = 'seconds_bucket{version="{version}"}'
slower_than = 0.5
expected = 0.01
unacceptable = 0.05

[[check]]
name = "log loss"
command = "python scripts/live_loss.py"
max = 0.6

[[check]]
name = "score"
command = "python scripts/score.py"
expected = 0.3
unacceptable = 0.4

[[check]]
name = "health"
url = "http://127.0.0.1:8080/v2/models/flights/versions/{version}/ready"

[[check]]
name = "drift"
url = "http://127.0.0.1:8080/drift"
pointer = "/drift/0"
version_at = "/version"
min = -1
token_from = "DRIFT_TOKEN"
"""


def parse(text: str) -> Guard:
    return Guard.parse(tomllib.loads(text), WHERE)


def test_the_documented_example_is_read() -> None:
    guard = parse(EXAMPLE)
    assert (guard.interval, guard.patience, guard.on_fail) == (30, 600, OnFail.ROLLBACK)
    assert (guard.breaker.rollbacks, guard.breaker.window) == (2, 86_400)
    assert (guard.prometheus, guard.notify) == ("http://127.0.0.1:9090", ("https://hooks.example.org/lastgood",))
    sources = [check.source for check in guard.checks]
    assert isinstance(sources[0], Counts)
    assert sources[0].empty_is_zero
    assert isinstance(sources[1], Gauge)
    assert sources[2] == Buckets('seconds_bucket{version="{version}"}', 0.5)
    assert sources[3] == Command("python scripts/live_loss.py")
    assert sources[5] == Http("http://127.0.0.1:8080/v2/models/flights/versions/{version}/ready")
    assert sources[6] == Http("http://127.0.0.1:8080/drift", "/drift/0", (), "/version", "DRIFT_TOKEN")
    day = 86_400
    assert [check.rule for check in guard.checks] == [
        Expected(0.01, 0.03, 90 * day),
        Limits(None, 0.5, 3, 5),
        Expected(0.01, 0.05, 90 * day),
        Limits(None, 0.6, 3, 5),
        Expected(0.3, 0.4, 90 * day),
        Limits(None, 0.0, 3, 5),
        Limits(-1.0, None, 3, 5),
    ]
    assert [check.timeout for check in guard.checks] == [5, 5, 5, 60, 60, 5, 5]


def test_the_policy_of_counts_has_the_threshold_of_the_stated_false_alarms() -> None:
    guard = parse(EXAMPLE)
    policy = guard.checks[0].policy(guard.interval, guard.patience)
    assert policy == Policy("errors", Shares(0.01, 0.03, log(90 * 86_400 / 30)), 30, 600)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("rollbacks = 2", "rolbacks = 2", "[guard.prod] rolbacks is unknown"),
        ("rollbacks = 2", "rollbacks = 0", "rollbacks must be a whole number from 1 to 100, not 0"),
        ("rollbacks = 2", "rollbacks = true", "rollbacks must be a whole number"),
        ('on_fail = "rollback"', 'on_fail = "explode"', "on_fail must be one of rollback, freeze, not 'explode'"),
        ('interval = "30s"', "interval = 30", 'interval must have a unit, such as "30s", not 30'),
        ('interval = "30s"', 'interval = "30"', "interval: '30' is no length of time"),
        ('interval = "30s"', 'interval = "0s"', "interval must be from 1s to 1d, not 0s"),
        ('interval = "30s"', 'interval = "2w"', "is no length of time: write a whole number and s, m, h or d"),
        ('patience = "10m"', 'patience = "10s"', "patience must be from 30s to 30d, not 10s"),
        ("prometheus = ", "#", "prometheus is missing: check 'errors' asks it"),
        ("http://127.0.0.1:9090/", "127.0.0.1:9090", "prometheus must be an address that begins with http://"),
        ("http://127.0.0.1:9090/", "file:///etc/passwd", "prometheus must be an address"),
        ("http://127.0.0.1:9090/", "http://127.0.0.1:port", "prometheus must be an address"),
        ("http://127.0.0.1:9090/", "http://ada:secret@host/", "prometheus holds a secret (http://***@host/)"),
        ("hooks.example.org/lastgood", "hooks.example.org/?token=abc", "notify holds a secret"),
        ('["https://hooks.example.org/lastgood"]', '"https://hooks.example.org"', "notify must be a list of addresses"),
        ('name = "p99"', 'name = "errors"', "two checks are called 'errors'"),
        ('name = "p99"', "", "check 2 name is missing"),
        ('name = "p99"', 'name = " "', "check 2 name must be a text that is not empty"),
        ("bad = ", "bda = ", "check 1 bda is unknown"),
        ("bad = ", "value = 'x'\nbad = ", "needs one of bad, buckets, value, url, command; it has bad and value"),
        ("max = 0.5", "", "check 2 (p99) needs max or min"),
        ("max = 0.5", "max = 0.5\nmin = 0.6", "min (0.6) must not be greater than max (0.5)"),
        ("max = 0.5", "max = nan", "max must be a finite number, not nan"),
        ("max = 0.5", "max = inf", "max must be a finite number, not inf"),
        ("max = 0.5", 'max = "0.5"', "max must be a finite number, not '0.5'"),
        ("max = 0.5", "max = 0.5\nexpected = 0.1", "has expected and max: a check has one rule"),
        ("max = 0.5\nfailures = 3\nof = 5", "expected = 0.1", "expected is for counts and scores"),
        ("failures = 3", "failures = 6", "failures (6) must not be greater than of (5)"),
        ("unacceptable = 0.03", "unacceptable = 0.01", "unacceptable (0.01) must be greater than expected (0.01)"),
        ("unacceptable = 0.03", "unacceptable = 0.001", "unacceptable (0.001) must be greater than expected (0.01)"),
        ("unacceptable = 0.03", "unacceptable = 3", "must lie between 0 and 1, such as 0.01 for 1 %"),
        ("expected = 0.01", "expected = 0", "must lie between 0 and 1"),
        ("unacceptable = 0.03", "", "check 1 (errors) unacceptable is missing"),
        ('"90d"', '"30s"', "false_alarm_every of check 'errors' must be longer than interval"),
        ('empty = "zero"', 'empty = "none"', "empty must be one of missing, zero, not 'none'"),
        ("slower_than = 0.5", "", "check 3 (slow) slower_than is missing"),
        ("slower_than = 0.5", 'slower_than = 0.5\nempty = "zero"', "empty belongs to bad, and this check has buckets"),
        ("slower_than = 0.5", "slower_than = 0.5\nmax = 1", "a check has one rule"),
        ("total = 'predictions_total{version=\"{version}\"}'", "", "total is missing: bad ones alone are no share"),
        ("total = 'predictions_total{version=\"{version}\"}'", "total = 'predictions_total'",
         "total does not name the version: it would judge whatever runs"),
        ('version="{version}",status', 'version="{vresion}",status', "bad: {vresion} is unknown"),
        ('command = "python scripts/live_loss.py"', "command = []", "command must be a text"),
        ("/versions/{version}/ready", "/ready", "url does not name the version"),
        ("/versions/{version}/ready\"", "/versions/{version}/ready\"\nmax = 1", "min and max need pointer"),
        ("/versions/{version}/ready\"", "/versions/{version}/ready\"\nexpected = 0.1", "a status is no score"),
        ('ready"', 'ready"\nstatus = [9]', "status must hold HTTP statuses, not [9]"),
        ('ready"', 'ready"\nstatus = 200', "status must be a list of whole numbers"),
        ('pointer = "/drift/0"', 'pointer = "drift"', 'pointer must be a JSON pointer such as "/loss", not \'drift\''),
        ('"DRIFT_TOKEN"', '"s3cr3t-t0ken"', "token_from must be the name of an environment variable"),
        ("min = -1", 'min = -1\ntimeout = "11m"', "timeout must be from 1s to 10m, not 11m"),
        ("min = -1", 'min = -1\nany_version = "yes"', "any_version must be true or false, not 'yes'"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_key(before: str, after: str, message: str) -> None:
    assert before in EXAMPLE
    with pytest.raises(UsageError) as caught:
        parse(EXAMPLE.replace(before, after, 1))
    assert message in caught.value.message
    assert caught.value.message.startswith(WHERE)
    assert "s3cr3t" not in caught.value.message


def test_a_query_without_the_version_is_allowed_if_the_check_says_so() -> None:
    check = Check.parse({"name": "up", "value": "up", "min": 1, "any_version": True}, WHERE)
    assert (check.any_version, check.source) == (True, Gauge("up"))


def test_a_section_without_a_check_names_the_section_to_add() -> None:
    with pytest.raises(UsageError, match=r"\[guard.prod\] has no check") as caught:
        Guard.parse({}, WHERE)
    assert caught.value.hint == "add a section [[guard.prod.check]]"


@pytest.mark.parametrize("table", [[], "x", {"check": {}}, {"check": ["x"]}])
def test_what_is_no_table_is_refused(table: object) -> None:
    with pytest.raises(UsageError, match="must be a"):
        Guard.parse(table, WHERE)


def test_a_long_interval_has_a_patience_that_fits() -> None:
    guard = Guard.parse({"interval": "1h", "check": [{"name": "c", "command": "true", "max": 1}]}, WHERE)
    assert (guard.patience, guard.stale_after) == (7200, 7200)


@pytest.mark.parametrize(
    ("text", "seconds", "again"),
    [("30s", 30, "30s"), ("10m", 600, "10m"), ("24h", 86_400, "1d"), ("90d", 7_776_000, "90d"), ("90m", 5400, "1.5h"),
     ("0s", 0, "0s"), ("45 s", 45, "45s")],
)  # fmt: skip
def test_a_length_of_time_has_a_unit(text: str, seconds: int, again: str) -> None:
    assert parse_duration(text) == seconds
    assert format_duration(seconds) == again


@pytest.mark.parametrize("text", ["", "30", "s", "-5s", "1.5h", "30S", "1h30m", "٣s", "9999999999d", "30s\n"])
def test_anything_else_is_no_length_of_time(text: str) -> None:
    with pytest.raises(ValueError, match="is no length of time"):
        parse_duration(text)


def test_the_example_in_the_documentation_is_read() -> None:
    page = (Path(__file__).parents[2] / "docs/guard.md").read_text()
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    guard = Config.parse(example).guard["prod"]
    assert [check.name for check in guard.checks] == ["errors", "slow", "p99", "ready", "log loss"]
    assert guard.token_from.startswith("PROMETHEUS_")


def test_a_mistake_in_a_guard_names_its_section() -> None:
    with pytest.raises(UsageError, match=r"lastgood.toml: \[guard.prod\] has no check"):
        Config.parse("[guard.prod]\n")
    with pytest.raises(UsageError, match=r"lastgood.toml: \[guard\] must be a table"):
        Config.parse("guard = 5\n")
