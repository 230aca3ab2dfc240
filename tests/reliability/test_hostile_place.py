"""What a commit, a DVC output or another user puts where lastgood keeps, or kept, what it knows: none is believed."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from lastgood.project import Project as Opened
from lastgood.releases import durable
from tests.builders import Project, git
from tests.reliability import figures
from tests.reliability.killing import child, count_changes, killed
from tests.world import World, files

STRANGER = 54321


@dataclass(frozen=True)
class Run:
    code: int
    said: str


def lastgood(at: Path, *arguments: str) -> Run:
    """The program, in a process of its own."""
    command = [sys.executable, "-m", "lastgood.cli.app", "-C", str(at), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    return Run(done.returncode, done.stdout + done.stderr)


@pytest.fixture
def world(project: Project) -> World:
    """v1.0.0 stable, v2.0.0 in prod and live here."""
    world = World(project)
    world.release("v1.0.0", model="first", mark="stable", stages=["prod"])
    world.release("v2.0.0", model="second", stages=["prod"])
    world.sync()
    return world


@pytest.fixture
def prey(world: World) -> Path:
    """A directory outside of the clone that must stay as it is."""
    path = world.project.base / "prey"
    path.mkdir()
    (path / "file").write_text("mine")
    (path / "inner").mkdir()
    (path / "inner/file").write_text("mine")
    return path


def forge_release(world: World) -> tuple[str, str]:
    """The name and description of a copy of v2.0.0's release that holds another model, its sums made anew."""
    there = release_of(world, "v2.0.0")
    document = json.loads(label_of(there).read_text())
    for output in document["outputs"]:
        if output["path"] == "models/model.txt":
            output |= {"sha256": sha256(b"forged").hexdigest(), "size": 6, "md5": "0" * 32}
    return there.name, summed(document)


def release_of(world: World, version: str) -> Path:
    """The directory of a version's release."""
    (found,) = [one for one in (world.place / "releases/flights").iterdir() if one.is_dir() and version in one.name]
    return found


def label_of(release: Path) -> Path:
    """The description of a release, which lies beside it."""
    return release.with_name(f"{release.name}.json")


def summed(document: dict[str, object]) -> str:
    """A description with the sum that it would have had."""
    document.pop("sum", None)
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return json.dumps(document | {"sum": sha256(text.encode()).hexdigest()}, sort_keys=True, separators=(",", ":"))


def track_everything(world: World, prey: Path) -> int:
    """A commit with all that `.lastgood/` ever held, forged; the number of the paths that it tracks."""
    other = world.clone("other", pull=True)
    other.rollback(offline=True, here=True, reason="forged by eve")
    act = (other.place / "pending/flights@prod.json").read_text()
    name, label = forge_release(world)
    project = world.project.clone("evil")
    held = {
        "pending/flights@prod.json": act,
        f"releases/flights/{name}.json": label,
        f"releases/flights/{name}/release.json": label,
        f"releases/flights/{name}/models/model.txt": "forged",
        "follow/flights@prod.json": '{"schema": 1, "artifact": "flights", "stage": "prod"}',
        "signatures.json": '{"state": "", "outcomes": [], "tags": {}}',
        "seen.json": "{}",
        "checkout.json": '{"schema": 1, "tag": "flights@v1.0.0", "former": "x", "commit": "y", "saved": []}',
        "environments/0/bin/python": "#!/bin/sh\ntouch ran\n",
        "environments/0/lastgood.json": "{}",
        "pushing": "",
    }
    for path, text in held.items():
        project.put(f".lastgood/{path}", text)
    links = {"staging": prey, "lock": prey / "file", "use": prey, "history.jsonl": prey / "file"}
    for path, target in links.items():
        (project.root / ".lastgood" / path).symlink_to(target)
    (project.root / ".lastgood/live/flights").mkdir(parents=True)
    (project.root / ".lastgood/live/flights/prod").symlink_to(f"../../releases/flights/{name}")
    project.git("add", "--force", ".lastgood")
    project.commit("Look innocent")
    return len(held) + len(links) + 1


COMMANDS = [
    ["status"],
    ["verify"],
    ["sync", "--stage", "prod"],
    ["where", "--stage", "prod"],
    ["prune"],
    ["rollback", "--from", "v2.0.0", "--reason", "late", "--here"],
]


@pytest.mark.parametrize("known", [True, False], ids=["known clone", "new clone"])
def test_nothing_that_a_commit_tracks_below_lastgood_is_believed(world: World, prey: Path, *, known: bool) -> None:
    begun = figures.begin()
    tracked = track_everything(world, prey)
    before = files(prey)
    if known:
        at = world.root
        world.project.git("pull", "--quiet", "origin", "main")
    else:
        at = world.project.clone("fresh").root
    for arguments in COMMANDS:
        done = lastgood(at, *arguments)
        assert done.code == 0, (arguments, done)
        assert "forged" not in done.said
        assert files(prey) == before, arguments
    assert (at / ".git/lastgood/live/flights/prod/models/model.txt").read_text() == "first"
    messages = git(world.project.origin, "for-each-ref", "--format=%(contents)", "refs/tags")
    assert "forged by eve" not in messages
    assert not list(at.rglob("ran"))
    figures.record("tracked .lastgood", begun, cases=tracked, commands=len(COMMANDS), wrong=0)


@pytest.mark.parametrize("name", [".lastgood", ".LastGood"])
def test_a_version_that_tracks_lastgoods_own_name_is_refused(world: World, name: str) -> None:
    clone = world.clone("other", pull=True)
    clone.project.put(f"{name}/pending/x.json", "{}")
    clone.project.git("add", "--force", name)
    clone.project.commit_version(model="third")
    done = lastgood(clone.root, "register", "--version", "v3.0.0")
    assert (done.code, f"{name} in this commit is reserved for lastgood" in done.said) == (3, True), done
    clone.project.register("v3.0.0")
    assert lastgood(clone.root, "verify").code == 3
    for arguments in (["checkout", "flights@v3.0.0"], ["assign", "v3.0.0", "--stage", "prod", "--reason", "x"]):
        done = lastgood(world.root, *arguments)
        assert (done.code, f"{name} in flights v3.0.0 is reserved for lastgood" in done.said) == (3, True), done
    clone.project.assign("v3.0.0", "prod")
    assert lastgood(world.root, "sync", "--stage", "prod").code == 3
    assert world.live_model() == "second"
    assert not (world.root / name).exists()


def test_a_version_with_an_output_below_lastgood_is_refused(world: World) -> None:
    clone = world.clone("other", pull=True)
    for path in ("dvc.yaml", "dvc.lock"):
        text = (clone.root / path).read_text()
        clone.project.put(path, text.replace("models/model.txt", ".lastgood/pending/flights@prod.json"))
    clone.project.commit("Put an output there")
    assert lastgood(clone.root, "register", "--version", "v3.0.0").code == 3
    clone.project.register("v3.0.0")
    found = lastgood(world.root, "verify")
    assert (found.code, "`.lastgood`" in found.said) == (3, True), found
    assert lastgood(world.root, "checkout", "flights@v3.0.0").code == 3
    assert not (world.root / ".lastgood").exists()


def test_what_comes_later_is_not_moved(world: World, prey: Path) -> None:
    (world.root / ".lastgood").mkdir()
    (world.root / ".lastgood/staging").symlink_to(prey)
    before = files(prey)
    assert world.sync().changed is False
    assert (world.root / ".lastgood/staging").is_symlink()
    assert files(prey) == before


def make_older(world: World) -> dict[str, str]:
    """The place as earlier versions had it, in the working tree; its files."""
    (world.place / "moved").unlink(missing_ok=True)
    world.place.rename(world.root / ".lastgood")
    return files(world.root / ".lastgood")


def bring(path: str, text: str, world: World) -> None:
    """Commit a file and take it away again: nothing of it is left but history."""
    world.project.put(path, text)
    world.project.git("add", "--force", path)
    world.project.git("commit", "--quiet", "-m", "Bring it")
    world.project.git("rm", "--quiet", path)
    world.project.git("commit", "--quiet", "-m", "Hide it")


BRINGING: dict[str, Callable[[World], None]] = {
    "tracked": lambda world: bring(".lastgood/pending/x.json", "{}", world),
    "an output": lambda world: bring("x.dvc", "outs:\n- path: .lastgood/pending/x.json\n  md5: a\n", world),
    "an escape": lambda world: bring("dvc.lock", 'x: "\\x2elastgood"\n', world),
    "a template": lambda world: bring("sub/dvc.yaml", "stages:\n  x:\n    wdir: ${a}${b}\n", world),
}


@pytest.mark.parametrize("how", BRINGING)
def test_an_older_directory_that_a_commit_once_brought_is_not_moved(world: World, how: str) -> None:
    BRINGING[how](world)
    make_older(world)
    said = lastgood(world.root, "status").said
    assert "is not read, for " in said
    assert not (world.place / "follow/flights@prod.json").exists()
    assert (world.root / ".lastgood/follow/flights@prod.json").exists()


def test_an_older_directory_waits_while_git_cannot_tell(world: World) -> None:
    bring("old/dvc.yaml", "stages: {}\n", world)
    blob = world.project.git("rev-parse", "HEAD~1:old/dvc.yaml")
    there = world.root / ".git/objects" / blob[:2] / blob[2:]
    make_older(world)
    content = there.read_bytes()
    there.unlink()
    assert "is not read, for git cannot tell" in lastgood(world.root, "status", "--fetch").said
    assert (world.root / ".lastgood/follow").is_dir()
    there.write_bytes(content)
    assert lastgood(world.root, "where", "--stage", "prod").code == 0
    assert world.live_model() == "second"


def test_an_older_directory_is_moved_once_with_everything_in_it(world: World) -> None:
    world.rollback(offline=True, here=True)
    saved_work(world)
    (world.place / "checkout.json").unlink()
    before = make_older(world)
    status = lastgood(world.root, "status").said
    assert "not published yet" in status
    after = files(world.place)
    assert {path: after.get(path) for path in before if not path.startswith(("proofs.db", "lock", "."))} == {
        path: text for path, text in before.items() if not path.startswith(("proofs.db", "lock", "."))
    }
    kept = world.root / ".lastgood"
    assert sorted(one.name for one in kept.iterdir()) == [".gitignore", "live"]
    assert (kept / "live/flights/prod/models/model.txt").read_text() == "first"
    assert world.project.git("status", "--porcelain") == ""
    durable.remove_tree(kept)
    assert world.sync().published
    assert world.live_model() == "first"


def saved_work(world: World) -> None:
    (world.place / "saved/mine").mkdir(parents=True)
    (world.place / "saved/mine/file").write_text("work")
    (world.place / "checkout.json").write_text("{}")


@pytest.mark.parametrize("linked", [False, True], ids=["clone", "linked working tree"])
def test_a_move_that_is_killed_is_finished_and_the_old_path_leads_to_the_live_release_meanwhile(
    world: World, *, linked: bool
) -> None:
    begun = figures.begin()
    saved_work(world)
    make_older(world)
    top, kept = world.root, world.project.base / "kept"
    if linked:
        top = world.project.base / "linked"
        world.project.git("worktree", "add", "--quiet", "--detach", str(top))
    shutil.move(world.root / ".lastgood", kept)
    own = world.root / ".git/worktrees/linked/lastgood" if linked else world.place
    expected = files(kept)

    def renew() -> None:
        for place in {top / ".lastgood", world.place, own}:
            durable.remove_tree(place)
        shutil.copytree(kept, top / ".lastgood", symlinks=True)

    def work() -> None:
        Opened.open(top)

    renew()
    number = count_changes(work)
    for place in range(number):
        renew()
        assert killed(work, place) == -signal.SIGKILL
        assert (top / ".lastgood/live/flights/prod/models/model.txt").read_text() == "second", place
        assert child(work) == 0
        found = files(world.place) | files(own)
        assert {path: found.get(path) for path in expected} == expected, place
        assert sorted(one.name for one in (top / ".lastgood").iterdir()) == [".gitignore", "live"], place
        assert (world.live / "models/model.txt").read_text() == "second"
        assert (own / "saved/mine/file").read_text() == "work"
    assert number > 10
    figures.record(f"killed moves, {top.name}", begun, cases=number, wrong=0)


def test_a_move_from_another_file_system_is_a_copy(world: World) -> None:
    before = make_older(world)
    kept, older = world.project.base / "kept", world.root / ".lastgood"
    older.rename(kept)
    older.mkdir()
    mount = ["mount", "-t", "tmpfs", "tmpfs", str(older)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting a file system needs root")
    try:
        shutil.copytree(kept, older, symlinks=True, dirs_exist_ok=True)
        assert world.sync().changed is False
        assert world.live_model() == "second"
        found = files(world.place)
        assert {path for path in before if path.startswith("releases/") and found.get(path) != before[path]} == set()
        assert sorted(one.name for one in older.iterdir()) == [".gitignore", "live"]
    finally:
        subprocess.run(["umount", "--lazy", str(older)], check=True)


def test_two_working_trees_that_kept_their_own_are_brought_together(world: World) -> None:
    top = world.project.base / "linked"
    world.project.git("worktree", "add", "--quiet", "--detach", str(top))
    saved_work(world)
    make_older(world)
    shutil.copytree(world.root / ".lastgood", top / ".lastgood", symlinks=True)
    durable.remove_tree(top / ".lastgood/releases/flights")
    (top / ".lastgood/releases/other/v1").mkdir(parents=True)
    Opened.open(world.root)
    Opened.open(top)
    assert (world.place / "releases/other/v1").is_dir()
    assert (world.root / ".git/worktrees/linked/lastgood/saved/mine/file").read_text() == "work"
    assert (world.place / "saved/mine/file").read_text() == "work"
    assert (top / ".lastgood/live/flights/prod/models/model.txt").read_text() == "second"


def test_linked_working_trees_share_releases_and_not_checkouts(world: World) -> None:
    world.project.git("worktree", "add", "--quiet", "--detach", "../linked", "flights@v2.0.0")
    linked = World(Project(world.project.base, "linked", world.project.clock))
    (linked.root / "models/model.txt").write_text("edited")
    done = linked.checkout("v1.0.0", save=True)
    assert done.saved[0].is_relative_to(world.root / ".git/worktrees/linked/lastgood/saved")
    assert not (world.place / "saved").exists()
    assert (
        lastgood(linked.root, "where", "--stage", "prod").said == lastgood(world.root, "where", "--stage", "prod").said
    )


def test_a_release_that_says_something_else_than_its_tag_is_neither_found_nor_made_live(world: World) -> None:
    name, label = forge_release(world)
    for text in (label, summed(json.loads(label) | {"version": "v2.0.0", "tree": "0" * 40})):
        there = world.place / "releases/flights" / name
        for path in (there, there / "models", there / "models/model.txt", label_of(there)):
            path.chmod(0o755)
        (there / "models/model.txt").unlink()
        (there / "models/model.txt").write_text("forged")
        label_of(there).write_text(text)
        for arguments in (["verify"], ["verify", "--deep"]):
            found = lastgood(world.root, *arguments)
            assert (found.code, "says of itself what the tag" in found.said) == (3, True), found
        (world.live).unlink()
        assert lastgood(world.root, "sync", "--stage", "prod").code in {3, 5}
        assert not world.live.exists()
        assert lastgood(world.root, "repair").code == 0
        world.sync()
        assert world.live_model() == "second"


def test_code_in_a_release_that_is_not_the_commits_is_found_though_its_sums_are_right(world: World) -> None:
    there = release_of(world, "v2.0.0")
    members = []
    for path, digest in files(there).items():
        if path not in {"models/model.txt", "models/metrics.json"} and not path.startswith("data/raw/"):
            members.append([path, (there / path).stat().st_size, digest])
    document = json.loads(label_of(there).read_text())
    listing = json.dumps(sorted(members), separators=(",", ":")).encode()
    assert document["code"] == sha256(listing).hexdigest()
    (there / "scripts").chmod(0o755)
    (there / "scripts/train.py").unlink()
    (there / "scripts/train.py").write_text("evil")
    for member in members:
        if member[0] == "scripts/train.py":
            member[1:] = [4, sha256(b"evil").hexdigest()]
    listing = json.dumps(sorted(members), separators=(",", ":")).encode()
    label_of(there).chmod(0o644)
    label_of(there).write_text(summed(document | {"code": sha256(listing).hexdigest()}))
    found = lastgood(world.root, "verify", "--deep")
    assert (found.code, "says of itself what the tag" in found.said) == (3, True), found


@pytest.mark.parametrize("name", ["staging", "live", "releases", "pending", "use", "follow"])
def test_a_link_in_place_of_a_directory_of_ours_is_refused(world: World, prey: Path, name: str) -> None:
    durable.remove_tree(world.place / name)
    (world.place / name).symlink_to(prey)
    before = files(prey)
    done = lastgood(world.root, "sync", "--stage", "prod")
    assert (done.code, f"lastgood/{name} is a link" in done.said) == (14, True), done
    assert files(prey) == before


@pytest.mark.parametrize("name", ["lock", "fetched", "pushing", "seen.json", "history.jsonl", "proofs.db", ".memory"])
def test_a_link_in_place_of_a_file_of_ours_is_not_followed(world: World, prey: Path, name: str) -> None:
    (world.place / name).unlink(missing_ok=True)
    (world.place / name).symlink_to(prey / "file")
    before = files(prey)
    for arguments in (["status", "--fetch"], ["rollback", "--from", "v2.0.0", "--reason", "late", "--here"]):
        lastgood(world.root, *arguments)
        assert files(prey) == before


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")


@as_root
@pytest.mark.parametrize("whose", ["", "mirror.git", "mirror.git/config", "releases"])
def test_a_serving_hosts_directory_of_another_user_is_refused_until_it_is_accepted(
    world: World, home: Path, whose: str
) -> None:
    root, ran = world.project.base / "host", world.project.base / "ran"
    sync = ("sync", "flights", "--stage", "prod", "--root", str(root))
    assert lastgood(world.root, *sync, "--repo", f"file://{world.project.origin}").code == 0
    (root / "mirror.git/shallow.lock").symlink_to(world.root / "params.yaml")
    git(root / "mirror.git", "config", "remote.origin.uploadpack", f"touch {ran}; git-upload-pack")
    os.chown(root / whose, STRANGER, STRANGER)
    done = lastgood(world.root, *sync)
    command = f"git config --global --add safe.directory {root}"
    assert (done.code, command in done.said, str(STRANGER) in done.said) == (14, True, True), done
    assert not ran.exists()
    if not whose:
        subprocess.run(command.split(), check=True, env={**os.environ, "HOME": str(home)})
        assert lastgood(world.root, *sync).code == 0
        assert ran.exists()


@as_root
def test_state_and_locks_are_for_their_owner_and_releases_for_all_to_read(world: World) -> None:
    mode = {one.name: one.stat().st_mode & 0o777 for one in world.place.iterdir() if not one.is_symlink()}
    assert {mode[name] for name in ("follow", "staging", "locks")} == {0o700}
    assert {mode["history.jsonl"], (world.place / "locks/main").stat().st_mode & 0o777} == {0o600}
    assert {mode[name] for name in ("releases", "live")} == {0o755}
    for path in (world.place, *world.place.rglob("*")):
        assert path.is_symlink() or not path.stat().st_mode & 0o022, path


def test_a_bare_repository_that_a_commit_brings_is_not_obeyed(world: World) -> None:
    ran, evil = world.project.base / "ran", world.root / "vendor/evil.git"
    git(world.project.base, "clone", "--quiet", "--bare", str(world.project.origin), str(evil))
    settings = {"core.bare": "false", "core.worktree": str(world.root), "core.fsmonitor": f"touch {ran}"}
    settings |= {"remote.origin.uploadpack": f"touch {ran}; git-upload-pack", "remote.origin.url": "file:///nowhere"}
    for key, value in settings.items():
        git(evil, f"--git-dir={evil}", "config", key, value)
    for at in (evil, evil / "refs"):
        for arguments in (["status", "--fetch"], ["rollback", "--reason", "late"]):
            done = lastgood(at, *arguments)
            assert (done.code, "is in a bare repository, which a commit can bring" in done.said) == (10, True), done
    assert not ran.exists()
