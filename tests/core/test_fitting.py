"""Which code and outputs can lie in one directory, as a table."""

from collections.abc import Mapping
from pathlib import PurePosixPath

import pytest

from lastgood.core.fitting import fit
from lastgood.core.listing import Member
from lastgood.core.manifest import Output

FILE, LINK = True, False
MODEL = Output(PurePosixPath("models/model.txt"), "a" * 32)
DATA = Output(PurePosixPath("data/raw"), "d" * 32 + ".dir")
METRICS = Output(PurePosixPath("metrics.json"), "b" * 32, storage="git")
PLOTS = Output(PurePosixPath("plots"), "c" * 32 + ".dir", storage="git")
ADDRESS = Output(PurePosixPath("train.py"), "", storage="url")
LISTED = [Member("a.csv", "1" * 32), Member("deep/b.csv", "2" * 32)]
HELD = {"data/raw/a.csv": "1" * 32, "data/raw/deep/b.csv": "2" * 32, "models/model.txt": "a" * 32}
"""What the code's files have for content, where they are the outputs' own."""


def judge(code: Mapping[str, bool], *, same: bool = True) -> tuple[list[tuple[str, str]], tuple[str, ...], list[str]]:
    held = HELD if same else {}
    outputs = (MODEL, DATA, METRICS, PLOTS, ADDRESS)
    code = {"train.py": FILE, "metrics.json": FILE, "plots/one.png": FILE, **code}
    found = fit(code, outputs, lambda output: LISTED if output == DATA else [], lambda path, md5: held.get(path) == md5)
    return [(one.kind, one.subject) for one in found.findings], found.tracked, sorted(found.shared)


@pytest.mark.parametrize(
    ("code", "tracked", "shared"),
    [
        ({}, (), []),
        ({"release.json": FILE, "models/other": FILE, "data/link": LINK}, (), []),
        ({"data/raw/.gitkeep": FILE, "data/raw/new/x": FILE}, ("data/raw/.gitkeep", "data/raw/new/x"), []),
        ({"data/raw/link": LINK}, ("data/raw/link",), []),
        ({"data/raw/a.csv": FILE, "data/raw/c": FILE}, ("data/raw/c",), ["data/raw/a.csv"]),
        ({"models/model.txt": FILE}, (), ["models/model.txt"]),
    ],
)
def test_what_can_lie_side_by_side_fits(code: Mapping[str, bool], tracked: tuple[str, ...], shared: list[str]) -> None:
    assert judge(code) == ([], tracked, shared)


@pytest.mark.parametrize(
    ("code", "kind", "subject"),
    [
        ({"models": FILE}, "collision", "models/model.txt"),
        ({"models": LINK}, "collision", "models/model.txt"),
        ({"data": LINK}, "collision", "data/raw"),
        ({"data/raw": LINK}, "collision", "data/raw"),
        ({"data/raw": FILE}, "collision", "data/raw"),
        ({"models/model.txt": LINK}, "collision", "models/model.txt"),
        ({"models/model.txt/x": FILE}, "collision", "models/model.txt"),
        ({"data/raw/a.csv": LINK}, "collision", "data/raw/a.csv"),
        ({"data/raw/a.csv/x": FILE}, "collision", "data/raw/a.csv"),
        ({"data/raw/deep": FILE}, "collision", "data/raw/deep"),
        ({"data/raw/deep": LINK}, "collision", "data/raw/deep"),
        ({"metrics.json": LINK}, "not-in-git", "metrics.json"),
    ],
)
def test_what_wants_one_place_twice_is_named(code: Mapping[str, bool], kind: str, subject: str) -> None:
    assert judge(code)[0] == [(kind, subject)]


@pytest.mark.parametrize("path", ["models/model.txt", "data/raw/a.csv", "data/raw/deep/b.csv"])
def test_one_path_with_two_contents_is_named(path: str) -> None:
    assert judge({path: FILE}, same=False)[0] == [("collision", path)]


def test_an_output_that_git_should_hold_and_does_not_is_named() -> None:
    found = fit({}, (METRICS, PLOTS), lambda _: [], lambda _path, _md5: False)
    assert [(one.kind, one.subject) for one in found.findings] == [
        ("not-in-git", "metrics.json"),
        ("not-in-git", "plots"),
    ]


def test_listings_are_asked_for_only_where_code_lies_inside() -> None:
    asked: list[Output] = []

    def members(output: Output) -> list[Member]:
        asked.append(output)
        return []

    fit({"data/other": FILE, "models/other": FILE}, (MODEL, DATA), members, lambda *_: True)
    assert asked == []
