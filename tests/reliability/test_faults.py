"""When an operation of the system fails, once or from then on, every command says so with a documented exit code, the
old state or the new one is there, and the same command without faults leaves the state of an uninterrupted run."""

import errno
import os
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from lastgood.cli.app import main
from lastgood.cli.boundary import guarded
from tests.reliability import figures
from tests.reliability.checker import Known
from tests.reliability.killing import child
from tests.reliability.scenes import COMMANDS, Command, Scene
from tests.reliability.tracing import count_calls, require_strace, traced
from tests.world import World

pytestmark = pytest.mark.sweep

DOCUMENTED = frozenset({0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14})
"""docs/cli.md; 70 is a bug."""
FAULTS = (
    (("openat",), ("ENOSPC", "EACCES", "EMFILE", "EIO")),
    (("write", "pwrite64"), ("ENOSPC", "EIO")),
    (("rename", "renameat", "renameat2"), ("ENOSPC", "EACCES", "EIO")),
    (("link", "linkat"), ("ENOSPC", "EACCES", "EIO")),
    (("mkdir", "mkdirat"), ("ENOSPC", "EACCES")),
    (("symlink", "symlinkat"), ("ENOSPC", "EACCES")),
    (("unlink", "unlinkat", "rmdir"), ("EACCES", "EIO")),
    (("fsync", "fdatasync", "syncfs"), ("EIO", "ENOSPC")),
    (("chmod", "fchmod", "fchmodat", "ftruncate"), ("EACCES", "EIO")),
)
"""What fails, and how: disk full, rights, open files, a broken disk."""
HALF = "tags and journal on origin differ"
"""What git's own ref transaction leaves when the disk of origin fails in its midst: the journal has the entry, a tag is
not there. No client can prevent it; `verify` tells it, and the same command given again puts the tag back."""
CASES = int(os.environ.get("LASTGOOD_FAULTS", "2000" if figures.SOAK else "200"))
"""Of all commands together."""
SLOW = {"checkout", "checkout that saves work", "register"}
SHARES = {one.name: 1 if one.name in SLOW and not figures.SOAK else 2 for one in COMMANDS}
"""What a command gets of them: half in the short form where a case takes three times as long, for DVC is at work."""


def cases(most: Counter[str]) -> Iterator[tuple[str, str, str]]:
    """Calls, error and when, of all that the command makes: once and lastingly."""
    for calls, errors in FAULTS:
        for number in range(1, max((most[call] for call in calls), default=0) + 1):
            for error in errors:
                yield from ((",".join(calls), error, f"{number}{lasting}") for lasting in ("", "+"))


@pytest.mark.parametrize("error", [OSError(errno.EIO, "broken", "disk"), sqlite3.OperationalError("disk is full")])
@pytest.mark.parametrize("output", ["/dev/null", "/dev/full"])
def test_a_broken_disk_is_no_bug_even_where_it_cannot_be_told(error: Exception, output: str) -> None:
    def fails() -> int:
        sys.stdout = sys.stderr = open(output, "w")  # noqa: PTH123, SIM115  # the child ends with it
        raise error

    assert child(lambda: guarded(fails, []), quiet=False) == 1


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one.name)
def test_a_failing_operation_is_told_and_the_same_again_finishes(
    base: tuple[World, Known], memory: Path, tmp_path: Path, command: Command
) -> None:
    require_strace(tmp_path)
    begun, wrong, failed, halves = figures.begin(), [], 0, 0
    scene = Scene.of(command, *base, memory / f"fault {command.name}")
    with scene.case() as (root, _):
        everything = tuple(call for calls, _ in FAULTS for call in calls)
        every = list(cases(count_calls(lambda: command.run(root), everything, tmp_path / "log")))
    stride = max(1, len(every) * sum(SHARES.values()) // (CASES * SHARES[command.name]))
    chosen = every[stride // 2 :: stride]
    for calls, error, when in chosen:
        with scene.case() as (root, checker):
            options = ("-e", f"trace={calls}", "-e", f"inject={calls}:error={error}:when={when}")
            code = traced(lambda root=root: command.run(root), *options)  # type: ignore[misc]  # mypy cannot infer a lambda with defaults
            failed += code != 0
            found = scene.wrong_now(checker.look()) + [f"ends with {code}"] * (code not in DOCUMENTED)
            found += [one.read_text()[-1500:] for one in root.rglob("bug-*.txt")]
            seen = checker.look().problems
            half = bool(seen) and all(one.startswith(HALF) for one in seen) and code in DOCUMENTED
            if half:
                halves += 1
                found = [] if child(lambda root=root: main(["-C", str(root), "verify"])) == 3 else ["not told"]  # type: ignore[misc]  # as above
            found += scene.finish(root, checker, half=half)
        wrong += [f"{calls} {error} {when}: {one}" for one in found]
    figures.record(
        f"fault {command.name}",
        begun,
        cases=len(chosen),
        possible=len(every),
        failed=failed,
        halves=halves,
        wrong=len(wrong),
    )
    assert not wrong, "\n".join(wrong)
