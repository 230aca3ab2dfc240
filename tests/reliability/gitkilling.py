"""Git processes that die at a chosen system call: each runs through a script that hands the one chosen to strace.

git finds its own programs by `GIT_EXEC_PATH`, so that receive-pack, index-pack and all others that git starts are met,
and no process of Python. strace follows nobody: one process dies, and those around it live on.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from lastgood.adapters.git.holders import blindness
from tests.builders import git
from tests.reliability.killing import child

CALLS = (
    *("openat", "write", "pwrite64", "rename", "renameat", "renameat2", "link", "linkat", "symlink", "unlink"),
    *("unlinkat", "rmdir", "mkdir", "mkdirat", "fsync", "fdatasync", "chmod", "fchmod", "ftruncate"),
    *("clone", "clone3", "vfork", "connect"),
)
"""What changes a disk or says something to somebody; an `openat` that only reads is left out."""
WRAPPED = ("git", "git-upload-pack", "git-receive-pack")
_SCRIPT = """\
#!/bin/sh
name=${{0##*/}} called=${{0##*/}} value=
[ "$name" != git ] || for word; do
    case $value$word in
        value*) value= ;;
        -c | -C | --shallow-file | --git-dir | --work-tree) value=value ;;
        -*) ;;
        *) called=$word; break ;;
    esac
done
number=1
until (set -C; : > "$KILLS_RUNS/$called.$number") 2> /dev/null; do number=$((number + 1)); done
if [ -z "$KILLS_VICTIM" ]; then
    exec strace -D -o "$KILLS_RUNS/$called.$number" -e "trace={calls}" "{programs}/$name" "$@"
elif [ "$KILLS_VICTIM" = "$called.$number" ]; then
    exec strace -D -o /dev/null -e "trace=$KILLS_CALL" -e "inject=$KILLS_CALL:signal=KILL:when=$KILLS_WHEN" \\
        "{programs}/$name" "$@"
fi
exec "{programs}/$name" "$@"
"""
_WRITING = re.compile(r"O_WRONLY|O_RDWR|O_CREAT")


@dataclass(frozen=True)
class Moment:
    """Before the `when`-th `call` of a git process, which is named by its subcommand and its number among these."""

    process: str
    call: str
    when: int

    def __str__(self) -> str:
        return f"{self.process} at {self.call} {self.when}"


@dataclass(frozen=True)
class Gits:
    """A directory of git programs that count, and die."""

    place: Path

    @classmethod
    def make(cls, place: Path) -> "Gits":
        """Links to the real programs, and the script in front of those that are met by name."""
        real = Path(subprocess.check_output(["git", "--exec-path"], text=True).strip())
        programs = place / "programs"
        programs.mkdir(parents=True)
        for name in (one.name for one in real.iterdir()):
            (programs / name).symlink_to(real / name)
        for name in WRAPPED:
            (programs / name).unlink(missing_ok=True)
            (programs / name).write_text(_SCRIPT.format(calls=",".join(CALLS), programs=real))
            (programs / name).chmod(0o755)
        return cls(place)

    def moments(self, work: Callable[[], int | None]) -> list[Moment]:
        """Every moment at which a git process of `work` may die."""
        runs, code = self._run(work, "", "", 0)
        assert code == 0, f"the command fails under strace without any fault, with {code}"
        return [moment for one in sorted(runs.iterdir()) for moment in _moments(one)]

    def killed(self, work: Callable[[], int | None], moment: Moment) -> tuple[int, bool]:
        """Do `work` while the chosen process dies; the exit code, and whether that process came about."""
        runs, code = self._run(work, moment.process, moment.call, moment.when)
        return code, (runs / moment.process).exists()

    def _run(self, work: Callable[[], int | None], victim: str, call: str, when: int) -> tuple[Path, int]:
        runs = self.place / "runs"
        shutil.rmtree(runs, ignore_errors=True)
        runs.mkdir()

        def doomed() -> int | None:
            programs = self.place / "programs"
            os.environ |= {
                "PATH": f"{programs}:{os.environ['PATH']}",
                "GIT_EXEC_PATH": str(programs),
                "KILLS_RUNS": str(runs),
                "KILLS_VICTIM": victim,
                "KILLS_CALL": call,
                "KILLS_WHEN": str(when),
            }
            return work()

        return runs, child(doomed)


def _moments(log: Path) -> Iterator[Moment]:
    numbers = {call: count(1) for call in CALLS}
    for line in log.read_text(errors="replace").splitlines():
        call, found, arguments = line.partition("(")
        if not found or call not in numbers:
            continue
        when = next(numbers[call])
        if call != "openat" or _WRITING.search(arguments):
            yield Moment(log.name, call, when)


def require_sight(place: Path) -> None:
    """Skip the test where nobody can tell whether a lock is held, saying why."""
    if why := blindness(place):
        pytest.skip(f"locks of git are not removed in {place}: {why}")


def leave(lock: Path, *, age: float = 60) -> Path:
    """What a killed git leaves."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.touch()
    os.utime(lock, (time.time() - age, time.time() - age))
    return lock


@contextmanager
def holding(repository: Path, ref: str) -> Iterator[int]:
    """A living git process that holds the lock of a ref, as a long transaction does; its number."""
    with subprocess.Popen(
        ["git", "update-ref", "--stdin"], cwd=repository, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(f"start\nupdate {ref} {git(repository, 'rev-parse', 'HEAD')}\nprepare\n")
            process.stdin.flush()
            assert [process.stdout.readline() for _ in range(2)] == ["start: ok\n", "prepare: ok\n"]
            yield process.pid
        finally:
            process.kill()
