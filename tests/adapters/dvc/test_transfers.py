"""Many objects, several remotes: at the same time, only what is missing, on disk before they have their names."""

from __future__ import annotations

import dataclasses
import os
import shutil
import threading
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pytest

from lastgood.adapters.dvc.progress import Meter
from lastgood.adapters.dvc.staging import Staging
from lastgood.adapters.dvc.store import Store
from lastgood.core.manifest import Output
from lastgood.errors import FindingsError, LastgoodError
from tests.reliability.tracing import failing, require_strace

if TYPE_CHECKING:
    from lastgood.adapters.dvc.progress import Progress
    from tests.adapters.dvc.conftest import Project
    from tests.adapters.dvc.server import Server

MANY = 40
"""More than are flushed one by one."""


def remotes(project: Project, **urls: object) -> None:
    config = "".join(f"['remote \"{name}\"']\n    url = {url}\n" for name, url in urls.items())
    project.put(".dvc/config.local", f"['remote \"here\"']\n    url = {project.remote}\n{config}")


def file(project: Project, name: str, remote: str | None = None) -> Output:
    data = name.encode() * 10
    return Output(PurePosixPath(name), project.cache_object(data), size=len(data), files=1, remote=remote)


def directory(project: Project, count: int = MANY) -> Output:
    contents = {f"f{number}": b"%d\n" % number * 100 for number in range(count)}
    size = sum(map(len, contents.values()))
    return Output(PurePosixPath("many"), project.listing(**contents), size=size, files=count)


def emptied(project: Project) -> None:
    shutil.rmtree(project.store.cache().directory)


def objects(base: Path) -> set[str]:
    """The objects that have their names below a cache or a remote; each is what its name says, or it is an error."""
    from tests.adapters.dvc.conftest import oid

    found = {path.parent.name + path.name: path for path in (base / "files/md5").rglob("*") if path.is_file()}
    for name, path in found.items():
        assert oid(path.read_bytes()) == name.removesuffix(".dir")
        assert path.stat().st_mode & 0o777 == 0o444
    return set(found)


def watched(tmp_path: Path, script: str) -> dict[str, str]:
    """An environment in which `sync`, before it flushes, runs a shell script that is told its number as `$count`."""
    program, real = tmp_path / "bin/sync", shutil.which("sync")
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\ncd {tmp_path}\necho >>count\ncount=$(wc -l <count)\n{script}\nexec {real} "$@"\n')
    program.chmod(0o755)
    return {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}


def snapshots(tmp_path: Path) -> list[set[str]]:
    """What had its name at each flush."""
    files = sorted(tmp_path.glob("seen.*"), key=lambda path: int(path.suffix[1:]))
    return [{"".join(Path(line).parts[-2:]) for line in path.read_text().splitlines()} for path in files]


def test_two_remotes_are_asked_at_the_same_time(project: Project, server: Server, other: Server) -> None:
    remotes(project, one=server.url, two=other.url)
    outputs = [file(project, "first", "one"), file(project, "second", "two")]
    project.store.push(outputs)
    emptied(project)
    both = threading.Barrier(2)

    def wait() -> bool:
        try:
            both.wait(20)
        except threading.BrokenBarrierError:
            return False
        return True

    server.wait = other.wait = wait  # neither answers before the other was asked
    project.store.fetch(outputs)
    assert project.store.missing_in_cache(outputs) == ()
    assert project.store.missing_on_remote(outputs) == ()


def test_a_slow_remote_does_not_keep_a_local_one_waiting(project: Project, server: Server) -> None:
    remotes(project, web=server.url)
    outputs = [file(project, "far", "web"), file(project, "near")]
    project.store.push(outputs)
    emptied(project)
    near = project.store.cache().path_of(outputs[1].md5)
    patience = threading.Event()

    def wait() -> bool:
        for _ in range(400):
            if near.exists():
                return True
            patience.wait(0.05)
        return False

    server.wait = wait  # the far one does not answer before the near one is in the cache
    seen: list[Progress] = []
    project.store.fetch(outputs, on_progress=seen.append)
    assert project.store.missing_in_cache(outputs) == ()
    last = seen[-1]
    assert (last.doing, last.done, last.total) == ("fetching from `here`, `web`", 2, 2)
    assert last.bytes == last.size == len("far" * 10 + "near" * 10)


def test_what_is_wrong_at_one_remote_is_said_of_that_one(project: Project, server: Server) -> None:
    remotes(project, web=server.url)
    outputs = [file(project, "far", "web"), file(project, "near")]
    project.store.push(outputs)
    emptied(project)
    server.status = 503
    with pytest.raises(LastgoodError, match=r"^remote `web`: "):
        project.store.fetch(outputs)
    server.status = 0
    project.store.fetch(outputs)
    assert project.store.missing_in_cache(outputs) == ()


def test_only_what_is_missing_is_asked_for_and_once(project: Project, server: Server) -> None:
    project.put(".dvc/config.local", f"['remote \"here\"']\n    url = {server.url}\n")
    many, one = directory(project), file(project, "model")
    project.store.push([many, one])
    members = [member.md5 for member in project.store.members(many)]
    for md5 in (members[3], members[7], one.md5):
        project.store.drop(md5)
    server.asked.clear()
    project.store.fetch([many, one])
    assert sorted(server.asked) == sorted(("GET", md5) for md5 in (members[3], members[7], one.md5))
    server.asked.clear()
    project.store.fetch([many, one])
    assert server.asked == []


def test_a_lost_object_keeps_no_other_from_coming_and_none_comes_twice(project: Project, server: Server) -> None:
    project.put(".dvc/config.local", f"['remote \"here\"']\n    url = {server.url}\n")
    many = directory(project)
    project.store.push([many])
    path, lost = project.store.members(many)[5]
    server.object(lost).unlink()
    emptied(project)
    server.asked.clear()
    with pytest.raises(FindingsError) as caught:
        project.store.fetch([many])
    assert [finding.subject for finding in caught.value.findings] == [f"many/{path}"]
    got = [md5 for method, md5 in server.asked if method == "GET" and md5 != lost]
    assert len(got) == len(set(got)) == MANY
    assert [need.md5 for need in project.store.missing_in_cache([many])] == [lost]


def test_a_listing_in_the_cache_says_nothing_of_its_members_to_dvc(project: Project) -> None:
    from dvc.repo import Repo

    outputs = project.read().outputs
    project.store.push(outputs)
    emptied(project)
    project.store.missing_on_remote(outputs)  # brings the listings
    assert {need.member for need in project.store.missing_in_cache(outputs)} == {None, "a.csv", "b.csv", "all.csv"}
    with Repo(str(project.root)) as repo:
        repo.fetch()
    assert project.store.missing_in_cache(outputs) == ()


def test_data_is_flushed_before_an_object_has_its_name_in_the_cache(project: Project, tmp_path: Path) -> None:
    many = directory(project)
    project.store.push([many])
    wanted = {member.md5 for member in project.store.members(many)}
    cache = project.store.cache().directory
    emptied(project)
    look = f"find {cache}/files -type f >seen.$count; find {cache}/lastgood -type f >staged.$count"
    Store(project.path, environ=watched(tmp_path, look)).fetch([many])
    first, *_, last = snapshots(tmp_path)
    assert not first & wanted
    assert len((tmp_path / "staged.1").read_text().splitlines()) == MANY
    assert last == wanted | {many.md5}
    assert objects(cache) == last


def test_what_register_relies_on_is_flushed_and_listings_come_after_members(project: Project, tmp_path: Path) -> None:
    many = directory(project)
    wanted = {member.md5 for member in project.store.members(many)}
    store = Store(project.path, environ=watched(tmp_path, f"find {project.remote}/files -type f >seen.$count"))
    store.push([many])
    data, names, everything = snapshots(tmp_path)
    assert data == set()
    assert names == wanted
    assert everything == wanted | {many.md5} == objects(project.remote)
    assert not (project.remote / "lastgood").exists()
    assert store.push([many]) == ()
    assert snapshots(tmp_path)[3:] == [everything]  # `dvc push` may have put it there, which flushes nothing


@pytest.mark.parametrize("moment", [1, 2])
@pytest.mark.parametrize("job", ["fetch", "push"])
def test_killed_while_it_flushes_no_half_object_stays_and_the_next_run_cleans(
    project: Project, tmp_path: Path, job: str, moment: int
) -> None:
    many = directory(project)
    target = project.remote
    if job == "fetch":
        project.store.push([many])
        emptied(project)
        target = project.store.cache().directory
    script = f"[ $count = {moment} ] && kill -9 $PPID && exit"
    with pytest.raises(LastgoodError, match="ended without an answer"):
        getattr(Store(project.path, environ=watched(tmp_path, script)), job)([many])
    assert list((target / "lastgood").iterdir()) != []
    assert len(objects(target) - {many.md5}) == (0 if moment == 1 else MANY)
    getattr(project.store, job)([many])
    assert len(objects(target)) == MANY + 1
    assert not (target / "lastgood").exists()


def test_a_staging_directory_that_cannot_be_used_is_not_left(tmp_path: Path) -> None:
    require_strace(tmp_path)
    staging = Staging(tmp_path / "remote", Meter(lambda _: None), legacy=False, shared=False)
    with pytest.raises(OSError, match="Input/output error"), failing("rename", "EIO"):
        staging.__enter__()
    assert list((tmp_path / "remote/lastgood").iterdir()) == []


def test_without_the_sync_program_each_file_is_flushed(project: Project) -> None:
    many = directory(project)
    store = Store(project.path, environ={**os.environ, "PATH": "/nonexistent"})
    store.push([many])
    emptied(project)
    store.fetch([many])
    assert objects(project.remote) == objects(store.cache().directory)


@pytest.mark.parametrize(
    ("recorded", "told"),
    [(0, True), (None, False), (-3000, False)],
    ids=["as it is", "not at all", "too small"],
)
def test_bytes_in_all_are_told_where_they_are_known(project: Project, recorded: int | None, told: bool) -> None:
    many = directory(project)
    project.store.push([many])
    for member in project.store.members(many)[10:]:
        project.store.drop(member.md5)
    missing = sum(len(str(number)) * 100 + 100 for number in _numbers()[10:])
    size = None if recorded is None or many.size is None else many.size + recorded
    seen: list[Progress] = []
    project.store.fetch([dataclasses.replace(many, size=size)], on_progress=seen.append)
    last = seen[-1]
    assert (last.done, last.total, last.bytes) == (MANY - 10, MANY - 10, missing)
    assert last.size == (missing if told else None)
    assert last.moves


def _numbers() -> list[int]:
    """The members' numbers in the order of the listing."""
    return sorted(range(MANY), key=lambda number: f"f{number}")
