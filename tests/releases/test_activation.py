"""The live link leads to one whole release at every instant, and history says which."""

import json
import os
import signal
import threading
import time
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from lastgood.errors import LockedError, NotWritableError
from lastgood.releases import activation, lock, log
from lastgood.releases.builder import Release, build
from lastgood.releases.place import Place, decode_name, encode_name, release_name
from tests.releases.world import World, litter


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def released(world: World, *versions: str) -> list[Release]:
    with world.proofs() as proofs:
        requests = [world.request(version, world.file("m.txt", version.encode())) for version in versions]
        return [build(request, world.place, proofs) for request in requests]


def test_the_first_switch_and_the_next_name_what_was_live_before(world: World) -> None:
    one, two = released(world, "v1.0.0", "v2.0.0")
    assert activation.switch(world.place, "flights", "prod", one) is None
    assert activation.live(world.place, "flights", "prod") == one
    assert activation.switch(world.place, "flights", "prod", two) == one.path
    assert activation.live(world.place, "flights", "prod") == two
    events = [(event["version"], event["from"]) for event in log.read(world.place.history)]
    assert events == [("v1.0.0", None), ("v2.0.0", os.path.relpath(one.path, world.place.root))]
    last = activation.last_switch(world.place, "flights", "prod")
    assert last is not None
    assert datetime.fromisoformat(str(last["at"])).tzinfo is not None
    assert activation.last_switch(world.place, "flights", "staging") is None
    assert not litter(world.place)


def test_switching_to_what_is_live_changes_nothing(world: World) -> None:
    (one,) = released(world, "v1.0.0")
    activation.switch(world.place, "flights", "prod", one)
    inode = world.place.live_link("flights", "prod").lstat().st_ino
    assert activation.switch(world.place, "flights", "prod", one) == one.path
    assert world.place.live_link("flights", "prod").lstat().st_ino == inode
    assert len(log.read(world.place.history)) == 1


def test_the_link_is_relative_so_that_the_place_can_move(world: World) -> None:
    (one,) = released(world, "v1.0.0")
    activation.switch(world.place, "flights", "prod", one)
    moved = Place(world.place.root.rename(world.root / "moved"))
    found = activation.live(moved, "flights", "prod")
    assert found is not None
    assert found.version == "v1.0.0"


def test_a_switch_that_died_before_history_is_entered_by_the_next(world: World) -> None:
    one, two = released(world, "v1.0.0", "v2.0.0")
    activation.switch(world.place, "flights", "prod", one)
    activation.switch(world.place, "flights", "prod", two)
    lines = world.place.history.read_bytes().splitlines(keepends=True)
    world.place.history.write_bytes(lines[0] + lines[1][:20])
    activation.switch(world.place, "flights", "prod", two)
    events = log.read(world.place.history)
    assert [(event["version"], event["from"]) for event in events] == [
        ("v1.0.0", None),
        ("v2.0.0", os.path.relpath(one.path, world.place.root)),
    ]


def test_a_first_switch_that_died_before_history_is_entered_by_the_next(world: World) -> None:
    (one,) = released(world, "v1.0.0")
    activation.switch(world.place, "flights", "prod", one)
    world.place.history.unlink()
    activation.switch(world.place, "flights", "prod", one)
    assert [(event["version"], event["from"]) for event in log.read(world.place.history)] == [("v1.0.0", None)]


def test_a_history_that_cannot_be_written_does_not_make_a_switch_fail(world: World) -> None:
    one, two = released(world, "v1.0.0", "v2.0.0")
    activation.switch(world.place, "flights", "prod", one)
    aside = world.place.history.rename(world.root / "aside")
    world.place.history.mkdir()
    assert activation.switch(world.place, "flights", "prod", two) == one.path
    assert activation.live(world.place, "flights", "prod") == two
    world.place.history.rmdir()
    aside.rename(world.place.history)
    activation.switch(world.place, "flights", "prod", two)
    assert [event["version"] for event in log.read(world.place.history)] == ["v1.0.0", "v2.0.0"]


def test_stages_and_artifacts_do_not_meet(world: World) -> None:
    one, two = released(world, "v1.0.0", "v2.0.0")
    activation.switch(world.place, "flights", "prod", one)
    activation.switch(world.place, "sub/dir:flights", "prod", two)
    activation.switch(world.place, "flights", "eu/canary", two)
    assert set(activation.live_links(world.place)) == {
        ("flights", "prod", one.path),
        ("sub/dir:flights", "prod", two.path),
        ("flights", "eu/canary", two.path),
    }


def test_leftovers_of_a_dead_switch_are_removed_by_the_next(world: World) -> None:
    one, two = released(world, "v1.0.0", "v2.0.0")
    activation.switch(world.place, "flights", "prod", one)
    (world.place.live / "flights" / ".new-dead").symlink_to("nowhere")
    assert activation.live_links(world.place) == (("flights", "prod", one.path),)
    activation.switch(world.place, "flights", "prod", two)
    assert not litter(world.place)


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("../../releases/flights/gone", "dangling-link"),
        ("/etc", "strange-link"),
        ("../../../elsewhere", "strange-link"),
        ("../../releases/flights/empty", "broken-release"),
        ("prod", "strange-link"),
    ],
)
def test_a_strange_link_is_nothing_live_and_a_finding(world: World, target: str, kind: str) -> None:
    (world.place.releases / "flights" / "empty").mkdir(parents=True)
    link = world.place.live_link("flights", "prod")
    link.parent.mkdir(parents=True)
    link.symlink_to(target)
    release, findings = activation.inspect_live(world.place, "flights", "prod")
    assert release is None
    assert [finding.kind for finding in findings] == [kind]
    if kind != "broken-release":
        assert findings[0].subject == str(link)
        assert findings[0].message.startswith(f"{link} points ")
    (one,) = released(world, "v1.0.0")
    activation.switch(world.place, "flights", "prod", one)
    assert activation.inspect_live(world.place, "flights", "prod") == (one, ())


def test_a_file_in_place_of_the_link_is_a_finding_and_nothing_is_live_where_there_is_none(world: World) -> None:
    assert activation.inspect_live(world.place, "flights", "prod") == (None, ())
    link = world.place.live_link("flights", "prod")
    link.parent.mkdir(parents=True)
    link.write_text("not a link")
    (finding,) = activation.inspect_live(world.place, "flights", "prod")[1]
    assert (finding.kind, finding.subject) == ("strange-link", str(link))
    assert finding.message == f"{link} is not a symbolic link; lastgood did not make it"


def test_a_reader_never_finds_the_link_missing_or_its_release_incomplete(world: World) -> None:
    releases = released(world, "v1.0.0", "v2.0.0")
    activation.switch(world.place, "flights", "prod", releases[0])
    link, seen, done = world.place.live_link("flights", "prod"), set(), threading.Event()

    def read() -> None:
        while not done.is_set():
            directory = Path(os.path.realpath(link))
            seen.add((directory.name.split("-")[0], (directory / "m.txt").read_text()))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(100):
        activation.switch(world.place, "flights", "prod", releases[number % 2])
    done.set()
    reader.join()
    assert seen <= {("v1.0.0", "v1.0.0"), ("v2.0.0", "v2.0.0")}


def test_followed_stages_are_remembered_and_forgotten(tmp_path: Path) -> None:
    place = Place(tmp_path / ".lastgood")
    assert activation.followed(place) == ()
    activation.unfollow(place, "flights", "never")
    for artifact, stage in (("flights", "prod"), ("sub:flights", "eu/prod"), ("flights", "prod")):
        activation.follow(place, artifact, stage)
    assert json.loads((place.follow / "flights@prod.json").read_bytes()) == {
        "schema": 1,
        "artifact": "flights",
        "stage": "prod",
    }
    for name in ("a-odd.json", "z-odd.json"):
        (place.follow / name).write_text("{")
    assert activation.followed(place) == (("flights", "prod"), ("sub:flights", "eu/prod"))
    activation.unfollow(place, "flights", "prod")
    activation.unfollow(place, "flights", "never")
    assert activation.followed(place) == (("sub:flights", "eu/prod"),)


def test_a_second_process_is_told_who_is_at_work(world: World) -> None:
    ready, hold = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(120)  # a child that hangs fails its test instead of stopping the suite
        with lock.exclusive(world.place, "rollback"):
            os.write(ready[1], b"x")
            os.read(hold[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    with pytest.raises(LockedError, match=rf"process {child} \(rollback, since 2"), lock.exclusive(world.place, "sync"):
        pass
    os.kill(child, 9)
    os.waitpid(child, 0)
    with lock.exclusive(world.place, "sync", wait=5):
        pass


def test_a_lock_waits_as_long_as_it_was_told(world: World) -> None:
    with (
        lock.exclusive(world.place, "rollback"),
        pytest.raises(LockedError),
        lock.exclusive(world.place, "x", wait=0.1),
    ):
        pass


def test_a_lock_that_is_let_go_in_time_is_taken(world: World) -> None:
    held = threading.Event()

    def hold() -> None:
        with lock.exclusive(world.place, "rollback"):
            held.set()
            time.sleep(0.2)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    with lock.exclusive(world.place, "sync", wait=30):
        assert lock.is_taken(world.place, lock.MAIN)
    holder.join()
    assert not lock.is_taken(world.place, lock.MAIN)
    assert not lock.is_held(world.root / "never")


def test_a_lock_whose_holder_cannot_be_read_is_a_lock(world: World) -> None:
    with lock.exclusive(world.place, "rollback"):
        (world.place.locks / "main").write_text("")
        with (
            pytest.raises(LockedError, match=rf"process {os.getpid()} \(.+\) is at work"),
            lock.exclusive(world.place, "sync"),
        ):
            pass


def test_a_torn_line_costs_nothing_but_itself(tmp_path: Path) -> None:
    history = tmp_path / "history.jsonl"
    assert log.read(history) == ()
    log.append(history, {"event": "one"})
    with history.open("ab") as stream:
        stream.write(b'["of somebody else"]\n{"event": "to')
    log.append(history, {"event": "two"})
    log.append(history, {"event": "three"})
    assert [event["event"] for event in log.read(history)] == ["one", "two", "three"]
    assert b"\n\n" not in history.read_bytes()
    assert history.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["flights", "sub/dir:flights", "a-b_c"])
def test_names_survive_the_way_into_a_directory_name_and_back(name: str) -> None:
    assert "/" not in encode_name(name)
    assert decode_name(encode_name(name)) == name


@pytest.mark.parametrize("name", ["", "..", "a/../b", "/a", "a//b", ".hidden", "a+b", "a=b", "a:", "a\0b"])
def test_names_that_could_lead_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(Exception, match="cannot be the name"):
        encode_name(name)


def test_a_place_is_ignored_by_git_and_never_overwritten(tmp_path: Path) -> None:
    place = Place(tmp_path / ".lastgood").create()
    assert "*" in (place.root / ".gitignore").read_text().splitlines()
    (place.root / ".gitignore").write_text("mine\n")
    place.create()
    assert (place.root / ".gitignore").read_text() == "mine\n"


def test_a_version_cannot_name_another_directory() -> None:
    for version in ("../v1", ".v1", "a/b"):
        with pytest.raises(Exception, match="is not a version"):
            release_name(version, "a" * 40)


def test_a_place_that_cannot_be_written_is_told_before_anything_is(tmp_path: Path) -> None:
    (tmp_path / ".lastgood").write_text("in the way")
    with pytest.raises(NotWritableError, match="cannot be written: File exists") as caught:
        Place(tmp_path / ".lastgood").create()
    assert caught.value.exit_code == 1
    assert "ls -ld" in caught.value.hint


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can become nobody")
def test_a_place_of_another_user_is_told_before_anything_is_written() -> None:
    with TemporaryDirectory(prefix="lastgood-") as base:  # nobody cannot enter pytest's own
        Path(base).chmod(0o711)
        place = Place(Path(base) / ".lastgood").create()
        child = os.fork()
        if child == 0:
            signal.alarm(120)  # a child that hangs fails its test instead of stopping the suite
            try:
                os.setuid(65534)
                with suppress(NotWritableError):
                    place.create()
                    os._exit(1)
                os._exit(0)
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
