from __future__ import annotations

import dataclasses
import fcntl
import json
import os
import shutil
import time
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pytest

from lastgood.adapters.dvc.store import Store
from lastgood.core.manifest import Output
from lastgood.core.preflight import Missing
from lastgood.errors import FindingsError, LastgoodError, NotAProjectError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lastgood.adapters.dvc.progress import Progress
    from tests.adapters.dvc.conftest import Project

AAA, MODEL = "47bce5c74f589f4867dbd57e9ca9f808", "20f35e630daf44dbfa4c3f68f5399d8c"


def output(path: str, md5: str, **more: object) -> Output:
    return dataclasses.replace(Output(PurePosixPath(path), md5), **more)  # type: ignore[arg-type]  # test's shorthand


def emptied(project: Project) -> None:
    shutil.rmtree(project.store.cache().directory)


def kinds(caught: pytest.ExceptionInfo[FindingsError]) -> dict[str, str]:
    return {finding.subject: finding.kind for finding in caught.value.findings}


def test_what_was_pushed_can_be_fetched_into_an_empty_cache(project: Project) -> None:
    outputs = project.read().outputs
    seen: list[Progress] = []
    assert len(project.store.push(outputs, on_progress=seen.append)) == 6
    assert any(progress.doing == "pushing to `here`" for progress in seen)
    assert project.store.missing_on_remote(outputs) == ()
    assert project.store.push(outputs) == ()
    emptied(project)
    assert len(project.store.missing_in_cache(outputs)) == 3
    project.store.fetch(outputs)
    assert project.store.missing_in_cache(outputs) == ()
    cached = project.store.cache().path_of(MODEL)
    assert cached.read_bytes() == b"model"
    assert cached.stat().st_mode & 0o777 == 0o444
    assert not (project.store.cache().directory / "lastgood").exists()


def test_the_members_of_a_directory_are_those_of_its_listing(project: Project) -> None:
    raw = next(one for one in project.read().outputs if one.path.name == "raw")
    assert [str(member.path) for member in project.store.members(raw)] == ["a.csv", "b.csv"]
    assert project.store.members(output("models/model.txt", MODEL)) == ()


def test_a_lost_member_on_the_remote_is_named_and_repaired_by_a_push(project: Project) -> None:
    outputs = project.read().outputs
    project.store.push(outputs)
    project.remote_object(AAA).unlink()
    raw = next(one for one in outputs if one.path.name == "raw")
    assert project.store.missing_on_remote(outputs) == (Missing(raw, AAA, "a.csv"),)
    assert str(project.store.missing_on_remote(outputs)[0].path) == "data/raw/a.csv"
    assert project.store.push(outputs) == (AAA,)
    assert project.store.missing_on_remote(outputs) == ()


def test_a_lost_member_does_not_hide_behind_its_listing_when_fetching(project: Project) -> None:
    outputs = project.read().outputs
    project.store.push(outputs)
    project.remote_object(AAA).unlink()
    emptied(project)
    with pytest.raises(FindingsError) as caught:
        project.store.fetch(outputs)
    assert kinds(caught) == {"data/raw/a.csv": "missing"}
    assert len(project.store.missing_in_cache(outputs)) == 1


def test_a_listing_that_is_nowhere_stands_for_its_members(project: Project) -> None:
    lost = output("data/raw", "0" * 32 + ".dir")
    project.store.push(project.read().outputs)
    assert project.store.missing_on_remote([lost]) == (Missing(lost, lost.md5),)
    with pytest.raises(FindingsError) as caught:
        project.store.push([lost])
    assert kinds(caught) == {"data/raw": "missing"}
    with pytest.raises(FindingsError, match="not in the cache"):
        project.store.members(lost)


def test_a_corrupted_cache_object_is_not_uploaded_nor_anything_with_it(project: Project) -> None:
    path = project.store.cache().path_of(AAA)
    path.chmod(0o644)
    path.write_bytes(b"bad")
    path.chmod(0o444)
    with pytest.raises(FindingsError) as caught:
        project.store.push(project.read().outputs)
    assert kinds(caught) == {"data/raw/a.csv": "corrupted"}
    assert not list(project.remote.rglob("*"))
    project.store.drop(AAA)
    assert not path.exists()
    with pytest.raises(FindingsError) as caught:
        project.store.push(project.read().outputs)
    assert kinds(caught) == {"data/raw/a.csv": "missing"}


def test_a_corrupted_object_on_the_remote_never_reaches_the_cache(project: Project) -> None:
    outputs = project.read().outputs
    project.store.push(outputs)
    emptied(project)
    damaged = project.remote_object(MODEL)
    damaged.chmod(0o644)
    damaged.write_bytes(b"modem")
    with pytest.raises(FindingsError) as caught:
        project.store.fetch(outputs)
    assert kinds(caught) == {"models/model.txt": "corrupted"}
    assert [need.md5 for need in project.store.missing_in_cache(outputs)] == [MODEL]


def test_only_what_is_missing_is_fetched(project: Project) -> None:
    outputs = project.read().outputs
    project.store.push(outputs)
    before = {path: path.stat().st_ino for path in project.store.cache().directory.rglob("*") if path.is_file()}
    project.store.drop(MODEL)
    project.store.fetch(outputs)
    after = {path: path.stat().st_ino for path in project.store.cache().directory.rglob("*") if path.is_file()}
    assert [path.name for path in before if before[path] != after[path]] in ([], [MODEL[2:]])
    assert before.keys() == after.keys()


def test_dvc2_objects_live_in_their_own_layout(blank: Project) -> None:
    # DVC 2 hashed text with unix line ends, so the bytes' own md5 is another one.
    md5 = blank.cache_object(b"one\ntwo\n", legacy=True)
    blank.store.cache().path_of(md5, legacy=True).chmod(0o644)
    blank.store.cache().path_of(md5, legacy=True).write_bytes(b"one\r\ntwo\r\n")
    listing = json.dumps([{"md5": md5, "relpath": "notes.txt"}]).encode()
    directory = blank.cache_object(listing, suffix=".dir", legacy=True)
    outputs = [output("notes.txt", md5, legacy=True), output("notes", directory, legacy=True)]
    assert set(blank.store.push(outputs)) == {md5, directory}
    assert blank.remote_object(md5, legacy=True).read_bytes() == b"one\r\ntwo\r\n"
    emptied(blank)
    blank.store.fetch(outputs)
    assert blank.store.missing_in_cache(outputs) == blank.store.missing_on_remote(outputs) == ()
    assert blank.store.missing_on_remote([output("notes.txt", md5)]) != ()


def test_the_versions_own_remote_is_never_asked(project: Project, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    project.put(
        ".dvc/config", f"[core]\n  remote = here\n['remote \"here\"']\n  url = {trap}\n[cache]\n  dir = {trap}\n"
    )
    project.commit("hostile")
    serving = tmp_path / "serving"
    (serving / ".dvc").mkdir(parents=True)
    (serving / ".dvc/config").write_text(f"[core]\n  remote = ours\n['remote \"ours\"']\n  url = {project.remote}\n")
    outputs = project.read().outputs
    (project.root / ".dvc/config").write_text("[core]\n  remote = here\n")
    project.store.push(outputs)
    store = Store(serving)
    assert store.remotes() == {"ours"}
    assert store.default_remote() == "ours"
    store.fetch(outputs)
    assert store.cache().directory == serving / ".dvc/cache"
    assert store.missing_in_cache(outputs) == ()
    assert not trap.exists()


def test_an_outputs_own_remote_is_used_when_trusted_else_the_default(project: Project, tmp_path: Path) -> None:
    with (project.path / ".dvc/config.local").open("a") as file:
        file.write(f"['remote \"second\"']\n    url = {tmp_path / 'second'}\n")
    outputs = [output("a", AAA, remote="Second"), output("b", MODEL, remote="unheard-of")]
    assert set(project.store.push(outputs)) == {AAA, MODEL}
    assert (tmp_path / "second/files/md5" / AAA[:2] / AAA[2:]).exists()
    assert project.remote_object(MODEL).exists()
    assert not project.remote_object(AAA).exists()


def test_an_import_is_pushed_like_any_output(project: Project) -> None:
    project.put("other.dvc", f"frozen: true\ndeps:\n- path: x\n  repo: {{url: /gone, rev_lock: {'a' * 40}}}\n"
                f"outs:\n- md5: {MODEL}\n  hash: md5\n  path: other\n")  # fmt: skip
    project.commit()
    pinned = project.read()
    assert PurePosixPath("other") in pinned.imports
    assert MODEL in project.store.push([one for one in pinned.outputs if one.path in pinned.imports])
    assert project.remote_object(MODEL).exists()


def test_what_is_in_git_is_not_the_stores_business(project: Project) -> None:
    in_git = output("models/metrics.json", "", storage="git")
    assert project.store.missing_in_cache([in_git]) == project.store.missing_on_remote([in_git]) == ()
    assert project.store.push([in_git]) == ()


def test_a_hostile_listing_is_refused_before_anything_of_it_is_fetched(project: Project) -> None:
    hostile = json.dumps([{"md5": AAA, "relpath": "../../.git/hooks/post-checkout"}]).encode()
    evil = output("data/raw", project.cache_object(hostile, suffix=".dir"))
    acts: list[Callable[[], object]] = [
        lambda: project.store.members(evil),
        lambda: project.store.fetch([evil]),
        lambda: project.store.push([evil]),
        lambda: project.store.missing_on_remote([evil]),
    ]
    for act in acts:
        with pytest.raises(FindingsError) as caught:
            act()
        assert kinds(caught) == {"data/raw": "unsafe-path"}


def test_no_remote_names_the_command_that_adds_one(project: Project) -> None:
    project.put(".dvc/config", "")
    (project.path / ".dvc/config.local").unlink()
    assert project.store.default_remote() is None
    with pytest.raises(LastgoodError) as caught:
        project.store.missing_on_remote(project.read().outputs)
    assert caught.value.hint == "dvc remote add -d NAME URL"


def test_a_missing_plug_in_is_named_with_its_extra(project: Project) -> None:
    project.put(".dvc/config.local", "['remote \"here\"']\n    url = gs://bucket/path\n")
    with pytest.raises(LastgoodError) as caught:
        project.store.missing_on_remote(project.read().outputs)
    assert caught.value.hint == "pip install 'dvc[gs]'"
    assert "`here`" in caught.value.message


def test_cloud_versioned_remotes_are_refused(project: Project) -> None:
    with (project.path / ".dvc/config.local").open("a") as file:
        file.write("    version_aware = true\n")
    with pytest.raises(LastgoodError, match="does not support"):
        project.store.push(project.read().outputs)


def test_the_cache_directory_is_the_one_that_dvc_would_use(project: Project, tmp_path: Path) -> None:
    project.put(".dvc/config.local", "[cache]\n    dir = ../../shared\n")
    assert project.store.cache().directory == tmp_path / "shared"
    project.put(".dvc/config.local", "[[broken")
    with pytest.raises(LastgoodError, match="configuration"):
        project.store.cache()
    with pytest.raises(NotAProjectError):
        Store(tmp_path / "nowhere").cache()


def test_dvc_itself_finds_what_was_pushed(project: Project) -> None:
    from dvc.repo import Repo

    project.store.push(project.read().outputs)
    emptied(project)
    with Repo(str(project.root)) as repo:
        repo.fetch()
        assert repo.status(cloud=True) == {}
    assert project.store.missing_in_cache(project.read().outputs) == ()


def test_an_object_that_a_power_cut_emptied_on_the_remote_is_missing_there(project: Project) -> None:
    outputs = project.read().outputs
    project.store.push(outputs)
    project.remote_object(MODEL).chmod(0o644)
    project.remote_object(MODEL).write_bytes(b"")
    assert project.store.push(outputs) == (MODEL,)
    assert project.remote_object(MODEL).read_bytes() == b"model"
    empty = output("empty", project.cache_object(b""))
    assert project.store.push([empty]) == (empty.md5,)
    assert project.store.push([empty]) == ()


def test_what_a_killed_download_left_is_removed_and_what_another_one_stages_is_not(project: Project) -> None:
    outputs = project.read().outputs
    project.store.push(outputs)
    emptied(project)
    staging = project.store.cache().directory / "lastgood"
    for name, days in (("dead", 0), ("alive", 2), ("made.new", 0), ("old.new", 2)):
        (staging / name).mkdir(parents=True)
        (staging / name / MODEL).write_bytes(b"mod")
        os.utime(staging / name, (time.time() - days * 86_400,) * 2)
    held = os.open(staging / "alive", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    project.store.fetch(outputs)
    os.close(held)
    assert sorted(path.name for path in staging.iterdir()) == ["alive", "made.new"]
