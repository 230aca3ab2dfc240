import json
from hashlib import md5

import pytest

from lastgood.core.listing import Member, clashes, is_md5, parse_listing, why_unsafe
from lastgood.errors import FindingsError

FOO = "acbd18db4cc2f85cedef654fccc4a4d8"


def listing(*entries: tuple[object, object]) -> tuple[bytes, str]:
    data = json.dumps([{"md5": value, "relpath": path} for path, value in entries]).encode()
    return data, md5(data).hexdigest() + ".dir"


def parse(data: bytes, identifier: str) -> tuple[Member, ...]:
    return parse_listing(data, identifier, subject="data/raw")


def test_a_listing_gives_its_members() -> None:
    data, identifier = listing(("a.csv", FOO), ("sub/b.csv", FOO))
    assert parse(data, identifier) == (Member("a.csv", FOO), Member("sub/b.csv", FOO))


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../x", "a/../../x", "", "a//b", "./a", ".git/hooks/x", "a/.GIT/config", ".dvc/config", "a\0b", 7],
)
def test_a_hostile_member_is_refused_by_name(path: object) -> None:
    data, identifier = listing(("good.csv", FOO), (path, FOO))
    with pytest.raises(FindingsError) as caught:
        parse(data, identifier)
    assert [finding.kind for finding in caught.value.findings] == ["unsafe-path"]
    assert repr(path) in str(caught.value.findings[0])


@pytest.mark.parametrize("value", ["../../../etc/passwd", FOO.upper(), FOO + ".dir", FOO[:-1], None, FOO + "\n"])
def test_a_member_without_a_plain_md5_is_refused(value: object) -> None:
    with pytest.raises(FindingsError) as caught:
        parse(*listing(("a.csv", value)))
    assert caught.value.findings[0].kind == "bad-hash"


@pytest.mark.parametrize(
    ("one", "two"), [("a", "a"), ("A.csv", "a.csv"), ("a", "a/b"), ("a/B", "A/b/c"), ("\u00e9", "e\u0301")]
)
def test_members_that_cannot_both_exist_are_refused(one: str, two: str) -> None:
    with pytest.raises(FindingsError, match="refused"):
        parse(*listing((one, FOO), (two, FOO)))
    assert clashes([one, two])


def test_ten_thousand_plain_members_do_not_clash() -> None:
    assert clashes(f"part-{number % 7}/{number}.csv" for number in range(10_000)) == ()


@pytest.mark.parametrize("data", [b"not json", b"{}", b"[1]", b'[{"relpath": "a"}]', b"\xff"])
def test_bytes_that_are_no_listing_are_corrupted(data: bytes) -> None:
    with pytest.raises(FindingsError) as caught:
        parse(data, md5(data).hexdigest() + ".dir")
    assert caught.value.findings[0].kind == "corrupted"


def test_a_listing_whose_bytes_changed_is_corrupted() -> None:
    data, identifier = listing(("a.csv", FOO))
    with pytest.raises(FindingsError, match="corrupted"):
        parse(data + b" ", identifier)


def test_safe_paths_and_ids() -> None:
    assert why_unsafe("models/.gitignore") == "" == why_unsafe("a b/…")
    assert is_md5(FOO)
    assert is_md5(FOO + ".dir")
    assert not is_md5(None)
