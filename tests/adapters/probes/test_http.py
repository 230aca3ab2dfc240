"""A server answers with its status or a number; a redirect, a login page or a wrong version is never a value."""

import pytest

from lastgood.core.checks import Kind
from tests.adapters.probes.conftest import Ask
from tests.adapters.probes.server import Server, serve


def loss(server: Server, **more: object) -> dict[str, object]:
    return {"url": f"{server.url}/versions/{{version}}/drift", "pointer": "/losses/1", "max": 1, **more}


def ready(server: Server, **more: object) -> dict[str, object]:
    return {"url": f"{server.url}/versions/{{version}}/ready", **more}


def test_a_number_at_a_pointer_is_a_value_and_the_version_is_in_the_address(server: Server, ask_check: Ask) -> None:
    server.says({"losses": [0.1, 0.7]})
    sample = ask_check(loss(server))
    assert (sample.kind, sample.value) == (Kind.VALUE, 0.7)
    assert server.asked == ["/versions/v2.0.0/drift"]


@pytest.mark.parametrize(
    ("pointer", "value"),
    [("/a~1b", 1.0), ("/m~0n", 2.0), ("/list/0/x", 3.0), ("/", 4.0), ("/list/1", 5.0)],
)
def test_pointers_are_those_of_rfc_6901(server: Server, ask_check: Ask, pointer: str, value: float) -> None:
    server.says({"a/b": 1, "m~n": 2, "list": [{"x": 3}, 5], "": 4})
    assert ask_check(loss(server, pointer=pointer)).value == value


@pytest.mark.parametrize(
    ("document", "status", "kind", "why"),
    [
        ({"losses": [0.1]}, 200, Kind.EMPTY, "there is nothing at /losses/1"),
        ({"losses": {"1": None}}, 200, Kind.EMPTY, "is null"),
        ({"losses": [0, "0.7"]}, 200, Kind.ERROR, "is no number: '0.7'"),
        ({"losses": [0, True]}, 200, Kind.ERROR, "is no number: True"),
        (b'{"losses": [0, NaN]}', 200, Kind.NAN, "is nan"),
        (b'{"losses": [0, 1e999]}', 200, Kind.NAN, "is inf"),
        (b"[" * 100_000, 200, Kind.ERROR, "instead of JSON"),
        (b"<html>Sign in</html>", 200, Kind.ERROR, "instead of JSON (is there a login page?)"),
        (b"", 200, Kind.ERROR, "instead of JSON"),
        ({"losses": [0, 9]}, 500, Kind.ERROR, "status 500: only an answer with a good status has a number"),
        ({"losses": [0, 9]}, 302, Kind.ERROR, "status 302"),
        (b" " * (4 << 20) + b"5", 200, Kind.ERROR, "longer than 4 MiB"),
    ],
)
def test_everything_else_is_no_value(
    server: Server, ask_check: Ask, document: object, status: int, kind: Kind, why: str
) -> None:
    server.says(document, status)
    sample = ask_check(loss(server))
    assert why in sample.why
    assert (sample.kind, sample.value) == (kind, None)


@pytest.mark.parametrize(
    ("status", "healthy", "kind", "value"),
    [
        (200, [], Kind.VALUE, 0.0),
        (204, [], Kind.VALUE, 0.0),
        (500, [], Kind.VALUE, 1.0),
        (503, [], Kind.VALUE, 1.0),
        (200, [204], Kind.ERROR, None),
        (503, [503], Kind.VALUE, 0.0),
        (302, [], Kind.ERROR, None),
        (401, [], Kind.ERROR, None),
        (403, [], Kind.ERROR, None),
        (404, [], Kind.ERROR, None),
        (429, [], Kind.ERROR, None),
    ],
)
def test_a_status_is_good_or_a_fault_of_the_server_or_says_nothing(
    server: Server, ask_check: Ask, status: int, healthy: list[int], kind: Kind, value: float | None
) -> None:
    server.says(b"", status, Location="/login")
    sample = ask_check(ready(server, status=healthy))
    assert (sample.kind, sample.value) == (kind, value)


def test_a_redirect_is_not_followed_and_no_token_goes_anywhere_else(server: Server, ask_check: Ask) -> None:
    with serve() as other:
        server.says(b"", 307, Location=f"{other.url}/login?token=abc")
        sample = ask_check(loss(server, token_from="TOKEN"), TOKEN="s3cr3t")  # noqa: S106  # a test's
        assert other.asked == []
    assert server.headers[0]["Authorization"] == "Bearer s3cr3t"
    assert sample.kind is Kind.ERROR
    assert "/login?token=***" in sample.why


@pytest.mark.parametrize("token", [None, "", "  ", "a\nX-Injected: 1", "ünïcode"])
def test_a_token_that_is_missing_or_cannot_be_one_is_not_sent(
    server: Server, ask_check: Ask, token: str | None
) -> None:
    named = {"token_from": "TOKEN"}
    sample = ask_check(loss(server, **named), **({} if token is None else {"TOKEN": token}))
    assert sample.kind is Kind.ERROR
    assert sample.why.startswith("the environment variable TOKEN")
    assert "Injected" not in sample.why
    assert server.asked == []


def test_the_answer_must_be_about_the_version_asked_for(server: Server, ask_check: Ask) -> None:
    check = {"url": f"{server.url}/drift", "pointer": "/loss", "version_at": "/version", "max": 1}
    server.says({"loss": 0.9, "version": "v2.0.0"})
    assert ask_check({**check}).value == 0.9
    server.says({"loss": 0.9, "version": "v1.0.0"})
    assert ask_check({**check}).why == "the answer is about 'v1.0.0', not about v2.0.0"
    server.says({"loss": 0.9})
    assert ask_check({**check}).kind is Kind.EMPTY


@pytest.mark.parametrize("fault", ["stall", "drip"])
def test_a_server_that_is_silent_or_never_ends_has_a_deadline(server: Server, ask_check: Ask, fault: str) -> None:
    server.says({"losses": [0, 1]})
    setattr(server, fault, 60.0)
    sample = ask_check(loss(server, timeout="1s"))
    assert sample.kind is Kind.ERROR
    assert "did not answer in time" in sample.why


def test_a_server_that_is_not_there_is_an_error(ask_check: Ask) -> None:
    with serve() as gone:
        check = ready(gone)
    sample = ask_check(check)
    assert sample.kind is Kind.ERROR
    assert "refused" in sample.why


def test_an_answer_that_is_cut_off_is_an_error(server: Server, ask_check: Ask) -> None:
    """Else a part of a number would be a value."""
    server.answer = lambda _path: (200, b'{"losses": [0, 1]}', {"Content-Length": "5000"})
    sample = ask_check(loss(server, timeout="2s"))
    assert (sample.kind, sample.why) == (Kind.ERROR, "the answer was cut off")
