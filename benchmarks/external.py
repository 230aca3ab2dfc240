"""Times a rollback to a built release of a registered version and of one that only has a tag: `python -m
benchmarks.external DIRECTORY ROUNDS`. DIRECTORY does not exist yet."""

import sys
from pathlib import Path
from statistics import median

from benchmarks.machine import Machine
from benchmarks.measuring import Side, alternate
from benchmarks.projects import ARTIFACT, World, build, remove
from benchmarks.rollbacks import built_side

FILES, MODEL = 100, 2**20
REGISTERED, REMEMBERED, FIRST = "registered", "tagged, remembered", "tagged, derived by DVC"


def replace_tags(world: World) -> None:
    """Leave tags as `gto` writes them, without a journal, and let lastgood read both versions once."""
    for repository in (world.work, world.origin):
        names = world.git("tag", "--list", "--sort=creatordate", directory=repository).split()
        for name in names:
            commit = world.git("rev-parse", f"refs/tags/{name}^{{commit}}", directory=repository)
            date = world.git("for-each-ref", "--format=%(taggerdate:raw)", f"refs/tags/{name}", directory=repository)
            tag = f"object {commit}\ntype commit\ntag {name}\ntagger A <a@example.org> {date}\n\nby hand\n"
            world.git("update-ref", f"refs/tags/{name}", world.git("mktag", stdin=tag, directory=repository),
                      directory=repository)  # fmt: skip
        for journal in [ref for ref in world.refs(repository) if "/lastgood/" in ref]:
            world.git("update-ref", "-d", journal, directory=repository)
    for memory in world.place.glob("*.json"):
        memory.unlink()
    for version in (world.old, world.new):
        world.lastgood("show", f"{ARTIFACT}@{version}")
    world.save()


def derived_side(world: World) -> Side:
    """As the first time: nothing is remembered. What it leaves is what the other side of the tags remembers."""
    side = built_side(world, FIRST)

    def prepare() -> None:
        side.prepare()
        remove(world.place / "derivations")

    return Side(side.name, side.command, prepare, side.run)


def main() -> None:
    """Print the median of each side, and the median of the ratios of each round."""
    base, rounds = Path(sys.argv[1]), int(sys.argv[2])
    machine = Machine.prepare(base)
    registered, tagged = (build(machine, base / name, FILES, MODEL, say=print) for name in ("registered", "tagged"))
    replace_tags(tagged)
    sides = [built_side(registered, REGISTERED), derived_side(tagged), built_side(tagged, REMEMBERED)]
    measured = alternate(sides, rounds, lambda: None)
    for name, series in measured.items():
        print(f"{1000 * series.seconds:6.0f} ms  {name}")
    for name in (REMEMBERED, FIRST):
        pairs = zip(measured[name].samples, measured[REGISTERED].samples, strict=True)
        print(f"{median(one.seconds / other.seconds for one, other in pairs):6.2f} x  {name} : {REGISTERED}")


if __name__ == "__main__":
    main()
