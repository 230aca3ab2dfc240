"""A registry with thousands of tags, read and written, against GTO."""

from benchmarks.bench import Bench
from benchmarks.machine import BenchmarkError, Sample
from benchmarks.measuring import OURS, THEIRS, Measured, Side
from benchmarks.projects import ARTIFACT


def listing(bench: Bench) -> Measured:
    """What both print is looked at: every version by lastgood, the newest one by GTO, which shows no others."""
    world = bench.registry()
    printed: dict[str, str] = {}

    def side(name: str, *command: str) -> Side:
        def run() -> Sample:
            sample, printed[name] = world.machine.time(world.work, *command)
            return sample

        return Side(name, " ".join(command), world.restore, run)

    def check() -> None:
        versions = [name.partition("@")[2] for name in world.git("tag", "--list", f"{ARTIFACT}@*").split()]
        shown = printed[OURS].split()
        if len(versions) != bench.scale.versions + 2 or not {*versions} <= {*shown}:
            raise BenchmarkError(f"lastgood list does not name the {len(versions)} versions")
        if world.new not in printed[THEIRS]:
            raise BenchmarkError(f"gto show does not name {world.new}")

    return bench.alternate([side(OURS, "lastgood", "list"), side(THEIRS, "gto", "show")], check)


def recording(bench: Bench) -> Measured:
    """Both assign the former version to prod on origin; each begins with the same refs."""
    world = bench.registry()
    gto = ("gto", "assign", ARTIFACT, "--version", world.old, "--stage", "prod", "--force", "--push")
    assigned: dict[str, str] = {}

    def side(name: str, command: tuple[str, ...], shown: str) -> Side:
        def run() -> Sample:
            sample = world.time(*command)
            assigned[name] = world.assigned()
            return sample

        return Side(name, shown, world.restore, run)

    def check() -> None:
        if assigned != {OURS: world.old, THEIRS: world.old}:
            raise BenchmarkError(f"prod of origin is not {world.old} on both sides: {assigned}")

    ours = side(OURS, world.roll_back("--record-only"), "lastgood rollback --record-only")
    return bench.alternate([ours, side(THEIRS, gto, "gto assign --force --push")], check)
