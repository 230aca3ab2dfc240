"""Building a release from proved files against DVC with hard links, and against `cp -al`."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.comparing import require_same
from benchmarks.machine import BenchmarkError, Sample
from benchmarks.measuring import OURS, THEIRS, Measured, Side
from benchmarks.projects import ARTIFACT, DATA, MODEL, World, remove
from lastgood.releases.proofs import Proofs

SCRIPT = Path(__file__).with_name("build_release.py")


def against_dvc(bench: Bench) -> Measured:
    """The whole process, interpreter and imports included, against the whole command."""
    world = bench.world(bench.scale.files)
    tree = world.clone("linked", link="hardlink")
    world.bring(tree, world.old)

    def empty() -> None:
        remove(tree / DATA)
        (tree / MODEL).unlink()

    def check() -> None:
        require_same(world.release(world.old), tree)
        if (tree / MODEL).stat().st_nlink < 2:
            raise BenchmarkError("DVC did not make hard links")

    ours = Side(OURS, "build a release", _unbuilt(world), lambda: _build(world)[0])
    theirs = Side(THEIRS, "dvc checkout", empty, lambda: world.machine.time(tree, "dvc", "checkout")[0])
    return bench.alternate([ours, theirs], check)


def against_cp(bench: Bench) -> Measured:
    """What happens inside the process while it builds, against the whole of `cp -al`, which needs no start-up."""
    world = bench.world(bench.scale.files)
    _unbuilt(world)()
    _build(world)
    source, target = world.base / "source", world.base / "target"
    if not source.exists():  # files of its own: links to the cache's would end the proofs
        world.machine.run(world.base, "cp", "-a", str(world.release(world.old)), str(source))

    def run() -> Sample:
        sample, printed = _build(world)
        return Sample(json.loads(printed)["build"], sample.peak)

    ours = Side(OURS, "build a release, start-up apart", _unbuilt(world), run)
    theirs = Side(
        THEIRS,
        "cp -al",
        lambda: remove(target),
        lambda: world.machine.time(world.base, "cp", "-al", str(source), str(target))[0],
    )
    started = (sys.executable, "-c", "import lastgood.machine.delivery, lastgood.registry.view")
    apart = Side("start-up", "start-up: interpreter and imports", lambda: None, lambda: world.time(*started))
    measured = bench.alternate([ours, theirs, apart], lambda: require_same(world.release(world.old), target))
    remove(target)
    return measured


def _build(world: World) -> tuple[Sample, str]:
    return world.machine.time(world.work, sys.executable, str(SCRIPT), ARTIFACT, world.old)


def _unbuilt(world: World) -> Callable[[], None]:
    """No release, and a proof of every object; `lastgood prune` leaves it so, links of the other side do not."""
    objects = [path for path in (world.work / ".dvc/cache/files/md5").rglob("*") if path.is_file()]

    def prepare() -> None:
        world.restore()
        world.remove_release(world.old)
        with Proofs(world.place / "proofs.db") as proofs:
            proofs.digests_of(objects)

    return prepare
