from dataclasses import replace
from pathlib import PurePosixPath

import pytest

from lastgood.core.manifest import Environment, Manifest, Output
from lastgood.core.preflight import Code, Facts, Missing, check, check_tags
from lastgood.errors import Finding, Flaw
from tests.core.histories import history_of

HISTORY = history_of("v1.0.0")
VERSION = HISTORY.version("v1.0.0")
DATA = Output(PurePosixPath("data/raw"), "d" * 32 + ".dir")
MODEL = Missing(Output(PurePosixPath("models/model.txt"), "a" * 32), "a" * 32)
MEMBER = Missing(DATA, "b" * 32, "x.csv")
MANIFEST = Manifest(
    "flights", "v1.0.0", VERSION.commit, "t", ".", "m", environment=Environment("3.11", "uv.lock", "sha256:1")
)
CODE = Code("t", {"m": "100644", "train.py": "100644"}, lock="sha256:1")
FINE = Facts(MANIFEST, CODE, missing_here=(), missing_on_remote=())
BAD = replace(CODE, tree="u", modes={}, strange=("sub",), reserved=(".lastgood",), lock=None)


def coded(**more: object) -> Facts:
    return replace(FINE, code=replace(CODE, **more))  # type: ignore[arg-type]  # Code's own fields


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (FINE, []),
        (replace(FINE, code=None), [("code", VERSION.commit)]),
        (coded(strange=("sub", "big.bin")), [("code", "sub"), ("code", "big.bin")]),
        (coded(reserved=(".lastgood",)), [("code", ".lastgood")]),
        (coded(tree="u"), [("code", VERSION.commit)]),
        (coded(modes={"train.py": "100644"}), [("path", "m")]),
        (coded(unfit=(Finding(Flaw.COLLISION, "x", ""),)), [("collision", "x")]),
        (coded(lock=None), [("environment", "uv.lock")]),
        (coded(lock="sha256:2"), [("environment", "uv.lock")]),
        (replace(FINE, missing_here=(MODEL,)), []),
        (replace(FINE, missing_on_remote=(MODEL,)), []),
        (replace(FINE, missing_here=(MODEL, MEMBER), missing_on_remote=(MEMBER,)), [("missing", "data/raw/x.csv")]),
        (replace(FINE, missing_here=(MODEL,), missing_on_remote=None), [("missing", "models/model.txt")]),
        (replace(FINE, missing_here=None, missing_on_remote=(MEMBER,)), [("missing", "data/raw/x.csv")]),
        (
            replace(FINE, code=BAD, missing_here=(MODEL,), missing_on_remote=(MODEL,), built=True),
            [("code", ".lastgood")],
        ),
        (
            replace(FINE, code=None, missing_here=(MODEL,), missing_on_remote=(MODEL,)),
            [("code", VERSION.commit), ("missing", "models/model.txt")],
        ),
        (
            replace(FINE, code=BAD, missing_on_remote=None, missing_here=(MODEL,)),
            [
                ("code", "sub"),
                ("code", VERSION.commit),
                ("code", ".lastgood"),
                ("path", "m"),
                ("environment", "uv.lock"),
                ("missing", "models/model.txt"),
            ],
        ),
    ],
)
def test_everything_in_the_way_is_told_at_once(facts: Facts, told: list[tuple[str, str]]) -> None:
    assert [(finding.kind, finding.subject) for finding in check(VERSION, facts)] == told


@pytest.mark.parametrize(
    ("here", "remote", "words"),
    [
        ((MODEL,), (MODEL,), "is neither in the cache nor on the remote"),
        (None, (MODEL,), "is not on the remote"),
        ((MODEL,), None, "is not in the cache"),
    ],
)
def test_a_missing_object_is_named_with_where_it_was_looked_for(
    here: tuple[Missing, ...] | None, remote: tuple[Missing, ...] | None, words: str
) -> None:
    (finding,) = check(VERSION, replace(FINE, missing_here=here, missing_on_remote=remote))
    assert str(finding) == f"models/model.txt ({'a' * 32}) {words}"


def test_what_is_wrong_with_another_versions_tag_is_not_in_the_way() -> None:
    mine = [Finding(kind, VERSION.event.tag, "") for kind in (Flaw.MOVED, Flaw.DELETED, Flaw.UNJOURNALED)]
    others = [Finding(Flaw.MOVED, "flights@v2.0.0", ""), Finding(Flaw.ORDER, VERSION.event.tag, "")]
    assert check_tags(replace(HISTORY, findings=(*mine, *others)), VERSION) == tuple(mine)
