"""What was done here while origin was out of reach waits in one file per stage; one that does not read is told."""

import json
from pathlib import Path
from shlex import quote

import pytest

from lastgood.core.offline import Act
from lastgood.errors import LastgoodError
from lastgood.releases import pending
from lastgood.releases.place import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "a b" / ".lastgood")


def act(number: int, artifact: str = "flights", stage: str = "prod") -> Act:
    commits = ("1" * 40, "2" * 40)
    return Act(
        f"{number:032x}", artifact, stage, "v2.0.0", commits[0], "v1.0.0", commits[1], True, "why", "Ada", number
    )


def test_acts_wait_in_order_each_with_its_own_stage_and_artifact(place: Place) -> None:
    every = [act(1), act(2, stage="dev"), act(3, "models:other"), act(4)]
    for one in every:
        pending.append(place, one)
    assert pending.acts(place, "flights", "prod") == (every[0], every[3])
    assert pending.acts(place, "flights", "dev") == (every[1],)
    assert pending.acts(place, "models:other", "prod") == pending.acts(place, "models:other") == (every[2],)
    assert pending.acts(place, stage="dev") == (every[1],)
    assert sorted(one.id for one in pending.acts(place)) == [one.id for one in every]
    assert pending.acts(place, "flights", "staging") == ()
    for gone, left in ((every[0], (every[3],)), (every[0], (every[3],)), (every[3], ())):
        pending.remove(place, gone)
        assert pending.acts(place, "flights", "prod") == left
        assert pending.acts(place, "flights", "dev") == (every[1],)
    assert sorted(path.name for path in place.pending.iterdir()) == ["flights@dev.json", "models=other@prod.json"]
    assert (place.pending / "flights@dev.json").read_text().startswith('{\n  "schema": 1,\n')


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[]", "it is not of schema 1"),
        ('{"schema": 2, "acts": []}', "it is not of schema 1"),
        ('{"schema": 1, "acts": []}', "it holds no act of that stage"),
        (json.dumps({"schema": 1, "acts": [act(1, stage="dev").document()]}), "it holds no act of that stage"),
        ("{", "Expecting property name"),
    ],
)
def test_a_file_that_does_not_read_is_told_and_stops_its_own_stage_alone(place: Place, text: str, why: str) -> None:
    pending.append(place, act(2, stage="dev"))
    path = place.pending / "flights@prod.json"
    path.write_text(text)
    assert pending.acts(place, "flights", "dev") == (act(2, stage="dev"),)
    for again in (lambda: pending.acts(place, "flights", "prod"), lambda: pending.append(place, act(3))):
        with pytest.raises(LastgoodError) as caught:
            again()
        told = f"{path} cannot be read, which keeps what was done here while origin was out of reach: {why}"
        assert caught.value.message.startswith(told)
        assert caught.value.message.endswith("")
        aside = f"mv {quote(str(path))} {quote(str(path.with_suffix('.unread')))}"
        assert caught.value.hint == f"to go on without it: {aside}"
    (one,) = [one for one in pending.read(place) if one.stage == "prod"]
    assert [(finding.kind, finding.subject) for finding in one.findings] == [("pending", str(path))]
    assert path.read_text() == text
