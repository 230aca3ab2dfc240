"""Who may sign what, and tags that contradict themselves; signatures themselves are in tests/operations."""

import pytest

from lastgood.core import tags
from lastgood.core.building import build_registry
from lastgood.core.events import TagObject
from lastgood.core.messages import Message, format_message
from lastgood.core.signing import Rules, Signature, Verdicts, inspect, judge
from lastgood.errors import RefusedError
from tests.core.histories import NOW, journal, own, script, tag

KEY = "0F5E2F71CB765E5702616EFE00BC288487D1C4D7"
SIGNED = Signature(("ada",))


def named(name: str) -> tags.TagName:
    found = tags.parse(name)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("required", "name", "expected"),
    [
        (False, "flights@v1.0.0", False),
        (True, "flights@v1.0.0", True),
        (True, "flights#canary#1", True),
        (("prod",), "flights#prod#1", True),
        (("prod",), "flights#prod!#2", True),
        (("prod",), "flights#canary#1", False),
        (("prod",), "flights#stable#1", True),
        (("prod",), "flights@v1.0.0", True),
        (("prod",), "flights@deprecated", True),
        ((), "flights@v1.0.0", False),
    ],
)
def test_what_must_be_signed(required: bool | tuple[str, ...], name: str, expected: bool) -> None:
    assert Rules(required).require(named(name)) is expected


@pytest.mark.parametrize(
    ("signers", "name", "found", "expected"),
    [
        ({}, "flights#prod#1", ("ada",), True),
        ({}, "flights#prod#1", (KEY,), False),
        ({"*": ("bob",)}, "flights#prod#1", ("ada",), False),
        ({"*": ("bob",), "prod": ("ada",)}, "flights#prod#1", ("ada",), True),
        ({"*": ("bob",), "prod": ("ada",)}, "flights#prod#1", ("bob",), False),
        ({"prod": ("ada",)}, "flights#canary#1", ("bob",), True),
        ({"register": ("ci",)}, "flights@v1.0.0", ("ada",), False),
        ({"register": ("ci",)}, "flights@v1.0.0", ("ada", "ci"), True),
        ({"prod": ()}, "flights#prod#1", ("ada",), False),
        ({"prod": (f"{KEY[:20].lower()} {KEY[20:]}",)}, "flights#prod#1", (KEY,), True),
    ],
)
def test_who_may_sign(signers: dict[str, tuple[str, ...]], name: str, found: tuple[str, ...], expected: bool) -> None:
    assert Rules(True, signers).allow(named(name), found) is expected


@pytest.mark.parametrize(
    ("signature", "header", "kind"),
    [
        (SIGNED, "flights#prod#1", None),
        (Signature(), "flights#prod#1", "unsigned"),
        (Signature(why="has a bad signature"), "flights#prod#1", "signer"),
        (Signature(("eve",)), "flights#prod#1", "signer"),
        (SIGNED, "flights#prod#9", "disagrees"),
        (SIGNED, "", "disagrees"),
        (Signature(("ada",), strange="its message is about trains"), "flights#prod#1", "disagrees"),
    ],
)
def test_what_counts(signature: Signature, header: str, kind: str | None) -> None:
    rules = Rules(True, {"prod": ("ada",)})
    said = tag("flights#prod#1")._replace(header=header)
    finding = judge(rules, said, named("flights#prod#1"), signature)
    assert (finding and finding.kind) == kind


def registration(manifest: str, commit: str = "c1") -> TagObject:
    trailers = {"Artifact": "flights", "Version": "v1.0.0", "Actor": "Ada", "Manifest": "sha256:1"}
    return tag("flights@v1.0.0", commit=commit, message=format_message(Message("S", "", manifest, trailers)))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (registration('{"artifact":"flights","commit":"c1","version":"v1.0.0"}'), ""),
        (registration('{"artifact":"flights","commit":"c1","version":"v1.0.0"}', "c2"), "its manifest is that of"),
        (registration('{"artifact":"trains","commit":"c1","version":"v1.0.0"}'), "its manifest is that of trains"),
        (registration("[]"), "its manifest cannot be read"),
        (registration("{"), "its manifest cannot be read"),
        (tag("flights@v1.0.0", message=own("v2.0.0")), "its message is about v2.0.0"),
        (tag("flights@v1.0.0", message=own("v1.0.0", artifact="trains")), "its message is about trains"),
        (tag("flights@v1.0.0"), ""),
    ],
)
def test_a_tag_that_contradicts_itself(said: TagObject, words: str) -> None:
    found = inspect(said, named(said.name))
    assert found.startswith(words)
    assert bool(found) == bool(words)


def test_what_is_refused_is_as_if_it_were_not_there() -> None:
    objects = script("v1.0.0", "v2.0.0", "v1.0.0 stable", "v1.0.0 prod", "v2.0.0 prod", "v2.0.0 stable")
    objects = [one._replace(header=one.name) for one in objects]
    rules = Rules(True)
    (finding,) = filter(None, [judge(rules, objects[1], named(objects[1].name), Signature())])
    verdicts = Verdicts(rules, {objects[1].name: finding})
    history = build_registry(objects, {"flights": journal(*objects)}, NOW, verdicts=verdicts).history("flights")
    assert [version.text for version in history.versions] == ["v1.0.0"]
    assert history.assigned["prod"].version == "v1.0.0"
    assert [(one.kind, one.subject) for one in history.findings] == [
        ("unsigned", "flights@v2.0.0"),
        ("refused", "flights#prod#5"),
        ("refused", "flights#stable#6"),
    ]
    assert history.counter == 6
    with pytest.raises(RefusedError, match=r"flights@v2\.0\.0 is not signed; it does not count"):
        history.version("v2.0.0")


def test_an_assignment_to_another_commit_than_its_versions_is_told_and_signed_it_does_not_count() -> None:
    objects = script("v1.0.0", "v1.0.0 prod")
    objects[1] = objects[1]._replace(commit="elsewhere")
    for rules, assigned in ((Rules(), {"prod"}), (Rules(True), set[str]())):
        history = build_registry(objects, {"flights": journal(*objects)}, NOW, verdicts=Verdicts(rules)).history(
            "flights"
        )
        assert [(one.kind, one.subject) for one in history.findings] == [("disagrees", "flights#prod#2")]
        assert set(history.assigned) == assigned
