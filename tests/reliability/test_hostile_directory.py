"""A project whose root holds a module for every module, and a program for every program, that ours could ask for."""

import os
import shutil
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.adapters.wheels import make_wheel, use_only
from tests.builders import Project
from tests.world import World

PROGRAMS = ("git", "ssh-keygen", "gpg", "uv", "sync", "sh", "python", "python3", "env", "dvc", "ssh")
COMMANDS = """\
status
verify --deep
register --version v3.0.0
sync --stage prod
checkout v1.0.0
rollback --from v2.0.0 --reason late --here
exec flights@v1.0.0 -- /bin/true
gc --remote --dry-run
repair
prune
""".splitlines()
WRAPPER = """\
#!{python}
import json, os, subprocess, sys
os.execv({program!r}, [{program!r}, *sys.argv[1:]])
"""


def spring(root: Path, canary: Path) -> int:
    """The traps: each leaves its name in a directory when it is run; how many."""
    canary.mkdir()
    modules = sorted({*sys.stdlib_module_names, *packages_distributions()} - {"lastgood", "__main__"})
    for name in modules:
        if name.isidentifier():
            (root / f"{name}.py").write_text(f"open({str(canary / name)!r}, 'w').close()\n")
    for name in PROGRAMS:
        (root / name).write_text(f"#!/bin/sh\n: > {canary / f'program-{name}'}\n")
        (root / name).chmod(0o755)
    return len(modules) + len(PROGRAMS)


def sprung(canary: Path) -> list[str]:
    return sorted(one.name for one in canary.iterdir())


def started_by_python() -> set[str]:
    """What `python -m` imports with the working directory first on its path before any program has a say."""
    command = "import sys, runpy; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-I", "-c", command], capture_output=True, text=True).stdout.split())


@pytest.fixture
def trapped(project: Project) -> tuple[World, Path]:
    """Two versions, then the traps; and where one that is sprung leaves its name."""
    world = World(project)
    world.release("v1.0.0", model="first", mark="stable", stages=["prod"])
    world.release("v2.0.0", model="second", stages=["prod"])
    world.project.commit_version(model="third")
    canary = world.project.base / "canary"
    assert spring(world.root, canary) > 300
    return world, canary


def enter(world: World, patch: pytest.MonkeyPatch) -> None:
    """Work where the traps are, the programs there first on the way; they are committed before."""
    world.project.commit("Set traps")
    patch.chdir(world.root)
    patch.setenv("PATH", f".:{os.environ['PATH']}")


def test_no_module_and_no_program_of_the_working_directory_is_run(
    trapped: tuple[World, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    world, canary = trapped
    for module in started_by_python():
        (world.root / f"{module}.py").unlink(missing_ok=True)
    enter(world, monkeypatch)
    for line in COMMANDS:
        command = [sys.executable, "-m", "lastgood", *line.split()]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode in {0, 3}, (line, done.stdout, done.stderr)
        assert (line, sprung(canary)) == (line, [])
    assert world.live_model() == "first"


@pytest.mark.usefixtures("spawned")
def test_no_child_looks_where_pythonpath_says(
    trapped: tuple[World, Path],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    world, canary = trapped
    (world.root / "lastgood.py").write_text((world.root / "json.py").read_text())
    place = tmp_path_factory.mktemp("tools")
    use_only(place / "wheels", monkeypatch)
    make_wheel(place / "wheels", "1.0")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", place / "key"], check=True)
    program = place / "ssh-keygen"
    program.write_text(WRAPPER.format(python=sys.executable, program=shutil.which("ssh-keygen", path="/usr/bin:/bin")))
    program.chmod(0o755)
    world.project.put("signers", f"ada@example.org {(place / 'key.pub').read_text()}")
    world.settings('[environment]\ndeliver = true\n[registry]\nallowed_signers = "signers"\n')
    settings = {
        "gpg.format": "ssh",
        "user.signingkey": place / "key",
        "tag.gpgSign": "true",
        "gpg.ssh.program": program,
    }
    for number, (key, value) in enumerate(settings.items()):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{number}", key)
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{number}", str(value))
    monkeypatch.setenv("GIT_CONFIG_COUNT", str(len(settings)))
    world.project.put("requirements.txt", "tiny==1.0\n")
    enter(world, monkeypatch)
    monkeypatch.setenv("PYTHONPATH", str(world.root))
    world.register("v3.0.0")
    world.assign("v3.0.0")
    world.sync()
    world.verify(deep=True)
    world.rollback(to="v1.0.0", here=True)
    assert world.live_model() == "first"
    assert sprung(canary) == []
