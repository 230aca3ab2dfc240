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
    model.parent.chmod(0o755)  # as root would, through 0555
    model.unlink()
    model.parent.chmod(0o555)
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


MARKERS = "<<<<<<< HEAD\n[rollback]\n=======\n>>>>>>> other\n"


def spoil(project: Project, bad: str) -> None:
    """Make the tip of the default branch a commit that nobody meant."""
    if bad == "no DVC":
        project.git("rm", "-r", "--quiet", ".dvc", "dvc.yaml")
    else:
        project.put(bad, MARKERS + (project.root / bad).read_text() if (project.root / bad).exists() else MARKERS)
    project.commit("a merge gone wrong")


@pytest.mark.parametrize("bad", [".dvc/config", "lastgood.toml", "no DVC"])
def test_a_bad_commit_on_the_default_branch_stops_no_host_and_is_named(host: Host, bad: str) -> None:
    host.project.put("lastgood.toml", "[rollback]\nsettle = 0\n")
    host.project.commit("settings")
    assert host("sync", "--stage", "prod").err.count("warning") == 0
    elsewhere = host.project.clone("elsewhere")
    spoil(host.project, bad)
    synced = host("sync", "--stage", "prod", "--json")
    assert synced.code == 0, synced.out
    (told,) = [one["message"] for one in synced.json["warnings"]]
    assert told.startswith("settings of the default branch cannot be used, the last ones stay: ")
    assert {"no DVC": "no DVC project"}.get(bad, bad) in told
    assert host("status").code == 0
    assert host.program(*BACK, at=elsewhere.root).code == 0
    assert host("sync", "--stage", "prod").code == 0
    assert host.model() == "first"


@pytest.mark.parametrize("bad", [".dvc/config", "lastgood.toml"])
def test_a_host_that_never_had_settings_is_told_what_is_wrong_with_them(host: Host, bad: str) -> None:
    spoil(host.project, bad)
    other = Host(host.program, host.root.with_name("other"), host.project)
    done = other("sync", "--stage", "prod", "--repo", f"file://{host.project.origin}")
    assert (done.code, bad in done.err) == (2, True), done.err


@pytest.mark.parametrize("bad", [".dvc/config", "lastgood.toml", "dvc.yaml", "dvc.lock", "no DVC"])
def test_a_clone_tells_what_is_live_whatever_the_working_trees_files_are(
    run: Program, story: Project, bad: str
) -> None:
    assert run("sync", "--stage", "prod").code == 0
    spoil(story, bad)
    for when in ("committed", "edited"):
        told = run("status", "--json")
        assert told.code == 0, (when, told.out, told.err)
        assert (told.json["stages"][0]["live"], told.json["stages"][0]["assigned"]) == ("v2.0.0", "v2.0.0")
        assert run("where", "--stage", "prod").code == 0
        if bad == "lastgood.toml":
            assert "lastgood.toml" in told.json["warnings"][0]["message"]
        if bad == ".dvc/config":
            assert run("status", "--exit-code").code == 3
        story.git("reset", "--quiet", "--mixed", "HEAD~1")
    story.origin.rename(story.base / "gone.git")
    story.git("checkout", "--quiet", ".")
    (story.root / "lastgood.toml").unlink(missing_ok=True)
    assert run(*BACK, "--offline").code == 7
    (story.root / "lastgood.toml").write_text(MARKERS)
    assert run("status").code == 7


def test_settings_that_cannot_be_read_are_those_of_the_last_commit_that_can(run: Program, story: Project) -> None:
    story.put("lastgood.toml", '[registry]\njournal = "refs/heads/journal/{artifact}"\n')
    story.commit("settings")
    story.put("lastgood.toml", MARKERS)
    story.commit("broken")
    told = run("status")
    assert (told.code, "those of commit" in told.err) == (0, True)
    assert run("rollback", "--dry-run").code == 2


def test_status_ends_with_6_while_what_is_live_is_unhealthy(host: Host) -> None:
    sick = host.root.with_name("sick")
    alive = f"readlink '{host.live}' | grep -q v1"
    host.project.put(
        "lastgood.toml",
        f'[rollback]\nhealth = """{alive} && test -e {sick} && echo out of memory && exit 1; exit 0"""\n',
    )
    host.project.commit("a health command")
    assert host("sync", "--stage", "prod").code == 0
    sick.touch()
    assert host("rollback", "--reason", "late").code == 6
    told = host("status", "--json")
    assert (told.code, told.json["code"], told.json["error"]) == (6, 6, "unhealthy")
    assert "out of memory" in told.json["stages"][0]["unhealthy"]
    assert f"lastgood sync --root '{host.root}'" in told.json["hint"]
    assert "out of memory" in " ".join(host("status").out.split())
    assert host("sync", "--stage", "prod").code == 6
    sick.unlink()
    assert host("sync", "--stage", "prod").code == 0
    assert host("status").code == 0


def test_a_dry_run_and_a_first_call_that_fails_leave_no_directory_behind(host: Host) -> None:
    other = Host(host.program, host.root.with_name("deep") / "er/host", host.project)
    url = f"file://{host.project.origin}"
    assert other("sync", "--stage", "prod", "--repo", url, "--dry-run").code == 0
    assert other("sync", "--stage", "prod", "--repo", f"{url}.typo").code == 1
    assert other("sync", "--stage", "pord", "--repo", url).code == 12
    assert other(*BACK).code == 2
    assert not (host.root.with_name("deep")).exists()
    (host.project.remote).rename(host.root.with_name("unmounted"))
    assert other("sync", "--stage", "prod", "--repo", url).code in {1, 3}
    assert not (host.root.with_name("deep")).exists()
    host.root.with_name("unmounted").rename(host.project.remote)
    assert other("sync", "--stage", "prod", "--repo", url).code == 0
    assert other("sync", "--stage", "prod", "--dry-run").code == 0
    assert other("sync", "--stage", "pord").code == 12
    assert other.model() == "third"


@pytest.mark.parametrize(
    "command",
    [
        ("rollback",),
        ("sync", "--stage", "prod"),
        ("mark", "v2.0.0", "failed"),
        ("assign", "v1.0.0", "--stage", "prod"),
        ("prune",),
        ("repair",),
    ],
)
def test_a_dry_run_in_a_fresh_clone_makes_no_directory_of_ours(
    run: Program, story: Project, command: tuple[str, ...]
) -> None:
    fresh = story.clone("fresh")
    assert run(*command, "--dry-run", at=fresh.root).code == 0
    assert not (fresh.root / ".git/lastgood").exists()
