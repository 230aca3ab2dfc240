"""A registry with thousands of tags, read and written, against GTO."""

import json

from benchmarks.bench import Bench
from benchmarks.machine import BenchmarkError, Sample
from benchmarks.measuring import OURS, THEIRS, Measured, Side
from benchmarks.projects import ARTIFACT


def listing(bench: Bench) -> Measured:
    """All versions of all artifacts; both must name the same ones."""
    world = bench.registry()

    def check() -> None:
        listed = json.loads(world.lastgood("list", "--json"))["artifacts"]
        ours = {version["version"] for artifact in listed for version in artifact["versions"]}
        names = world.git("tag", "--list", f"{ARTIFACT}@*").split()
        if ours != {name.partition("@")[2] for name in names} or len(ours) != bench.scale.versions + 2:
            raise BenchmarkError(f"lastgood list names {len(ours)} versions, git has {len(names)}")
        shown = json.loads(world.machine.run(world.work, "gto", "show", "--json"))[ARTIFACT]
        newest = max((tuple(map(int, one[1:].split("."))), one) for one in ours)[1]
        if shown["version"] != newest:
            raise BenchmarkError(f"gto shows {shown['version']} as the latest version, lastgood has {newest}")

    ours = Side(OURS, "lastgood list", world.restore, lambda: world.time("lastgood", "list"))
    theirs = Side(THEIRS, "gto show", world.restore, lambda: world.time("gto", "show"))
    return bench.alternate([ours, theirs], check)


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
