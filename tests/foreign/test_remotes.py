"""DVC remotes that moved, that only `config.local` knows, or that an old tag names otherwise: ours decide."""

from pathlib import Path

import pytest

from lastgood.core.rollback import Request
from lastgood.errors import FindingsError, LastgoodError
from lastgood.operations.checkout import checkout
from lastgood.operations.register import Request as Registration
from lastgood.operations.register import register
from lastgood.operations.rollback import rollback
from lastgood.operations.sync import sync
from lastgood.operations.verify import verify
from lastgood.project import Project as Opened
from tests.builders import Project
from tests.foreign.world import CONFIG, add, artifact, empty, init_dvc


def moved(base: Path) -> Project:
    """v1.0.0 with its remote at `old`, of another name than v2.0.0's at `new`, where everything was moved to."""
    project = empty(base)
    init_dvc(project, url=base / "old", name="old")
    artifact(project, "model", "model.txt")
    add(project, "model.txt", "one")
    add(project, "data/", "one")
    project.commit("one")
    project.tag("model@v1.0.0")
    project.tag("model#stable#1")
    (base / "old").rename(base / "new")
    init_dvc(project, url=base / "new", name="new")
    add(project, "model.txt", "two")
    project.commit("two")
    project.tag("model@v2.0.0")
    project.tag("model#prod#2")
    return project


def test_a_version_from_before_the_remote_moved_is_restored_from_where_it_is_now(tmp_path: Path) -> None:
    project = moved(tmp_path)
    fresh = project.clone("fresh")
    there = Opened.open(fresh.root)
    assert verify(there).all_findings == ()
    done = rollback(there, Request(None, "bad", here=True))
    assert (Path(str(done.live)) / "model.txt").read_text() == "one"
    machine = Opened.serve(tmp_path / "served", f"file://{project.origin}")
    assert (sync(machine, None, "prod").release.path / "data/part.csv").read_text() == "one"
    checkout(there, "v1.0.0")
    assert (fresh.root / "model.txt").read_text() == "one"
    assert not (tmp_path / "old").exists()


def test_a_remote_known_to_config_local_alone_serves_all_versions(tmp_path: Path) -> None:
    project = empty(tmp_path)
    init_dvc(project)
    project.put(".dvc/config", "[core]\n    analytics = false\n")
    project.put(".dvc/config.local", CONFIG.format(name="mine", url=project.remote))
    artifact(project, "model", "model.txt")
    for version in ("v1.0.0", "v1.1.0"):
        add(project, "model.txt", version)
        project.commit(version)
        register(Opened.open(project.root), Registration(None, version))
    fresh = project.clone("fresh")
    there = Opened.open(fresh.root)
    with pytest.raises(LastgoodError, match="no DVC remote is configured") as refused:
        checkout(there, "v1.0.0")
    assert refused.value.hint == "dvc remote add -d NAME URL"
    fresh.put(".dvc/config.local", CONFIG.format(name="mine", url=project.remote))
    checkout(there, "v1.0.0")
    assert (fresh.root / "model.txt").read_text() == "v1.0.0"
    assert verify(there).all_findings == ()


def test_an_output_with_a_remote_of_its_own_that_is_gone_is_looked_for_at_the_default_one(tmp_path: Path) -> None:
    project = empty(tmp_path)
    init_dvc(project)
    artifact(project, "model", "model.txt")
    both = CONFIG.format(name="storage", url=project.remote) + "['remote \"big\"']\n    url = /nonexistent\n"
    project.put(".dvc/config", both)
    add(project, "model.txt", "one")
    pointer = project.root / "model.txt.dvc"
    pointer.write_text(pointer.read_text() + "  remote: big\n")
    project.commit("one")
    project.tag("model@v1.0.0")
    project.tag("model#prod#1")
    init_dvc(project)  # `big` is no longer configured, and its objects were moved to the default remote
    project.commit("one remote")
    there = Opened.open(project.clone().root)
    assert (sync(there, None, "prod").release.path / "model.txt").read_text() == "one"


def test_objects_that_were_lost_with_the_old_remote_are_all_named_and_nothing_changes(tmp_path: Path) -> None:
    project = moved(tmp_path)
    for stored in (tmp_path / "new").rglob("*"):
        if stored.is_file() and stored.read_bytes() == b"one":
            stored.unlink()
    there = Opened.open(project.clone().root)
    before = project.git("for-each-ref")
    with pytest.raises(FindingsError) as refused:
        rollback(there, Request(None, "bad", here=True))
    assert sorted(finding.subject for finding in refused.value.findings) == ["data/part.csv", "model.txt"]
    assert project.git("for-each-ref") == before
