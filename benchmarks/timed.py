"""Runs one command and writes its seconds, the peak memory of its largest process in KiB, and its exit code.

A process of its own because Linux counts the memory of whoever starts a command as the command's: this one is started
without `site` and imports next to nothing, so that it is smaller than anything measured.
"""

import os
import sys
import time


def main() -> None:
    """`timed.py REPORT COMMAND…`; the command inherits everything else."""
    report, *command = sys.argv[1:]
    started = time.perf_counter()
    child = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - started
    with open(report, "w", encoding="utf-8") as stream:  # noqa: PTH123  # pathlib costs memory here
        stream.write(f"{seconds!r} {usage.ru_maxrss} {os.waitstatus_to_exitcode(status)}")


if __name__ == "__main__":
    main()
