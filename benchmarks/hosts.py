"""`sync` on an empty serving host against cloning and pulling."""

from itertools import count
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.comparing import require_same
from benchmarks.measuring import OURS, THEIRS, Measured, Side
from benchmarks.projects import ARTIFACT, remove


def empty_host(bench: Bench) -> Measured:
    """Both begin with nothing, DVC's own state of the machine included."""
    world = bench.world(bench.scale.files)
    world.restore()
    url, numbers = f"file://{world.origin}", count()
    host, clone = world.base / "host", world.base / "pulled"

    def fresh(directory: Path) -> dict[str, str]:
        return {"DVC_SITE_CACHE_DIR": str(world.base / "sites" / f"{directory.name}-{next(numbers)}")}

    def sync() -> tuple[str, ...]:
        return "lastgood", "sync", ARTIFACT, "--stage", "prod", "--repo", url, "--root", str(host)

    pull = f"git clone '{url}' '{clone}' && cd '{clone}' && git checkout '{world.tag(world.new)}' && dvc pull"
    ours = Side(
        OURS,
        "lastgood sync",
        lambda: remove(host),
        lambda: world.machine.time(world.base, *sync(), more=fresh(host))[0],
    )
    theirs = Side(
        THEIRS,
        "git clone && git checkout TAG && dvc pull",
        lambda: remove(clone),
        lambda: world.machine.time(world.base, "sh", "-c", pull, more=fresh(clone))[0],
    )
    live = host / "live" / ARTIFACT / "prod"
    measured = bench.alternate([ours, theirs], lambda: require_same(live, clone))
    for directory in (host, clone, world.base / "sites"):
        remove(directory)
    return measured
