"""A serving host, which has no working tree: it acts, and each command that it is told of is about the same host."""

import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest

from lastgood.cli.app import COMMANDS, group
from lastgood.cli.output.commands import TAKING_ROOT
from tests.builders import Project, git
from tests.cli.conftest import Program, Run

BACK = ("rollback", "--from", "v2.0.0", "--reason", "late")


@dataclass(frozen=True)
class Host:
    """A serving host of the story's repository, asked from a directory that holds nothing."""

    program: Program
    root: Path
    project: Project

    def __call__(self, *arguments: str) -> Run:
        return self.program(*arguments, "--root", str(self.root), at=self.root.parent / "nothing")

    @property
    def live(self) -> Path:
        return self.root / "live/flights/prod"

    def model(self) -> str:
        """What a server would load now."""
        return (self.live / "models/model.txt").read_text()

    def lose_origin(self) -> None:
        self.project.origin.rename(self.project.base / "gone.git")

    def find_origin(self) -> None:
        (self.project.base / "gone.git").rename(self.project.origin)


@pytest.fixture
def host(run: Program, story: Project, tmp_path: Path) -> Host:
    """v1.0.0 was live here, v2.0.0 is."""
    (tmp_path / "nothing").mkdir()
    made = Host(run, tmp_path / "serving host", story)
    story.put(".dvc/config", f"[core]\n    remote = storage\n['remote \"storage\"']\n    url = {story.remote}\n")
    story.commit("a remote that other directories can reach")
    for version in ("v1.0.0", "v2.0.0"):
        assert run("assign", version, "--stage", "prod", "--reason", "go").code == 0
        assert made("sync", "--stage", "prod", "--repo", f"file://{story.origin}").code == 0
    return made


def test_the_commands_that_are_said_to_take_a_root_are_those_that_do() -> None:
    commands = group().commands
    taking = {name for name in COMMANDS if any("--root" in one.opts for one in commands[name].params)}
    assert taking == set(TAKING_ROOT)


def test_with_the_git_host_down_a_serving_host_is_rolled_back_and_published_later(host: Host) -> None:
    host.lose_origin()
    failed = host(*BACK)
    assert (failed.code, host.model()) == (1, "third")
    done = host(*BACK, "--offline")
    assert (done.code, host.model()) == (7, "first"), done.err
    assert host("status").code == 7
    again = done.out.splitlines()[-1].split(maxsplit=1)[1]
    assert shlex.split(again) == ["sync", "--root", str(host.root), "flights", "--stage", "prod"]
    host.find_origin()
    assert host.program(*shlex.split(again)).code == 0
    assert host("status").code == 0
    assert host.program("list", "--fetch", "--json").json["artifacts"][0]["versions"][0]["stages"] == ["prod"]


def test_a_serving_host_verifies_compares_and_marks(host: Host) -> None:
    verified = host("verify")
    assert (verified.code, verified.out.count(" ok")) == (0, 3), verified.err
    assert host("verify", "--deep").code == 0
    compared = host("diff", "v1.0.0", "v2.0.0")
    assert (compared.code, "models/model.txt" in compared.out) == (0, True), compared.err
    marked = host("mark", "v2.0.0", "failed", "--reason", "late", "--json")
    assert marked.code == 0, marked.err
    leave = shlex.split(marked.json["next"][0])
    assert leave[:4] == ["lastgood", "rollback", "--root", str(host.root)]
    assert host.program(*leave[1:]).code == 0
    assert host.model() == "first"


def test_a_host_that_was_never_synced_is_told_the_whole_command(host: Host) -> None:
    other = Host(host.program, host.root.with_name("other"), host.project)
    done = other(*BACK)
    assert done.code == 2
    assert f"hint: lastgood sync --root {other.root} --stage STAGE --repo URL" in done.err


def test_a_serving_host_repairs_releases_and_tags_and_leaves_objects_to_a_clone(host: Host) -> None:
    model = host.live.resolve() / "models/model.txt"
    model.unlink()
    git(host.project.origin, "update-ref", "-d", "refs/tags/flights@v1.1.0")
    lost = next(one for one in host.project.remote.rglob("*") if one.is_file() and one.read_bytes() == b"first")
    lost.unlink()
    done = host("repair", "--deep", "--json")
    assert (done.code, host.model()) == (3, "third"), done.err
    assert {one["kind"] for one in done.json["repaired"]} == {"release", "tag"}
    assert [one["kind"] for one in done.json["findings"]] == ["missing"]
    assert "full clone" in done.json["left_out"]
    assert "flights@v1.1.0" in git(host.project.origin, "tag")
    assert host.program("repair").code == 0
    assert host("repair").code == 0
