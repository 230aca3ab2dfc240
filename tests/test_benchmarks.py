"""The benchmarks at a tiny size: every row runs, both sides come to the same state, and what is written can be read."""

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks import measuring
from benchmarks.__main__ import MLFLOW_ROW, ORDER, main
from benchmarks.comparing import require_same
from benchmarks.machine import ROOT, BenchmarkError, Sample, describe
from benchmarks.measuring import OURS, THEIRS, Series, Side
from benchmarks.report import BEGIN, END
from benchmarks.rows import BY_NUMBER, ROWS, Goal

PAGE = "benchmarks.md"
POSSIBLE = [row for row in ORDER if row != MLFLOW_ROW]


def test_every_row_runs_and_is_written_as_numbers_table_and_chart(tmp_path: Path) -> None:
    shutil.copy(ROOT / "docs" / PAGE, tmp_path / PAGE)
    around = [(tmp_path / PAGE).read_text().partition(BEGIN)[0], (tmp_path / PAGE).read_text().partition(END)[2]]

    assert main(["--scale", "small", "--rows", ",".join(POSSIBLE), "--output", str(tmp_path)]) == 0

    for row in (BY_NUMBER[int(number)] for number in POSSIBLE if number.isdigit()):
        document = json.loads((tmp_path / f"results/{row.number:02}-{row.slug}.json").read_text())
        assert [len(document["sides"][side]["samples"]) for side in (OURS, THEIRS)] == [1, 1]
        assert all(sample["seconds"] > 0 < sample["peak"] for sample in document["sides"][OURS]["samples"])
        assert document["versions"]["dvc"]
    page = (tmp_path / PAGE).read_text()
    assert [page.partition(BEGIN)[0], page.partition(END)[2]] == around
    assert all(f"| {row} | {BY_NUMBER[int(row)].what} |" in page for row in POSSIBLE if row.isdigit())
    assert "| **the whole command** |" in page
    drawn = ET.parse(tmp_path / "benchmarks.svg")  # noqa: S314  # our own
    assert len(drawn.findall(".//{*}rect")) == len(ROWS) - 1
    parts = json.loads((tmp_path / "results/breakdown.json").read_text())
    assert {"fetch", "ls-remote"} & {*parts["git processes"]}
    assert "push" in parts["git processes"]
    readings = json.loads((tmp_path / "results/reading.json").read_text())["readings"]
    assert {one["registry"] for one in readings} == {"with its journal", "tags alone"}
    assert all(f"`{one['command']}` | " in page and one["git"] > 0 for one in readings)


def test_a_row_that_cannot_be_measured_is_named_and_keeps_its_former_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "results").mkdir()
    sides = {name: {"command": "", "samples": [{"seconds": 2.0, "peak": 1}]} for name in (OURS, THEIRS)}
    facts = describe(tmp_path, None) | {"scale": {"name": "small"}, "rounds": 1}
    former = {"row": 10, "ratio": 1.0, "reached": False, "sides": sides, **facts}
    (tmp_path / "results/10-mlflow.json").write_text(json.dumps(former))

    options = ["--scale", "small", "--rows", MLFLOW_ROW, "--mlflow", str(tmp_path / "none"), "--output", str(tmp_path)]
    assert main(options) == 1

    assert "not measured: 10" in capsys.readouterr().err
    assert "| 10 | The whole rollback command" in (tmp_path / PAGE).read_text()
    assert "**not reached**" in (tmp_path / PAGE).read_text()


def test_the_order_is_swapped_each_round_and_the_warm_up_is_not_counted() -> None:
    ran: list[str] = []

    def side(name: str) -> Side:
        def run() -> Sample:
            ran.append(name)
            return Sample(float(len(ran)), 1)

        return Side(name, name, lambda: ran.append(f"prepare {name}"), run)

    measured = measuring.alternate([side(OURS), side(THEIRS)], 2, lambda: ran.append("check"))

    ours, theirs = ["prepare ours", "ours"], ["prepare theirs", "theirs"]
    assert ran == [*theirs, *ours, "check", *ours, *theirs, *theirs, *ours, "check"]
    assert [len(series.samples) for series in measured.values()] == [2, 2]


@pytest.mark.parametrize(
    ("number", "ours", "theirs", "ratio", "reached"),
    [(2, 1, 10, 10, True), (2, 2, 10, 5, False), (4, 12, 10, 1.2, True), (6, 31, 10, 3.1, False), (11, 5, 5, 1, False)],
)
def test_a_ratio_is_of_medians_and_is_held_against_the_target(
    number: int, ours: float, theirs: float, ratio: float, *, reached: bool
) -> None:
    row = BY_NUMBER[number]
    measured = {
        name: Series("", [Sample(1000, 1000), Sample(value, int(value)), Sample(0, 0)])
        for name, value in ((OURS, ours), (THEIRS, theirs))
    }

    assert row.ratio(measured) == pytest.approx(ratio)
    assert row.reached(ratio) is reached


def test_sides_that_differ_in_a_byte_give_no_figure(tmp_path: Path) -> None:
    for name in ("ours", "theirs"):
        (tmp_path / name / "data").mkdir(parents=True)
        (tmp_path / name / "data/a.bin").write_bytes(b"same")
    require_same(tmp_path / "ours", tmp_path / "theirs")

    (tmp_path / "theirs/data/a.bin").write_bytes(b"sane")
    with pytest.raises(BenchmarkError, match=r"a\.bin"):
        require_same(tmp_path / "ours", tmp_path / "theirs")
    (tmp_path / "theirs/data/a.bin").unlink()
    with pytest.raises(BenchmarkError, match="differ in 1 files"):
        require_same(tmp_path / "ours", tmp_path / "theirs")


def test_the_rows_are_those_that_were_promised() -> None:
    assert [row.number for row in ROWS] == list(range(1, 12))
    assert {*ORDER} == {*(str(row.number) for row in ROWS), "parts", "reading"}
    assert [(row.goal, row.factor) for row in ROWS if row.goal is not Goal.FASTER] == [
        (Goal.WITHIN, 1.2),
        (Goal.WITHIN, 3),
        (Goal.BELOW, 1),
    ]
