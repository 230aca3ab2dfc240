"""Rolling back against `git checkout TAG && dvc checkout`: from nothing, to a built release, and at every size."""

from benchmarks.bench import Bench
from benchmarks.comparing import require_same
from benchmarks.machine import BenchmarkError
from benchmarks.measuring import OURS, THEIRS, Measured, Side
from benchmarks.projects import World

GIT_AND_DVC = "git checkout TAG && dvc checkout"
ROLLBACK = "lastgood rollback"


def from_nothing(bench: Bench) -> Measured:
    """Every byte of the target is hashed."""
    world = bench.world(bench.scale.files)
    return bench.alternate([from_nothing_side(world), dvc_side(world)], lambda: check(world))


def from_nothing_side(world: World, name: str = OURS, command: str = ROLLBACK) -> Side:
    """A rollback with no release of the target and no proof of any file: both are removed before each run."""

    def prepare() -> None:
        world.restore()
        world.remove_release(world.old)
        for file in world.place.glob("proofs.db*"):
            file.unlink()

    return Side(name, command, prepare, lambda: world.time(*world.roll_back()))


def built(bench: Bench) -> Measured:
    """The target's release is there."""
    return _built(bench, bench.scale.files)


def built_large(bench: Bench) -> Measured:
    """The same with many files."""
    return _built(bench, bench.scale.many)


def _built(bench: Bench, files: int) -> Measured:
    def measure() -> Measured:
        world = bench.world(files)
        return bench.alternate([built_side(world), dvc_side(world)], lambda: check(world))

    return bench.once(f"built {files}", measure)


def sizes(bench: Bench) -> Measured:
    """Many files against few, both rolled back by lastgood."""
    many, few = bench.world(bench.scale.many), bench.world(bench.scale.few)

    def check_both() -> None:
        for world in (many, few):
            _require_live(world)

    sides = [built_side(many), built_side(few, THEIRS, f"{ROLLBACK} at {bench.scale.few:,} files")]
    return bench.alternate(sides, check_both)


def built_side(world: World, name: str = OURS, command: str = ROLLBACK) -> Side:
    """A rollback to a release that is there."""

    def prepare() -> None:
        world.restore()
        if not world.release(world.old).is_dir():
            raise BenchmarkError(f"{world.old} is not built")

    return Side(name, command, prepare, lambda: world.time(*world.roll_back()))


def dvc_side(world: World) -> Side:
    """An engineer's clone goes from the new version to the old; going back is outside of its time."""
    clone = world.clone("plain")
    command = world.check_out(world.old)
    return Side(
        THEIRS,
        GIT_AND_DVC,
        lambda: world.bring(clone, world.new),
        lambda: world.machine.time(clone, *command)[0],
    )


def check(world: World) -> None:
    """Both have the old version: the release that is live and DVC's tree hold the same bytes."""
    _require_live(world)
    require_same(world.live, world.clone("plain"))


def _require_live(world: World) -> None:
    if world.live.resolve() != world.release(world.old).resolve():
        raise BenchmarkError(f"{world.live} does not lead to {world.old}")
    if world.assigned() != world.old:
        raise BenchmarkError(f"origin assigns {world.assigned()} to prod, not {world.old}")
