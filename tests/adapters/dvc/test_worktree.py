from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lastgood.adapters.dvc.translate import translated
from lastgood.adapters.dvc.worktree import _with_repo as with_repo
from lastgood.adapters.dvc.worktree import checkout_outputs, pipeline_findings
from lastgood.errors import FindingsError, LastgoodError, LockedError
from tests.reliability.killing import child

if TYPE_CHECKING:
    from tests.adapters.dvc.conftest import Project


def told(project: Project) -> set[tuple[str, str]]:
    return {(finding.kind, finding.subject) for finding in pipeline_findings(project.path)}


def test_a_reproduced_and_committed_pipeline_has_no_findings(project: Project, nested: Project) -> None:
    assert pipeline_findings(project.path) == ()
    assert pipeline_findings(nested.path) == ()


def test_changed_data_parameters_and_commands_are_told(project: Project) -> None:
    project.put("data/raw/a.csv", b"other")
    project.put("params.yaml", "prepare:\n  rows: 101\ntrain:\n  trees: 7\n")
    project.put("dvc.yaml", (project.path / "dvc.yaml").read_text().replace("cmd: train", "cmd: train --more"))
    project.commit()
    assert told(project) == {
        ("changed-data", "data/raw"),
        ("changed-data", "params.yaml"),
        ("changed-stage", "train"),
    }


def test_findings_are_named_from_the_root_wherever_one_stands(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.put("models/model.txt", b"edited")
    monkeypatch.chdir(project.path / "data")
    assert told(project) == {("changed-data", "models/model.txt")}


def test_a_deleted_output_and_a_lost_cache_object_are_told(project: Project) -> None:
    (project.path / "models/model.txt").unlink()
    shutil.rmtree(project.path / "data/prepared")
    assert told(project) >= {("changed-data", "models/model.txt"), ("changed-data", "data/prepared")}
    project.put("models/model.txt", b"model")
    project.store.drop("20f35e630daf44dbfa4c3f68f5399d8c")
    assert ("changed-data", "models/model.txt") in told(project)


def test_an_uncommitted_lock_file_is_told(project: Project) -> None:
    lock = project.path / "dvc.lock"
    project.put("dvc.lock", lock.read_text() + "# more\n")
    assert told(project) == {("uncommitted", "dvc.lock")}


def test_stages_that_always_run_or_are_frozen_are_judged_by_their_hashes(project: Project) -> None:
    text = (project.path / "dvc.yaml").read_text()
    text = text.replace("    cmd: prepare\n", "    cmd: prepare\n    always_changed: true\n")
    text = text.replace("    cmd: train\n", "    cmd: train\n    frozen: true\n")
    project.put("dvc.yaml", text)
    project.commit()
    assert pipeline_findings(project.path) == ()
    project.put("models/model.txt", b"edited")
    assert told(project) == {("changed-data", "models/model.txt")}


def test_nothing_is_printed(project: Project, capfd: pytest.CaptureFixture[str]) -> None:
    project.put("models/model.txt", b"edited")
    pipeline_findings(project.path)
    checkout_outputs(project.path, None)
    assert capfd.readouterr() == ("", "")


def test_outputs_are_put_back_from_the_cache(project: Project) -> None:
    project.put("models/model.txt", b"edited")
    shutil.rmtree(project.path / "data/raw")
    checkout_outputs(project.path, [Path("models/model.txt")])
    assert (project.path / "models/model.txt").read_bytes() == b"model"
    assert not (project.path / "data/raw").exists()
    checkout_outputs(project.path, None)
    assert pipeline_findings(project.path) == ()


def test_an_output_whose_object_is_lost_is_named(project: Project) -> None:
    shutil.rmtree(project.store.cache().directory)
    (project.path / "models/model.txt").unlink()
    with pytest.raises(LastgoodError) as caught:
        checkout_outputs(project.path, [Path("models/model.txt")])
    assert isinstance(caught.value, FindingsError)
    assert "model.txt" in caught.value.findings[0].subject


def test_a_held_lock_is_told_after_some_patience(project: Project) -> None:
    lock = project.put(".dvc/tmp/lock", "")
    with lock.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(LockedError):
            pipeline_findings(project.path, patience=0)


def test_a_state_database_that_cannot_be_written_is_told_and_not_tried_again_without_end(project: Project) -> None:
    def save(repo: Any) -> None:
        hashes, path = repo.state.hashes, str(project.path / "models/model.txt")
        hashes._sql("PRAGMA busy_timeout = 1")  # instead of a minute
        with closing(sqlite3.connect(f"{hashes.directory}/cache.db", isolation_level=None)) as another:
            another.execute("BEGIN IMMEDIATE")
            repo.state.save(path, repo.fs, next(iter(repo.index.outs)).hash_info)

    def refused() -> int:
        with pytest.raises(LastgoodError, match=r"DVC's state in .* cannot be written"):
            with_repo(project.path, "checking out", save, patience=0)
        return 5

    assert child(refused) == 5


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become a user without a name")
def test_a_user_without_a_name_is_told_what_dvc_needs(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)

    def nameless() -> int:
        pipeline_findings(project.path)  # DVC is imported while its files can be read
        os.setresuid(4_000_000, 0, 0)
        with pytest.raises(LastgoodError, match="who runs it") as caught:
            pipeline_findings(project.path)
        return 5 if "LOGNAME" in caught.value.hint else 1

    assert child(nameless) == 5


def test_what_the_system_refused_is_told_though_dvc_trips_over_it(tmp_path: Path) -> None:
    """As `dvc_objects.fs.utils._chmod` does, which is called for a directory that cannot be read."""

    def trips() -> None:
        try:
            os.link(tmp_path, tmp_path / "link")
        except PermissionError:
            os.open("flags are missing")  # type: ignore[call-arg]  # what DVC does

    with pytest.raises(LastgoodError, match="Operation not permitted"), translated("checking out"):
        trips()
    with pytest.raises(TypeError), translated("checking out"):
        os.open("flags are missing")  # type: ignore[call-arg]  # a bug stays one
