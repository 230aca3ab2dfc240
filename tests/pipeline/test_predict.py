"""Scoring a file from a directory that holds a release, or a checkout."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import pytest

from features import IDENTIFIERS, read_flights
from predict import score
from scorable import UNKNOWN

Scratch = Callable[[str], Path]
Run = Callable[..., Any]


@pytest.fixture
def release(root: Path, scratch: Scratch) -> Path:
    """The scripts and the model in a directory of their own."""
    model = root / "models" / "flights.txt"
    if not model.is_file():
        pytest.fail("models/flights.txt is missing\nhint: run `dvc repro`, or `dvc pull`", pytrace=False)
    directory = scratch("release")
    (directory / "models").mkdir()
    shutil.copy(model, directory / "models")
    return directory


@pytest.fixture
def flights(root: Path, tmp_path: Path) -> Path:
    """A file of flights."""
    file = tmp_path / "new.csv"
    read_flights(root / "data" / "prepared" / "holdout.csv").sample(500, random_state=1).to_csv(file, index=False)
    return file


def test_a_release_gives_the_probabilities_of_the_evaluation_to_the_last_bit(
    release: Path, flights: Path, tmp_path: Path, run: Run
) -> None:
    done = run(tmp_path, f"python {release}/scripts/predict.py new.csv --output scores.csv")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with (tmp_path / "scores.csv").open() as file:
        written = list(csv.DictReader(file))
    model = lightgbm.Booster(model_file=release / "models" / "flights.txt")
    assert list(written[0]) == [*IDENTIFIERS, "probability"]
    assert [float(row["probability"]) for row in written] == score(model, read_flights(flights)).tolist()


def test_one_flight_of_carrier_9e_is_scored_as_in_its_batch(
    release: Path, flights: Path, tmp_path: Path, run: Run
) -> None:
    table = read_flights(flights)
    table[table["carrier"] == "9E"].head(1).to_csv(tmp_path / "one.csv", index=False)
    batch, alone = (
        run(release, f"python scripts/predict.py {tmp_path}/{name}").stdout for name in ("new.csv", "one.csv")
    )
    assert alone.splitlines()[1] in batch.splitlines()


def test_another_model_is_used_on_request(release: Path, flights: Path, tmp_path: Path, run: Run) -> None:
    (release / "models" / "flights.txt").rename(tmp_path / "elsewhere.txt")
    done = run(release, f"python scripts/predict.py {flights}")
    assert (done.returncode, done.stderr) == (1, f"error: no such file: {release}/models/flights.txt\n")
    done = run(release, f"python scripts/predict.py {flights} --model {tmp_path}/elsewhere.txt")
    assert len(done.stdout.splitlines()) == 501


def test_flights_to_score_hold_nothing_that_is_known_only_later(release: Path, tmp_path: Path, run: Run) -> None:
    done = run(release, f"python scripts/scorable.py 2 --output {tmp_path}/f.csv --outcome {tmp_path}/o.csv")
    assert done.returncode == 0, done.stderr
    table, outcome = read_flights(tmp_path / "f.csv"), read_flights(tmp_path / "o.csv")
    assert table[UNKNOWN].isna().all(axis=None)
    assert (len(table), len(outcome)) == (24951, 23611)
    assert outcome.columns.tolist() == [*IDENTIFIERS, "late"]
    assert len(run(release, f"python scripts/predict.py {tmp_path}/f.csv").stdout.splitlines()) == 24952
