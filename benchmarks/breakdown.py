"""What the time of a rollback to a built release is made of, and how far that is from the least it could be."""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from shutil import which
from statistics import median

from benchmarks.bench import Bench
from benchmarks.projects import World, remove

ASKED, PUSHED, OTHER = "git: asking origin, fetching", "git: push, with origin's side of it", "git: everything else"
KINDS = {"fetch": ASKED, "ls-remote": ASKED, "push": PUSHED}
SYNCED = re.compile(r"^(\d+) .*\b(?:fsync|fdatasync|syncfs)\b.*<([\d.]+)>$")
READ_MODULES = """\
import importlib, sys
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ImportError:
        pass
"""


@dataclass(frozen=True)
class Part:
    """One part of the time: milliseconds (median), and how many processes or calls it was."""

    name: str
    milliseconds: float
    count: int | None = None


@dataclass(frozen=True)
class Ran:
    """One git process that lastgood started itself: its command, and from when to when it ran, in seconds."""

    command: str
    begin: float
    end: float


def break_down(bench: Bench) -> dict[str, object]:
    """The parts of one rollback at the usual size, each the median of its own runs, and the floor."""
    world = bench.world(bench.scale.files)
    modules = _modules(world)
    series: list[tuple[float, float, float]] = []
    traced = []
    for _ in range(bench.rounds):
        whole = _restored(world, *world.roll_back())
        started = world.time(sys.executable, "-c", "pass").seconds
        loaded = world.time(sys.executable, "-c", READ_MODULES, *modules).seconds
        series.append((whole, started, loaded - started))
        traced.append(_trace_git(world))
    whole, python, imports = (median(column) for column in zip(*series, strict=True))
    parts = [Part("interpreter", 1000 * python), Part("imports", 1000 * imports, len(modules))]
    parts += _git_parts(traced)
    own, theirs = _synced(world, bench.rounds)
    parts += own
    git = median(_covered(ran) for ran in traced)
    known = python + imports + git + sum(part.milliseconds for part in own) / 1000
    parts.append(Part("rest: own code, starting processes, the rename", 1000 * (whole - known)))
    floor = _floor(world, bench.rounds)
    world.restore()
    return {
        "whole": 1000 * whole,
        "parts": [asdict(part) for part in parts],
        "fsync inside git": [asdict(part) for part in theirs],
        "git processes": sorted(ran.command for ran in traced[-1]),
        "floor": 1000 * floor,
    }


def _restored(world: World, *command: str) -> float:
    world.restore()
    return world.time(*command).seconds


def _modules(world: World) -> list[str]:
    """The modules that one rollback imports after the interpreter has started."""
    world.restore()
    quiet = world.machine.run(world.work, sys.executable, "-c", "import sys; print('\\n'.join(sys.modules))").split()
    code = "import atexit, sys; atexit.register(lambda: open({!r}, 'w').write('\\n'.join(sys.modules))); "
    code += "from lastgood.cli.app import main; main(sys.argv[1:])"
    listed = world.base / "modules"
    world.machine.run(world.work, sys.executable, "-c", code.format(str(listed)), *world.roll_back()[1:])
    return sorted(set(listed.read_text().split()) - set(quiet) - {"__main__"})


def _trace_git(world: World) -> list[Ran]:
    """The git processes of one rollback, from git's own trace; lastgood drops `GIT_TRACE2`, so it is configured."""
    traces, configuration = world.base / "traces", world.base / "traced.gitconfig"
    remove(traces)
    traces.mkdir()
    usual = Path(world.machine.environment["GIT_CONFIG_GLOBAL"]).read_text()
    configuration.write_text(f"{usual}[trace2]\n    eventTarget = {traces}\n")
    world.restore()
    world.machine.time(world.work, *world.roll_back(), more={"GIT_CONFIG_GLOBAL": str(configuration)})
    return [_ran(path) for path in sorted(traces.iterdir()) if "/" not in _events(path)[0]["sid"]]


def _events(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _ran(path: Path) -> Ran:
    events = _events(path)
    arguments = next(event["argv"] for event in events if event["event"] == "start")
    name = next((event["name"] for event in events if event["event"] == "cmd_name"), arguments[-1])
    begin, end = (datetime.fromisoformat(events[place]["time"]).timestamp() for place in (0, -1))
    return Ran(name, begin, end)


def _git_parts(traced: Sequence[Sequence[Ran]]) -> list[Part]:
    """Git's processes by what they are for. What ran side by side counts once."""
    parts = []
    for kind in (ASKED, PUSHED, OTHER):
        chosen = [[one for one in ran if KINDS.get(one.command, OTHER) == kind] for ran in traced]
        parts.append(Part(kind, 1000 * median(map(_covered, chosen)), len(chosen[-1])))
    return parts


def _covered(processes: Iterable[Ran]) -> float:
    """The seconds in which at least one of these ran."""
    covered, until = 0.0, 0.0
    for one in sorted(processes, key=lambda ran: ran.begin):
        covered += max(0.0, one.end - max(one.begin, until))
        until = max(until, one.end)
    return covered


def _synced(world: World, rounds: int) -> tuple[list[Part], list[Part]]:
    """The waits for the disk, lastgood's own and git's; nothing where `strace` is missing."""
    if which("strace") is None:
        return [], []
    log = world.base / "strace"
    calls = "trace=execve,fsync,fdatasync,syncfs"
    own: list[list[float]] = []
    theirs: list[list[float]] = []
    for _ in range(rounds):
        world.restore()
        strace = ("strace", "-f", "--seccomp-bpf", "-qq", "-T", "-e", calls, "-e", "signal=none", "-o", str(log))
        world.machine.run(world.work, *strace, *world.roll_back())
        lines = log.read_text().splitlines()
        ours = lines[0].split()[0]  # the process that was started
        found = [match.groups() for match in map(SYNCED.match, lines) if match]
        own.append([float(seconds) for process, seconds in found if process == ours])
        theirs.append([float(seconds) for process, seconds in found if process != ours])
    return [_sum("fsync of its own", own)], [_sum("fsync", theirs)]


def _sum(name: str, runs: Sequence[Sequence[float]]) -> Part:
    return Part(name, 1000 * median(map(sum, runs)), len(runs[-1]))


def _floor(world: World, rounds: int) -> float:
    """An interpreter, one fetch, one listing of refs and one push of the same objects, in a shell."""
    before = world.saved[world.origin]
    world.restore()
    world.machine.run(world.work, *world.roll_back())
    after = world.refs(world.origin)
    pushed = " ".join(f"'{oid}:{ref}'" for ref, oid in sorted(after.items()) if before.get(ref) != oid)
    shell = f"{sys.executable} -c pass && git fetch --quiet origin && git for-each-ref >/dev/null && "
    shell += f"git -c core.fsync=all push --quiet --atomic origin {pushed}"
    return median(_restored(world, "sh", "-c", shell) for _ in range(rounds))
