"""The program, as `python -m lastgood` and the console script start it: nothing is imported from the directory it is
run in."""

import gc
import os
import sys


def _is_here(entry: str) -> bool:
    """Whether an entry of `sys.path` is the working directory: `-m` and an empty part of `PYTHONPATH` put it there."""
    try:
        return not entry or os.path.samefile(entry, os.curdir)  # noqa: PTH121  # pathlib is not imported yet
    except OSError:
        return False


sys.path[:] = [entry for entry in sys.path if not _is_here(entry)]

gc.disable()  # importing makes no garbage; looking for some meanwhile takes 10 ms. `Session.open` enables it again

from lastgood.cli.app import main  # noqa: E402  # only now may it be looked for

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
