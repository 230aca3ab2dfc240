"""Times each step where origin has 30,000 foreign tags: `python -m benchmarks.foreign_tags CLONE NAME VERSION`.

CLONE is a scratch copy whose origin is a directory; NAME is an artifact that is assigned to prod, VERSION the version
that is assigned and that the rollback leaves.
"""

import subprocess
import sys
import time
from pathlib import Path

TAGS = 30_000


def fill(origin: Path) -> None:
    """Half of the tags annotated, of other tools and of stages of unknown artifacts; half lightweight."""
    head = _git(origin, "rev-parse", "HEAD")
    annotated, lightweight = [], []
    for number in range(TAGS // 2):
        name = f"build-{number}" if number % 2 else f"other{number % 100}#stage{number % 7}#{number}"
        date = f"{1_600_000_000 + number} +0000"
        annotated.append(f"tag {name}\nfrom {head}\ntagger A <a@example.org> {date}\ndata 5\nbuild\n")
        lightweight.append(f"create refs/tags/nightly/{number} {head}\n")
    _git(origin, "fast-import", "--quiet", stdin="".join(annotated))
    _git(origin, "update-ref", "--stdin", stdin="".join(lightweight))
    _git(origin, "pack-refs", "--all")


def steps(origin: str, name: str, version: str, host: str) -> list[list[str]]:
    """The commands, in the order of a day."""
    served = ["sync", name, "--stage", "prod", "--root", host]
    why = ["--from", version, "--reason", "measured"]
    return [
        ["status"],
        ["list", "--fetch"],
        ["list", "--fetch"],
        ["list"],
        ["sync", name, "--stage", "prod"],
        ["rollback", name, *why, "--dry-run"],
        ["rollback", name, *why],
        ["status", "--fetch"],
        ["history", name],
        ["verify", name],
        [*served, "--repo", f"file://{origin}"],
        served,
    ]


def main() -> None:
    """Print the seconds of each step."""
    clone, name, version = sys.argv[1:]
    origin = _git(Path(clone), "remote", "get-url", "origin")
    fill(Path(origin))
    for arguments in steps(origin, name, version, f"{clone}.host"):
        began = time.perf_counter()
        code = subprocess.run(["lastgood", "-C", clone, *arguments], capture_output=True, check=False).returncode
        print(f"{time.perf_counter() - began:7.2f} s  exit {code}  lastgood {' '.join(arguments)}")


def _git(directory: Path, *arguments: str, stdin: str = "") -> str:
    command = ["git", "-C", str(directory), *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
