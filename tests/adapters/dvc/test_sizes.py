"""An object that has not the recorded size is refused before it is fetched: nothing of it reaches the disk."""

from __future__ import annotations

import os
from dataclasses import replace
from hashlib import md5
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest

from lastgood.core.manifest import Output
from lastgood.errors import FindingsError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.adapters.dvc.conftest import Project
    from tests.adapters.dvc.server import Server

HUGE = 3 << 30


def put(project: Project, data: bytes, *, name: str = "m") -> Output:
    """An object on the remote and not in the cache."""
    output = Output(PurePosixPath(name), project.cache_object(data), size=len(data), files=1)
    project.store.push([output])
    project.store.drop(output.md5)
    return output


def place(base: Path, output: Output) -> Path:
    return base / "files/md5" / output.md5[:2] / output.md5[2:]


def grow(path: Path) -> None:
    """Make it huge; the file is sparse, a copy of it would not be."""
    path.chmod(0o644)
    os.truncate(path, HUGE)


def below(directory: Path) -> int:
    """The bytes that files below it take."""
    return sum(path.stat().st_blocks * 512 for path in directory.rglob("*") if path.is_file())


def test_three_gibibytes_for_seven_bytes_are_not_fetched(project: Project) -> None:
    output = put(project, b"7 bytes")
    grow(place(project.remote, output))
    with pytest.raises(FindingsError) as caught:
        project.store.fetch([output])
    assert [(one.kind, one.subject) for one in caught.value.findings] == [("corrupted", "m")]
    assert f"has {HUGE} bytes, 7 are recorded" in caught.value.findings[0].message
    assert below(project.store.cache().directory) < 1 << 20


@pytest.mark.parametrize("size", [6, 8])
def test_a_version_that_records_another_size_gets_nothing(project: Project, size: int) -> None:
    output = replace(put(project, b"7 bytes"), size=size)
    with pytest.raises(FindingsError, match="corrupted"):
        project.store.fetch([output])
    assert not place(project.store.cache().directory, output).exists()


def test_the_others_of_a_fetch_arrive_and_a_size_that_nobody_recorded_is_no_reason(project: Project) -> None:
    wrong, right = replace(put(project, b"wrong"), size=1), put(project, b"right", name="right")
    unknown = replace(put(project, b"unknown", name="unknown"), size=None)
    with pytest.raises(FindingsError) as caught:
        project.store.fetch([wrong, right, unknown])
    assert [one.subject for one in caught.value.findings] == ["m"]
    assert [one.md5 for one in project.store.missing_in_cache([wrong, right, unknown])] == [wrong.md5]


def test_a_member_is_never_larger_than_its_directory(project: Project) -> None:
    contents = {"a": b"a" * 10, "b": b"b" * 20}
    many = Output(PurePosixPath("many"), project.listing(**contents), size=30, files=2)
    project.store.push([many])
    grow(place(project.remote, replace(many, md5=md5(b"b" * 20).hexdigest())))
    for need in [*project.store.missing_on_remote([many]), *project.store.cache().objects(many)]:
        project.store.drop(need.md5)
    with pytest.raises(FindingsError) as caught:
        project.store.fetch([many])
    assert [one.subject for one in caught.value.findings] == ["many/b"]


def test_a_remote_that_says_how_long_an_object_is_sends_none_that_is_too_long(project: Project, server: Server) -> None:
    right, wrong = put(project, b"right", name="right"), put(project, b"w" * 100)
    server.base = project.remote
    project.put(".dvc/config.local", f"['remote \"here\"']\n    url = {server.url}\n")
    with pytest.raises(FindingsError) as caught:
        project.store.fetch([replace(wrong, size=7), right])
    assert [one.message for one in caught.value.findings] == [
        f"m is corrupted on remote `here`: {wrong.md5} has 100 bytes, 7 are recorded"
    ]
    assert project.store.missing_in_cache([right]) == ()
