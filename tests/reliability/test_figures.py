"""The figures of a sweep are kept and told."""

import os
from pathlib import Path

import pytest

from tests.reliability import figures


def test_a_sweep_of_this_run_is_told_and_an_older_one_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "DIRECTORY", tmp_path / "kept")
    monkeypatch.setattr(figures, "SOAK", False)
    figures.record("kill rollback", figures.begin(), cases=41, wrong=0)
    figures.record("kill sync", figures.begin(), cases=40, wrong=0)
    os.utime(tmp_path / "kept/kill-sync.json", (1, 1))
    assert figures.summary(2) == ["kill rollback: 41 cases, 0 wrong, 0.0 seconds"]
