"""Our own bare repository: whole whoever makes it, however often and however he died."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lastgood.adapters.git import mirror
from lastgood.adapters.git.command import Git, GitError
from lastgood.adapters.git.export import read_file
from lastgood.errors import UnreachableError
from tests.builders import Project, git
from tests.reliability.gitkilling import leave, require_sight


def test_several_processes_open_the_mirror_of_one_clone_at_once(project: Project, tmp_path: Path) -> None:
    common = project.root / ".git"
    mirror.open_for_clone(tmp_path / "mirror.git", common)
    for _ in range(20):
        (tmp_path / "mirror.git/config").write_text("[core]\nbare = true\nrepositoryformatversion = 0\n")
        with ThreadPoolExecutor(8) as pool:
            opened = list(pool.map(lambda _: mirror.open_for_clone(tmp_path / "mirror.git", common), range(8)))
    assert {one.line("config", "remote.origin.url") for one in opened} == {f"file://{project.origin}"}
    assert not list((tmp_path / "mirror.git").glob("config.*"))


@pytest.mark.parametrize("made", [("HEAD",), ("HEAD", "config"), ("HEAD", "config", "refs")])
def test_a_mirror_whose_maker_died_is_finished(project: Project, tmp_path: Path, made: tuple[str, ...]) -> None:
    path = tmp_path / "mirror.git"
    whole = mirror.open_for_host(tmp_path / "whole.git", f"file://{project.origin}")
    path.mkdir()
    for name in made:
        (whole.directory / name).rename(path / name)
    finished = mirror.open_for_host(path, f"file://{project.origin}")
    assert mirror.fetch_branch(finished, "origin", 60) == project.git("rev-parse", "main")


def serve(project: Project, tmp_path: Path, *, filters: bool = True) -> Git:
    """A serving host's mirror of an origin with two versions of 200 files, and with others on other commits."""
    git(project.origin, "config", "uploadpack.allowFilter", str(filters).lower())
    for version in ("v1.0.0", "v2.0.0"):
        for number in range(200):
            project.put(f"code/{number}.py", f"# {version} {number}\n")
        project.commit()
        project.register(version)
    served = mirror.open_for_host(tmp_path / "mirror.git", f"file://{project.origin}")
    mirror.fetch_branch(served, "origin", 60)
    fetch(project, served)
    return served


def fetch(project: Project, opened: Git) -> None:
    names = [f"refs/tags/{name}:refs/tags/{name}" for name in project.git("tag").split()]
    mirror.fetch(opened, "origin", names, [], 60)


def bring(project: Project, opened: Git, version: str) -> str:
    """The commit of a version, brought."""
    commit = project.git("rev-parse", f"flights@{version}^{{commit}}")
    mirror.bring(opened, "origin", {commit: f"flights@{version}"}, 60)
    return commit


def blobs(opened: Git) -> int:
    out = opened.line("cat-file", "--batch-all-objects", "--batch-check=%(objecttype)")
    return out.split().count("blob")


def requests(trace: Path) -> int:
    """How often a remote was asked for objects since the last time."""
    text = trace.read_text() if trace.exists() else ""
    trace.unlink(missing_ok=True)
    starts = [line for line in text.splitlines() if '"event":"start"' in line]
    return sum('"upload-pack"' in line or '"git-upload-pack"' in line or "/git-upload-pack" in line for line in starts)


@pytest.fixture
def trace(project: Project, home: Path) -> Path:
    """Where git notes the processes it starts."""
    project.git("config", "--global", "trace2.eventTarget", str(home / "trace"))
    return home / "trace"


def test_a_serving_host_gets_the_files_of_one_version_by_one_fetch(
    project: Project, tmp_path: Path, trace: Path
) -> None:
    served = serve(project, tmp_path)
    assert blobs(served) == 0
    requests(trace)
    commit = bring(project, served, "v1.0.0")
    assert requests(trace) == 1
    there = project.git("ls-tree", "-r", commit).splitlines()
    assert blobs(served) == len({line.split()[2] for line in there}) > 200
    bring(project, served, "v1.0.0")
    assert requests(trace) == 0
    bring(project, served, "v2.0.0")
    assert (requests(trace), blobs(served)) == (1, len({line.split()[2] for line in there}) + 200)


def test_an_origin_that_cannot_leave_files_out_gives_everything_at_once(
    project: Project, tmp_path: Path, trace: Path
) -> None:
    served = serve(project, tmp_path, filters=False)
    assert blobs(served) > 400
    requests(trace)
    bring(project, served, "v1.0.0")
    assert requests(trace) == 0


@pytest.mark.parametrize("gone", [False, True])
def test_an_origin_that_gives_no_object_by_its_id_is_asked_by_tag_or_for_everything(
    project: Project, tmp_path: Path, gone: bool
) -> None:
    served = serve(project, tmp_path)
    project.git("config", "--global", "protocol.version", "0")
    if gone:
        git(project.origin, "tag", "--delete", "flights@v1.0.0")
    commit = bring(project, served, "v1.0.0")
    assert read_file(served, commit, "code/199.py") == b"# v1.0.0 199\n"
    assert (read_file(served, project.git("rev-parse", "HEAD"), "code/199.py") is None) is not gone


def test_many_tags_that_are_fetched_at_once_become_one_file(project: Project, tmp_path: Path) -> None:
    project.register("v1.0.0")
    served = mirror.open_for_host(tmp_path / "mirror.git", f"file://{project.origin}")
    mirror.fetch(served, "origin", ["refs/tags/*:refs/tags/*"], [], 60)
    assert "refs/tags/flights@v1.0.0" in (served.directory / "packed-refs").read_text()
    assert list((served.directory / "refs/tags").iterdir()) == []


def test_a_mirror_that_cannot_be_written_is_as_good_as_an_origin_out_of_reach(project: Project, tmp_path: Path) -> None:
    served = mirror.open_for_host(tmp_path / "mirror.git", f"file://{project.origin}")
    (served.directory.parent / "locks").touch()
    with pytest.raises(UnreachableError, match="locks"):
        mirror.fetch_branch(served, "origin", 60)


def test_nothing_that_is_missing_is_fetched_behind_our_back(project: Project, tmp_path: Path, trace: Path) -> None:
    served = serve(project, tmp_path)
    requests(trace)
    assert read_file(served, project.git("rev-parse", "HEAD"), "code/1.py") is None
    assert served.attempt("checkout-index", "--all")[0] != 0
    with pytest.raises(GitError):
        served.run("cat-file", "blob", f"{project.git('rev-parse', 'HEAD')}:code/1.py")
    assert requests(trace) == 0


def test_beside_a_shallow_clone_only_the_commits_of_versions_are_kept(project: Project, tmp_path: Path) -> None:
    project.commit()
    project.register("v1.0.0")
    for _ in range(5):
        project.commit()
    git(project.origin, "config", "uploadpack.allowFilter", "true")
    project.register("v2.0.0")
    git(project.base, "clone", "--quiet", "--depth=1", f"file://{project.origin}", "cut")
    config = (project.base / "cut/.git/config").read_bytes()
    opened = mirror.open_for_clone(tmp_path / "mirror.git", project.base / "cut/.git")
    (tmp_path / "mirror.git/shallow.lock").touch()  # left by a fetch that was killed
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: fetch(project, opened), range(3)))
    kinds = opened.line("cat-file", "--batch-all-objects", "--batch-check=%(objecttype)").split()
    assert sorted(kinds) == ["commit", "commit", "tag", "tag"]
    commit = bring(project, opened, "v1.0.0")
    assert read_file(opened, commit, "dvc.yaml") is not None
    assert opened.line("rev-list", "--count", "--all") == "2"
    assert (project.base / "cut/.git/config").read_bytes() == config


def test_a_mirror_whose_making_was_killed_is_made(project: Project, tmp_path: Path) -> None:
    require_sight(tmp_path)
    locks = [leave(tmp_path / "mirror" / name) for name in ("config.lock", "HEAD.lock")]
    mirror.open_for_host(tmp_path / "mirror", str(project.origin))
    assert not [one for one in locks if one.exists()]
