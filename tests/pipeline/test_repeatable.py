"""The same inputs give the same outputs, byte for byte; DVC's run cache would hide it if they did not."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

Digests = dict[str, str]


def digest(output: Path) -> str:
    """Return what DVC 3 writes into dvc.lock: the md5 of a file, or of the sorted JSON listing of a directory."""
    if output.is_file():
        return hashlib.md5(output.read_bytes()).hexdigest()
    files = sorted(file for file in output.rglob("*") if file.is_file())
    listing = [{"md5": digest(file), "relpath": file.relative_to(output).as_posix()} for file in files]
    return hashlib.md5(json.dumps(listing, sort_keys=True).encode()).hexdigest() + ".dir"


def outputs(stage: dict[str, Any]) -> list[str]:
    """Return the paths that a stage of dvc.yaml or dvc.lock writes."""
    listed = [*stage.get("outs", []), *stage.get("metrics", [])]
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in listed]


def test_the_pipeline_makes_the_same_bytes_each_time_and_the_data_that_the_lock_names(
    root: Path, stages: dict[str, dict[str, Any]], scratch: Callable[[str], Path], run: Callable[..., Any]
) -> None:
    """Of the lock only the data are compared: another processor may train a model that differs in its last digits."""
    results: list[Digests] = []
    for seed, zone in ("1", "UTC"), ("2", "Asia/Tokyo"):
        copy = scratch(f"copy-{seed}")
        for stage in stages.values():
            done = run(copy, stage["cmd"], PYTHONHASHSEED=seed, TZ=zone)
            assert done.returncode == 0, done.stderr
        results.append({path: digest(copy / path) for stage in stages.values() for path in outputs(stage)})
    assert results[0] == results[1]

    lock = yaml.safe_load((root / "dvc.lock").read_text(encoding="utf-8"))
    locked = {out["path"]: out["md5"] for stage in lock["stages"].values() for out in stage["outs"]}
    assert locked.keys() == results[0].keys()
    data = {path for path in locked if path.startswith("data/")}
    assert {path: results[0][path] for path in data} == {path: locked[path] for path in data}, "run `dvc repro`"
