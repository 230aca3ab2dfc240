"""DVC remotes that are not there, and what rots on those that are: told, mended, and never taken for lost data."""

import hashlib
import shutil

import pytest

from lastgood.core.subset import Subset
from tests.builders import Project, git
from tests.cli.conftest import Program
from tests.reliability.faulty_servers import Fault, FaultyServer
from tests.remote_kinds import KINDS, Directory, Kind, remote
from tests.world import files

ASKING = (
    ("verify",),
    ("verify", "--deep"),
    ("repair",),
    ("repair", "--deep"),
    ("repair", "--dry-run"),
    ("register", "--version", "v9.0.0"),
    ("register", "--version", "v9.0.0", "--dry-run"),
    ("assign", "v1.0.0", "--stage", "staging", "--reason", "go"),
    ("rollback", "--from", "v2.0.0", "--reason", "bad", "--record-only"),
    ("gc", "--remote", "--dry-run"),
    ("gc", "--remote", "--yes", "--grace", "0"),
    ("sync", "--stage", "prod"),
    ("checkout", "v1.0.0"),
)
"""Every command that needs the remote; the last ones because the cache is empty."""


LISTED = hashlib.md5(b"2\n").hexdigest()
"""A member that one listing alone has."""


def unmount(project: Project, left: str) -> None:
    """As when a disk is not mounted: the directory is gone, or empty, or holds what is none of DVC's."""
    project.remote.rename(project.base / "disk")
    if left != "nothing":
        project.remote.mkdir()
    if left == "rubbish":
        (project.remote / "lost+found").mkdir()


def mount(project: Project) -> None:
    shutil.rmtree(project.remote, ignore_errors=True)
    (project.base / "disk").rename(project.remote)


def state(project: Project) -> object:
    refs = git(project.origin, "for-each-ref"), project.git("for-each-ref", "refs/tags", "refs/lastgood")
    live = sorted(str(one.readlink()) for one in (project.root / ".git/lastgood/live").glob("*/*"))
    tree = files(project.root, without=(".git", ".dvc"))
    there = sorted(str(one) for one in project.remote.rglob("*")) if project.remote.exists() else None
    return refs, live, tree, there


@pytest.mark.parametrize("left", ["nothing", "an empty directory", "rubbish"])
def test_a_remote_that_is_not_there_is_unreachable_and_nobody_makes_it(story: Project, run: Program, left: str) -> None:
    story.commit_version(model="ninth", push=False)
    story.git("push", "--quiet", "origin", "HEAD")
    unmount(story, left)
    before = state(story)
    commands = ASKING if left == "an empty directory" else ASKING[:1] + ASKING[2:3] + ASKING[5:6]
    for command in commands:
        if command[0] == "sync":
            shutil.rmtree(story.root / ".dvc/cache")
        done = run(*command)
        assert done.code == 1, (command, done)
        assert "remote `storage` does not exist" in done.out + done.err, (command, done)
        assert str(story.remote) in done.err
        assert "hint: mount it" in done.err
        assert "missing" not in done.out
        assert state(story) == before, command
    mount(story)
    assert run("verify").code == 0


def test_verify_tells_which_versions_it_cannot_tell_of(story: Project, run: Program) -> None:
    unmount(story, "nothing")
    done = run("verify", "--json")
    assert (done.code, done.json["error"], done.json["code"]) == (1, "unreachable", 1)
    assert done.json["findings"] == []
    assert all("does not exist" in one["unknown"][0] for one in done.json["versions"])


def test_what_is_all_here_is_rolled_back_without_the_remote(story: Project, run: Program) -> None:
    assert run("sync", "--stage", "prod").code == 0
    unmount(story, "an empty directory")
    done = run("rollback", "--from", "v2.0.0", "--reason", "bad", "--here")
    assert done.code == 0, done
    assert (story.root / ".git/lastgood/live/flights/prod/models/model.txt").read_text() == "first"
    assert run("checkout", "v1.0.0").code == 0
    assert list(story.remote.iterdir()) == []


def test_the_first_version_makes_the_place_of_the_remote_as_dvc_push_does(project: Project, run: Program) -> None:
    shutil.rmtree(project.remote)
    assert run("register", "--version", "v1.0.0", "--dry-run").code == 0
    assert not project.remote.exists()
    done = run("register", "--version", "v1.0.0")
    assert done.code == 0, done
    assert run("verify", "--deep").code == 0
    assert project.clone(pull=True).git("status", "--porcelain") == ""


def test_a_remote_that_is_lost_for_good_is_made_anew_by_hand_and_filled_by_repair(story: Project, run: Program) -> None:
    before = files(story.remote)
    shutil.rmtree(story.remote)
    hint = next(line for line in run("verify").err.splitlines() if line.startswith("hint:"))
    assert hint.endswith(f"mkdir -p {story.remote}/files/md5 && lastgood repair")
    (story.remote / "files/md5").mkdir(parents=True)
    assert run("repair").code == 0
    assert {name: digest for name, digest in before.items() if name in files(story.remote)} == files(story.remote)
    assert run("verify", "--deep").code == 0


def kept(project: Project, kind: Kind) -> None:
    project.put(".dvc/config.local", f"['remote \"storage\"']\n{kind.settings}")


def key_of(project: Project, content: str) -> str:
    """The object with this content; of a listing, of what it names."""
    for one in sorted((project.root / ".dvc/cache").rglob("*")):
        if one.is_file() and (one.read_text() == content or (one.suffix == ".dir" and content in one.read_text())):
            return str(one.relative_to(project.root / ".dvc/cache"))
    raise AssertionError(content)


@pytest.mark.parametrize("kind", KINDS)
def test_what_rots_on_the_remote_is_found_and_replaced_though_the_cache_is_sound(
    story: Project, run: Program, kind: str
) -> None:
    with remote(kind, story.remote) as there:
        kept(story, there)
        assert run("verify", "--deep").code == 0
        keys = [key_of(story, content) for content in ("first", LISTED, "3\n")]
        whole = {key: there.read(key) for key in keys}
        for key in keys:
            there.write(key, whole[key][:-1] + b"?")
        assert run("verify").code == 0  # every object is there
        done = run("verify", "--deep", "--json")
        assert done.code == 3, done
        assert done.json["hint"] == "lastgood repair --deep"
        found = {(one["kind"], one["subject"]) for one in done.json["findings"]}
        wanted = {("corrupted", path) for path in ("models/model.txt", "data/raw", "data/raw/a.csv")}
        assert found == wanted
        model = keys[0].removeprefix("files/md5/").replace("/", "")
        text = f"models/model.txt of v1.0.0: object {model} on remote `storage` is corrupted"
        assert text in {one["message"] for one in done.json["findings"]}
        tried = run("repair", "--deep", "--dry-run", "--json").json["repaired"]
        assert {one["subject"] for one in tried} == {path for _, path in wanted}
        assert any(there.read(key) != whole[key] for key in keys)
        done = run("repair", "--deep", "--json")
        assert done.code == 0, done
        assert done.json["repaired"] == tried
        assert {(one["done"], one["from"]) for one in tried} == {("replaced on the remote", "the cache")}
        assert {key: there.read(key) for key in keys} == whole
        assert run("verify", "--deep").code == 0


def test_rot_whose_only_good_copy_is_a_release_is_replaced_from_it(story: Project, run: Program) -> None:
    assert run("sync", "--stage", "prod").code == 0
    with remote("s3", story.remote) as there:
        kept(story, there)
        key = key_of(story, "third")
        there.write(key, b"rotten")
        shutil.rmtree(story.root / ".dvc/cache")
        done = run("repair", "--deep", "--json")
        assert done.code == 0, done
        assert [one["from"] for one in done.json["repaired"]] == ["release v2.0.0"]
        assert there.read(key) == b"third"


def test_rot_without_a_good_copy_stays_a_finding_and_nothing_of_it_is_deleted(story: Project, run: Program) -> None:
    with remote("s3", story.remote) as there:
        kept(story, there)
        keys = [key_of(story, content) for content in ("first", LISTED)]
        before = there.keys()
        for key in keys:
            there.write(key, b"rotten")
        shutil.rmtree(story.root / ".dvc/cache")
        for command in (("repair", "--deep", "--dry-run"), ("repair", "--deep"), ("verify", "--deep")):
            done = run(*command)
            assert done.code == 3, (command, done)
            assert "models/model.txt" in done.out + done.err
            assert "data/raw" in done.out + done.err
        assert there.keys() == before


def test_the_subsets_of_all_runs_hold_every_object_once() -> None:
    names = [hashlib.md5(str(number).encode()).hexdigest() for number in range(700)]
    for parts in (1, 2, 7, 100):
        shares = [{name for name in names if Subset(part, parts).has(name)} for part in range(1, parts + 1)]
        assert sorted(name for share in shares for name in share) == sorted(names)
    assert min(sum(Subset(part, 7).has(name) for name in names) for part in range(1, 8)) > 60


def test_a_subset_finds_what_is_in_it_and_all_subsets_find_everything(story: Project, run: Program) -> None:
    key = key_of(story, "first")
    there = story.remote / key
    there.chmod(0o644)
    there.write_text("First")
    codes = [run("verify", "--deep", "--subset", f"{part}/5").code for part in range(1, 6)]
    assert sorted(codes) == [0, 0, 0, 0, 3]
    part = f"{codes.index(3) + 1}/5"
    assert run("verify", "--deep", "--subset", part, "--json").json["hint"] == f"lastgood repair --deep --subset {part}"
    other = f"{(codes.index(3) + 1) % 5 + 1}/5"
    assert run("repair", "--deep", "--subset", other).code == 0
    assert there.read_text() == "First"
    assert run("repair", "--deep", "--subset", part).code == 0
    assert there.read_text() == "first"


@pytest.mark.parametrize("text", ["0/7", "8/7", "1", "1/0", "-1/7", "1/7/2", "a/b", "", "\u0661/\u0667"])
def test_a_subset_that_is_none_is_wrong_usage(run: Program, text: str) -> None:
    for command in ("verify", "repair"):
        done = run(command, "--deep", f"--subset={text}")
        assert (done.code, "--subset 1/7" in done.err) == (2, True)


def test_a_subset_without_deep_is_wrong_usage(run: Program) -> None:
    assert run("verify", "--subset", "1/7").code == 2


def test_a_server_that_fails_while_it_is_read_is_not_taken_for_a_sound_one(story: Project, run: Program) -> None:
    model = key_of(story, "first")[-30:]
    with FaultyServer(story.remote).running() as server:
        kept(story, Directory(story.remote, f"    url = {server.url}\n"))
        with server.failing(Fault("status", model, status=503)):
            done = run("verify", "--deep", "--json")
        assert (done.code, done.json["error"]) == (1, "unreachable")
        assert run("verify", "--deep").code == 0
