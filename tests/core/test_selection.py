from pathlib import PurePosixPath

import pytest

from lastgood.core.manifest import Manifest, Output
from lastgood.core.selection import Wanted, nameable_paths, pins_artifact, select, unmatched, whole

FILE, DIRECTORY = "a" * 32, "b" * 32 + ".dir"


def manifest(*paths: str, path: str = "models/model.pkl", needed: tuple[str, ...] = ()) -> Manifest:
    """A version whose outputs lie at these paths; those that end in a slash are directories."""
    outputs = [Output(PurePosixPath(one), DIRECTORY if one.endswith("/") else FILE) for one in paths]
    return Manifest("flights", "v1.0.0", "c", "t", ".", path, outputs=tuple(outputs), needed=needed)


ONE = manifest("data/raw/", "models/model.pkl", "models/vocabulary.txt")
TEAMS = manifest("air/model.pkl", "air/words.txt", "rail/model.pkl", path="air/model.pkl", needed=("air/words.txt",))


@pytest.mark.parametrize(
    ("version", "outputs", "own", "chosen"),
    [
        (ONE, (), False, "data/raw models/model.pkl models/vocabulary.txt"),
        (ONE, ("models/",), False, "models/model.pkl models/vocabulary.txt"),
        (ONE, ("./models/model.pkl",), False, "models/model.pkl"),
        (ONE, ("models/vocabulary.txt",), False, "models/model.pkl models/vocabulary.txt"),  # never without its own
        (ONE, ("data",), False, "data/raw models/model.pkl"),
        (ONE, ("data/raw/2013/january.csv",), False, "data/raw models/model.pkl"),  # part of a directory output
        (ONE, ("modles/",), False, "data/raw models/model.pkl models/vocabulary.txt"),  # nothing can be missing
        (ONE, ("models/", "modles/"), True, "data/raw models/model.pkl models/vocabulary.txt"),
        (TEAMS, (), False, "air/model.pkl air/words.txt"),
        (TEAMS, ("air/words.txt",), False, "air/model.pkl air/words.txt"),
        (TEAMS, ("rail/",), True, "air/model.pkl rail/model.pkl"),
        (TEAMS, ("rail/",), False, "air/model.pkl air/words.txt"),
        (TEAMS, (".",), True, "air/model.pkl air/words.txt rail/model.pkl"),
        (manifest("store/", path="store/best/model.pkl"), ("store/",), False, "store"),
        (manifest("data/raw/", "x.txt", path="store/model.pkl"), ("x.txt",), False, "x.txt"),  # its model is in git
        (manifest("data/raw/", "x.txt", path="s3://bucket/model"), ("x.txt",), False, "x.txt"),
        (manifest("data/raw/", "x.txt", path=""), ("x.txt",), False, "x.txt"),  # registered and not declared
        (manifest("m/a.bin", "m/b.bin", "x.txt", path="m"), ("x.txt",), False, "m/a.bin m/b.bin x.txt"),
    ],
)
def test_a_selection_holds_what_is_named_and_the_artifact(
    version: Manifest, outputs: tuple[str, ...], own: bool, chosen: str
) -> None:
    assert [str(one.path) for one in select(version, Wanted(outputs, "[release.prod]", own))] == chosen.split()


@pytest.mark.parametrize(
    ("version", "outputs", "own", "strange"),
    [
        (ONE, ("models/", "data/raw"), False, ()),
        (ONE, ("models/", "modles/", "../models"), False, ("modles/", "../models")),
        (ONE, ("/models", "model"), False, ("/models", "model")),
        (ONE, ("models/model.pkl/part",), False, ("models/model.pkl/part",)),  # a file has no parts
        (TEAMS, ("rail/", "air/"), False, ("rail/",)),
        (TEAMS, ("rail/", "air/"), True, ()),
    ],
)  # fmt: skip
def test_entries_that_match_no_output_are_named(
    version: Manifest, outputs: tuple[str, ...], own: bool, strange: tuple[str, ...]
) -> None:
    assert unmatched(version, Wanted(outputs, "[release.prod]", own)) == strange


def test_what_a_manifest_needs_is_whole_and_never_without_the_artifact() -> None:
    assert whole(ONE) == ONE.outputs
    assert [str(one.path) for one in whole(TEAMS)] == ["air/model.pkl", "air/words.txt"]


@pytest.mark.parametrize(
    ("version", "code", "pinned"),
    [
        (ONE, {}, True),
        (manifest("data/raw/"), {}, False),
        (manifest("data/raw/"), {"models/model.pkl.dvc": "100644"}, False),
        (manifest("data/raw/"), {"models/model.pkl": "100644"}, True),
        (manifest("data/raw/", path="models"), {"models/.gitignore": "100644"}, True),
        (manifest("data/raw/"), {"models": "120000"}, True),  # a link may lead to an output
        (manifest("data/raw/", path="s3://bucket/model"), {}, True),
        (manifest("data/raw/", path=""), {}, True),
    ],
)
def test_a_version_that_lacks_its_artifact_is_known(version: Manifest, code: dict[str, str], pinned: bool) -> None:
    assert pins_artifact(version, code) is pinned


def test_every_place_that_could_be_meant() -> None:
    assert nameable_paths(ONE.outputs) == ("data", "data/raw", "models", "models/model.pkl", "models/vocabulary.txt")
