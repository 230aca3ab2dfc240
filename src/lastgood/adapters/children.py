"""How lastgood's child processes start: nothing that they find by name comes from the project. Programs that users
configure keep their own environment."""

import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

OWN = ("lastgood", "dvc")
"""Packages that a Python child needs. DVC's plug-ins are beside it."""

START = f"""\
import sys
from importlib.util import find_spec
module, *places = sys.argv[1:]
for name, place in zip({OWN!r}, places):
    if place and find_spec(name) is None:
        sys.path.append(place)
sys.argv[1:] = []
from importlib import import_module
import_module(module).main()
"""
"""`-m` puts the working directory on `sys.path`; this does not. The added directories come last, after the standard
library."""

_DROPPED = ("PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME")
_FILES = re.compile(r"\w*(?:_FILE|_CREDENTIALS|_BUNDLE|_CONFIG|_DIR|HOME)")


def python_command(module: str, avoid: Iterable[Path] = ()) -> list[str]:
    """The command line that runs `main` of one of lastgood's modules in isolated mode: without the working directory,
    `PYTHONPATH` or the user's site.

    If isolated mode does not find the installation (`pip install --user`, `PYTHONPATH`), its directory is named, unless
    that is the working directory or one of `avoid`.
    """
    banned = {os.path.realpath(one) for one in (Path.cwd(), *avoid)}
    places = [place if os.path.realpath(place) not in banned else "" for place in map(_place_of, OWN)]
    return [sys.executable, "-I", "-c", START, module, *places]


def _place_of(package: str) -> str:
    """The directory on `sys.path` that a package comes from; empty if there is none. Nothing is imported."""
    from importlib.util import find_spec  # where a worker is started

    loaded = sys.modules.get(package)
    spec = loaded.__spec__ if loaded is not None else find_spec(package)
    return str(Path(spec.origin).parent.parent.absolute()) if spec is not None and spec.origin else ""


def child_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment in which Python programs, and programs by name, are not found in the working directory.

    The user's site stays: helpers of git are installed there (`pip install --user git-remote-codecommit`).
    """
    kept = {name: value for name, value in environ.items() if name not in _DROPPED}
    return {**kept, "PATH": absolute_path(environ), "PYTHONSAFEPATH": "1"}


def absolute_path(environ: Mapping[str, str]) -> str:
    """`PATH` without relative and empty parts: git is started in the project, and `./git` is not git."""
    return os.pathsep.join(part for part in environ.get("PATH", os.defpath).split(os.pathsep) if os.path.isabs(part))  # noqa: PTH117  # text


def anchored(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment with relative names of files (`GOOGLE_APPLICATION_CREDENTIALS=key.json`) made absolute, for a
    process that works elsewhere."""
    return {
        name: os.path.abspath(value) if value and _FILES.fullmatch(name) and os.path.exists(value) else value  # noqa: PTH100, PTH110  # text
        for name, value in environ.items()
    }
