"""Reading commands on a registry of 10,000 versions with four events each, against git alone on the same bytes."""

from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.bench import Bench
from benchmarks.machine import Machine
from benchmarks.registry import ARTIFACT, write_registry
from lastgood.adapters.git.refs import FIELDS

MORE = 10
"""How many times more versions than in the rows about tags."""
COMMANDS = (
    ("list",),
    ("list", "--json"),
    ("history",),
    ("history", "--json"),
    ("show", f"{ARTIFACT}@v0.3.0"),
    ("status",),
)
SMALLEST = 4
"""Versions of the registry whose reading is start-up: it has the one that is shown."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A command on a registry: seconds of git alone, of the command with few versions and with all, and peak KiB."""

    registry: str
    command: str
    git: float
    start: float
    whole: float
    peak: int

    @property
    def ratio(self) -> float:
        """The command, start-up apart, in times of git's own."""
        return (self.whole - self.start) / self.git


def read(bench: Bench) -> list[Reading]:
    """Medians of all rounds: in each, git and every command in turn. Raises `BenchmarkError` when one fails."""
    readings, commands = [], COMMANDS[:1] if bench.scale.one else COMMANDS
    for name, journal in (("with its journal", True), ("tags alone", False)):
        few, many = (
            _repository(bench.machine, f"reading-{versions}-{journal}", versions, journal=journal)
            for versions in (SMALLEST, bench.scale.versions * MORE)
        )
        taken: dict[str, list[tuple[float, float, float, int]]] = {}
        for number in range(1, bench.rounds + 1):
            for command in commands if number % 2 else commands[::-1]:
                shown = f"lastgood {' '.join(command)}"
                start, whole = (bench.machine.time(one, "lastgood", *command)[0] for one in (few, many))
                git = _git(bench.machine, many, journal=journal)
                taken.setdefault(shown, []).append((git, start.seconds, whole.seconds, whole.peak))
                bench.say(f"  {name}, {shown}: git {git:.3f} s, ours {whole.seconds:.3f} - {start.seconds:.3f} s")
        for shown, rounds in taken.items():
            git, start_up, all_of_it, peak = (median(column) for column in zip(*rounds, strict=True))
            readings.append(Reading(name, shown, git, start_up, all_of_it, int(peak)))
    return readings


def _repository(machine: Machine, name: str, versions: int, *, journal: bool) -> Path:
    directory = machine.scratch / name
    machine.run(machine.scratch, "git", "init", "--quiet", str(directory))
    (directory / ".dvc").mkdir()
    (directory / ".dvc/config").touch()
    write_registry(directory, versions, journal=journal)
    machine.run(directory, "git", "reset", "--quiet", "--hard")
    return directory


def _git(machine: Machine, directory: Path, *, journal: bool) -> float:
    """Seconds that git takes to say all of the tags and, after it, all of the journal.

    With the fields of an event: without a format git reads no tag at all, only their names and kinds.
    """
    form = "%00".join(f"%({one})" for one in FIELDS)
    seconds = machine.time(directory, "git", "for-each-ref", f"--format={form}", "refs/tags/")[0].seconds
    if journal:
        walk = ("git", "log", "--first-parent", "--reverse", "--format=%H%x00%B%x00", f"refs/lastgood/{ARTIFACT}", "--")
        seconds += machine.time(directory, *walk)[0].seconds
    return seconds
