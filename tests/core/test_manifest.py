import json
from dataclasses import replace
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastgood.core.listing import clashes
from lastgood.core.manifest import SHORT_LIMIT, Environment, Json, Manifest, Output

PATHS = st.from_regex(r"[a-zé ]{1,8}(/[a-z.]{1,5}x)?", fullmatch=True).map(PurePosixPath)
OUTPUTS = st.builds(
    Output,
    path=PATHS,
    md5=st.sampled_from(["0" * 32, "1" * 32 + ".dir"]),
    size=st.one_of(st.none(), st.integers(0)),
    files=st.one_of(st.none(), st.integers(0)),
    sha256=st.one_of(st.none(), st.just("2" * 64)),
    storage=st.sampled_from(["dvc", "git", "url"]),
    legacy=st.booleans(),
    executable=st.booleans(),
    remote=st.one_of(st.none(), st.just("other")),
)
VALUES: st.SearchStrategy[Json] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.lists(st.integers())
)
MANIFESTS = st.builds(
    Manifest,
    artifact=st.just("flights"),
    version=st.just("v1.0.0"),
    commit=st.just("c" * 40),
    tree=st.just("t" * 40),
    project=st.just("."),
    path=st.just("models/model.txt"),
    outputs=st.lists(OUTPUTS, max_size=4).map(tuple).filter(lambda some: not clashes(str(one.path) for one in some)),
    data=st.lists(st.text(), max_size=2).map(tuple),
    metrics=st.dictionaries(st.text(), VALUES, max_size=3),
    parameters=st.dictionaries(st.text(), VALUES, max_size=3),
    environment=st.builds(Environment, python=st.just("3.11"), lock=st.none(), digest=st.just("sha256:1")),
)


def manifest(*, metrics: int = 0, parameters: int = 0, outputs: int = 0) -> Manifest:
    return Manifest(
        "flights", "v1.0.0", "c" * 40, "t" * 40, ".", "models/model.txt",
        tuple(Output(PurePosixPath(f"data/{number}"), f"{number:032x}") for number in range(outputs)),
        metrics={f"metrics.json:{number}": number for number in range(metrics)},
        parameters={f"params.yaml:{number}": number for number in range(parameters)},
    )  # fmt: skip


@given(MANIFESTS)
def test_a_manifest_comes_back_as_it_was(before: Manifest) -> None:
    text = str(before)
    assert Manifest.from_json(json.loads(text)) == before
    assert "\n" not in text
    assert text.isascii()
    assert Manifest.from_json(json.loads(text)).digest == before.digest


def test_what_a_later_lastgood_adds_is_ignored() -> None:
    document = manifest(outputs=1).to_json()
    later = json.loads(json.dumps(document))
    later["new"] = later["outputs"][0]["new"] = later["environment"]["new"] = 1
    assert Manifest.from_json(later) == manifest(outputs=1)


@pytest.mark.parametrize("document", [[], {}, "x", {"artifact": "a"}, {"outputs": 3}, None, {"outputs": [{}]}])
def test_what_is_no_manifest_is_refused(document: object) -> None:
    with pytest.raises(ValueError, match="not a manifest"):
        Manifest.from_json(document)  # type: ignore[arg-type]  # on purpose


OUTSIDE: list[dict[str, object]] = [
    {"project": "../elsewhere"},
    {"outputs": [{"path": "../x", "md5": "0" * 32}]},
    {"outputs": [{"path": ".git/hooks/x", "md5": "0" * 32}]},
    {"outputs": [{"path": "x", "md5": "../../../../etc/passwd"}]},
    {"outputs": [{"path": "x", "md5": "0" * 32}, {"path": "X", "md5": "0" * 32}]},
    {"environment": {"lock": "/etc/passwd"}},
]


@pytest.mark.parametrize("change", OUTSIDE)
def test_a_manifest_that_names_a_place_outside_of_its_version_is_refused(change: dict[str, object]) -> None:
    document = {**manifest(outputs=1).to_json(), **change}
    with pytest.raises(ValueError, match=r"an output|not a DVC object|clash|absolute|`..`"):
        Manifest.parse(json.dumps(document))


@pytest.mark.parametrize(
    ("parts", "kept"),
    [
        ({"metrics": 10, "parameters": 10, "outputs": 10}, {"metrics", "parameters", "outputs"}),
        ({"metrics": 10, "parameters": 2000, "outputs": 10}, {"metrics", "outputs"}),
        ({"metrics": 10, "parameters": 10, "outputs": 2000}, {"metrics"}),
        ({"metrics": 2000, "parameters": 10, "outputs": 10}, set()),
    ],
)
def test_the_short_form_gives_way_in_order_and_says_so(parts: dict[str, int], kept: set[str]) -> None:
    line = manifest(**parts).short()
    document = json.loads(line)
    assert len(line) <= SHORT_LIMIT
    assert {key for key in parts if document[key]} == kept
    assert document.get("cut", False) == (len(kept) < 3)
    assert Manifest.from_json(document).commit == "c" * 40


def test_outputs_in_git_or_at_a_url_are_not_asked_of_the_remote() -> None:
    stored, kept = Output(PurePosixPath("a"), "0" * 32 + ".dir"), Output(PurePosixPath("b"), "0" * 32, storage="git")
    whole = Manifest("flights", "v1.0.0", "c", "t", ".", "a", (stored, kept))
    assert whole.stored == (stored,)
    assert (stored.is_directory, kept.is_directory) == (True, False)


def test_what_an_artifact_needs_is_recorded_where_it_is_not_all() -> None:
    part = replace(manifest(outputs=2), needed=("data/1",))
    assert Manifest.parse(str(part)) == part
    assert part.digest != manifest(outputs=2).digest
    assert "needed" not in manifest(outputs=2).to_json()  # digests of versions that were registered before stay
    assert Manifest.parse(replace(manifest(outputs=2000), needed=("data/1",)).short()).needed == ()


@pytest.mark.parametrize("needed", [["data/7"], ["../data/1"], "data/1", [1], 1, None])
def test_a_manifest_that_needs_what_it_does_not_have_is_refused(needed: object) -> None:
    with pytest.raises(ValueError, match=r"is no output of it|not a manifest"):
        Manifest.parse(json.dumps({**manifest(outputs=2).to_json(), "needed": needed}))
