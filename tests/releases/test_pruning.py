"""Removing is whole or not at all, never takes what is live or in use, and costs the next build no hashing."""

import os
import signal
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from lastgood.core.digests import Digests
from lastgood.releases import activation
from lastgood.releases.builder import build, check_release, clean_staging, list_releases
from lastgood.releases.proofs import Proofs
from lastgood.releases.pruning import Weigher, files_below, remove_directory, remove_objects
from lastgood.releases.release import Release
from lastgood.releases.use import using
from tests.releases.test_kill import DONE, in_child
from tests.releases.world import World, content, litter

PAST = 1_700_000_000_000_000_001
SHARED = {f"d{number % 3}/{number}": b"%d" % number for number in range(30)}


class Counting(Proofs):
    """Proofs that count the files which had to be hashed."""

    hashed = 0

    def _remember(self, paths, read) -> None:  # type: ignore[no-untyped-def]  # as the method it extends
        self.hashed += len(paths)
        super()._remember(paths, read)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def age(world: World) -> None:
    for path in world.cache.rglob("*"):
        if path.is_file():
            os.utime(path, ns=(PAST, PAST))


def filled(world: World, live: str = "v3.0.0") -> dict[str, Release]:
    """Three releases that share a directory; each has a model of its own."""
    data = world.directory("data/raw", SHARED)
    requests = {
        version: world.request(version, data, world.file("models/m.txt", version.encode() * 50))
        for version in ("v1.0.0", "v2.0.0", "v3.0.0")
    }
    age(world)
    with world.proofs() as proofs:
        releases = {version: build(request, world.place, proofs) for version, request in requests.items()}
    activation.switch(world.place, "flights", "prod", releases[live])
    return releases


def versions(world: World) -> list[str]:
    return [release.version for release in list_releases(world.place)]


def test_a_release_goes_and_the_others_stay_whole(world: World) -> None:
    releases = filled(world)
    with world.proofs() as proofs:
        assert remove_directory(world.place, releases["v1.0.0"].path, proofs)
        assert [found for one in list_releases(world.place) for found in check_release(one, proofs)] == []
    assert versions(world) == ["v2.0.0", "v3.0.0"]
    assert not litter(world.place)


def test_what_is_live_stays_whatever_was_decided_before(world: World) -> None:
    releases = filled(world)
    before = content(releases["v3.0.0"].path)
    with world.proofs() as proofs:
        assert not remove_directory(world.place, releases["v3.0.0"].path, proofs)
    assert content(releases["v3.0.0"].path) == before


def test_what_is_live_by_a_link_through_another_path_stays(world: World, tmp_path: Path) -> None:
    releases = filled(world)
    (tmp_path / "other").symlink_to(tmp_path)
    link = world.place.live_link("flights", "canary")
    link.symlink_to(tmp_path / "other" / releases["v1.0.0"].path.relative_to(tmp_path))
    with world.proofs() as proofs:
        assert not remove_directory(world.place, releases["v1.0.0"].path, proofs)
    assert "v1.0.0" in versions(world)


def test_what_is_in_use_stays_until_it_is_let_go(world: World) -> None:
    path = filled(world)["v1.0.0"].path
    with world.proofs() as proofs:
        with using(world.place, path):
            assert not remove_directory(world.place, path, proofs)
        assert remove_directory(world.place, path, proofs)


def test_whoever_begins_to_use_it_meanwhile_finds_it_whole_or_gone(world: World) -> None:
    path = filled(world)["v1.0.0"].path
    whole, seen = content(path), []

    def use() -> None:
        with using(world.place, path):
            seen.append(content(path) if path.is_dir() else None)

    threads = [threading.Thread(target=use) for _ in range(8)]
    with world.proofs() as proofs:
        for thread in threads:
            thread.start()
        gone = remove_directory(world.place, path, proofs)
        for thread in threads:
            thread.join()
    assert len(seen) == len(threads)
    assert all(one in (whole, None) for one in seen)
    assert gone is not path.exists()


def test_the_next_build_hashes_nothing_again(world: World) -> None:
    releases = filled(world)
    with world.proofs() as proofs:
        for version in ("v1.0.0", "v2.0.0"):
            assert remove_directory(world.place, releases[version].path, proofs)
    data, model = world.directory("data/raw", SHARED), world.file("models/m.txt", b"v1.0.0" * 50)
    with Counting(world.place.proofs) as proofs:
        objects = [path for path in world.cache.rglob("*") if path.is_file() and path.suffix != ".dir"]
        proofs.digests_of(objects, weak=False)
        assert proofs.hashed == 0
        build(world.request("v1.0.0", data, model, code={}), world.place, proofs)
        assert proofs.hashed == 0


def test_what_was_changed_before_the_removal_is_hashed_again(world: World) -> None:
    releases = filled(world)
    victim = world.object_path(next(iter(world.listings.values()))[0].md5)
    victim.chmod(0o644)
    damaged = bytes([victim.read_bytes()[0] ^ 1]) + victim.read_bytes()[1:]
    victim.write_bytes(damaged)
    victim.chmod(0o444)
    os.utime(victim, ns=(PAST, PAST))
    with Counting(world.place.proofs) as proofs:
        remove_directory(world.place, releases["v1.0.0"].path, proofs)
        found: Digests = proofs.digests(victim)
        assert proofs.hashed == 1
        assert found.md5 != victim.parent.name + victim.name


def test_bytes_count_when_the_last_link_goes(world: World) -> None:
    releases = filled(world)
    paths = [releases["v1.0.0"].path, releases["v2.0.0"].path]
    alone = [
        sum(file.stat().st_size for file in path.rglob("*") if file.is_file() and file.stat().st_nlink == 1)
        for path in paths
    ]
    weigher = Weigher()
    assert [weigher.weigh([path]) for path in paths] == alone
    model = world.object_path(releases["v1.0.0"].outputs[1].md5)
    assert weigher.weigh([model]) == model.stat().st_size
    shared = world.object_path(next(iter(world.listings.values()))[0].md5)
    assert weigher.weigh([shared]) == 0


def test_links_in_a_release_are_removed_and_never_followed(world: World, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("precious")
    code = {"file": "-> ../../../../outside/file", "all": f"-> {tmp_path / 'outside'}", "gone": "-> nowhere"}
    with world.proofs() as proofs:
        release = build(world.request("v1.0.0", code=code), world.place, proofs)
        assert {Path(file).name for file in files_below(release.path)} == {*code}
        assert remove_directory(world.place, release.path, proofs)
    assert (tmp_path / "outside" / "file").read_text() == "precious"


def test_a_removed_object_that_a_release_links_stays_proved(world: World) -> None:
    releases = filled(world)
    model = world.object_path(releases["v1.0.0"].outputs[1].md5)
    with Counting(world.place.proofs) as proofs:
        remove_objects([model], proofs)
        assert not model.exists()
        proofs.digests_of([releases["v1.0.0"].path / "models/m.txt"], weak=False)
        assert proofs.hashed == 0
        assert check_release(releases["v1.0.0"], proofs) == ()


def remove_all(world: World, releases: Iterable[Release], objects: list[Path]) -> Callable[[], None]:
    def work() -> None:
        with world.proofs() as proofs:
            for release in releases:
                if release.path.exists():
                    remove_directory(world.place, release.path, proofs)
            remove_objects([path for path in objects if path.exists()], proofs)

    return work


def test_killed_at_every_change_live_is_whole_and_the_next_run_finishes(tmp_path: Path) -> None:
    number, status = 0, -1
    while status != DONE:
        world = World(tmp_path / str(number))
        data = world.directory("data/raw", {"a": b"a" * 3000, "deep/b": b"b"})
        goods = [world.request(f"v{n}.0.0", data, world.file("m.txt", b"%d" % n), code={"t.py": ""}) for n in (1, 2)]
        with world.proofs() as proofs:
            old, live = (build(good, world.place, proofs) for good in goods)
        activation.switch(world.place, "flights", "prod", live)
        work = remove_all(world, [live, old], [world.object_path(old.outputs[1].md5)])
        status = in_child(work, number)
        assert status in {DONE, signal.SIGKILL}, f"failed before change {number}"
        assert activation.live(world.place, "flights", "prod") == live
        with world.proofs() as proofs:
            assert [found for one in list_releases(world.place) for found in check_release(one, proofs)] == []
        clean_staging(world.place)
        work()
        assert versions(world) == ["v2.0.0"]
        assert not litter(world.place)
        number += 1
    assert number > 15
