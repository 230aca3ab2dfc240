import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from lastgood.adapters.git import objects
from lastgood.adapters.git.command import Git
from tests.builders import Project

ABSENT = "1" * 40


def children() -> set[str]:
    """The processes that this one started and that have not ended."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def test_objects_are_read_one_after_the_other_by_one_process(project: Project) -> None:
    data = bytes(range(256)) * 5000 + b"\n"
    project.put("with blank", data)
    project.put("empty", "")
    commit = project.commit()
    before, git = children(), Git(project.root)
    assert git.objects.read(f"{commit}:with blank") == ("blob", data)
    assert git.objects.read(f"{commit}:empty") == ("blob", b"")
    assert git.objects.read(ABSENT) is None
    assert git.objects.read(f"{commit}:no such file") is None
    kind, tree = git.objects.read(f"{commit}^{{tree}}") or ("", b"")
    assert (kind, b"with blank\0" in tree) == ("tree", True)
    assert (git.objects.read(commit) or ("",))[0] == "commit"
    assert len(children() - before) == 1


@pytest.mark.parametrize("name", ["", " ", "a\nb", "HEAD:a\nHEAD", "blob 3", "x blob 3", "\udcff", "--batch"])
def test_a_name_that_is_none_does_not_disturb_the_next(project: Project, name: str) -> None:
    git = Git(project.root)
    assert git.objects.read(name) is None
    assert git.objects.read("HEAD:.dvcignore") == ("blob", b"")


@pytest.mark.parametrize("put_away", [lambda _: None, lambda project: project.git("gc", "--quiet", "--prune=now")])
def test_an_object_written_after_the_first_question_is_found(
    project: Project, put_away: Callable[[Project], object]
) -> None:
    git = Git(project.root)
    assert git.objects.read("HEAD:new") is None
    project.put("new", "text")
    project.commit()
    put_away(project)
    assert git.objects.read("HEAD:new") == ("blob", b"text")


def test_a_corrupted_object_is_not_there_and_the_next_one_is(project: Project) -> None:
    project.put("bad", "text")
    commit = project.commit()
    oid = project.git("rev-parse", "HEAD:bad")
    there = project.root / ".git/objects" / oid[:2] / oid[2:]
    there.chmod(0o644)
    there.write_bytes(b"no zlib")
    git = Git(project.root)
    assert git.objects.read(f"{commit}:bad") is None
    assert git.objects.read(f"{commit}:.dvcignore") == ("blob", b"")


def test_without_a_repository_nothing_is_there(tmp_path: Path) -> None:
    assert Git(tmp_path).objects.read("HEAD") is None


def test_the_process_ends_with_its_reader(project: Project) -> None:
    before, git = children(), Git(project.root)
    assert git.objects.read("HEAD") is not None
    assert children() - before
    del git
    assert not children() - before


def test_a_fork_reads_by_a_process_of_its_own_and_leaves_ours_alone(project: Project) -> None:
    git = Git(project.root)
    assert git.objects.read("HEAD:.dvcignore") == ("blob", b"")
    child = os.fork()
    if child == 0:
        signal.alarm(60)  # a child that hangs fails its test instead of stopping the suite
        found = git.objects.read("HEAD:.dvcignore")
        del git
        os._exit(0 if found == ("blob", b"") else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert git.objects.read("HEAD:dvc.yaml") is not None


def test_a_fork_that_forgets_our_reader_does_not_wait_for_it(project: Project) -> None:
    git = Git(project.root)
    assert git.objects.read("HEAD") is not None
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        del git
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert git.objects.read("HEAD") is not None


def test_a_git_that_is_silent_is_given_up_and_the_next_question_answered(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    git, before = Git(project.root), children()
    assert git.objects.read("HEAD") is not None
    (process,) = children() - before
    os.kill(int(process), signal.SIGSTOP)
    monkeypatch.setattr(objects, "PATIENCE", 0.1)
    with pytest.raises(TimeoutError, match=r"no answer for 0\.1 s"):
        git.objects.read("HEAD")
    monkeypatch.setattr(objects, "PATIENCE", 60)
    assert git.objects.read("HEAD") is not None
    assert process not in children()
