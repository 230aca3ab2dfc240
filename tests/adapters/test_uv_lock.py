"""Our reading of `uv.lock` against uv's own: what both would install for this interpreter is the same."""

import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from lastgood.adapters.environment import find_uv, read_target
from lastgood.core.requirements import parse_lock
from tests.adapters.wheels import make_wheel, use_only

PROJECT = """\
[project]
name = "flights"
version = "1"
requires-python = ">=3.11"
dependencies = [
    "plain",
    "shared",
    "rich-one[more, other] >= 1",
    "windows; sys_platform == 'win32'",
    "old; python_version < '3.12'",
    "new; python_version >= '3.12'",
]
[project.optional-dependencies]
cpu = ["shared < 2", "on-cpu"]
gpu = ["shared >= 2", "on-gpu"]
[dependency-groups]
dev = ["testing"DEV]
docs = [{ include-group = "dev" }, "writing"]
[tool.uv]
conflicts = [[{ extra = "cpu" }, { extra = "gpu" }]]
"""


def make_wheels(directory: Path) -> None:
    for name in ("plain", "windows", "old", "new", "on_cpu", "on_gpu", "writing", "deep"):
        make_wheel(directory, "1.0", name=name)
    for version in ("1.0", "2.0"):
        make_wheel(directory, version, name="shared", requires=["deep"])
    make_wheel(directory, "1.0", name="testing", requires=["plain", "rich-one[loop]"])
    marked = ["on-gpu; extra == 'other' and sys_platform == 'none'", "deep; extra == 'more'"]
    extras = ["more", "other", "loop"]
    loop = ["testing; extra == 'loop'", "writing; extra == 'other'"]
    make_wheel(directory, "1.5", name="rich_one", requires=[*marked, *loop], extras=extras)


@pytest.mark.parametrize(
    ("dev", "settings"),
    [
        ("", ""),
        (', "flights[cpu]"', ""),
        (', "flights[gpu]"', ""),
        ("", "default-groups = []"),
        (', "flights[cpu]"', 'default-groups = ["docs"]'),
        (', "flights[gpu]"', 'default-groups = "all"'),
    ],
)
def test_a_uv_lock_means_what_uv_makes_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dev: str, settings: str
) -> None:
    use_only(tmp_path / "wheels", monkeypatch)
    make_wheels(tmp_path / "wheels")
    there = tmp_path / "project"
    there.mkdir()
    (there / "pyproject.toml").write_text(PROJECT.replace("DEV", dev) + settings + "\n")
    options = ["--quiet", "--directory", str(there), "--python", sys.executable]
    subprocess.run([find_uv(), "lock", *options], check=True)
    export = [
        find_uv(),
        "export",
        *options,
        "--frozen",
        "--no-emit-workspace",
        "--no-hashes",
        "--no-header",
        "--no-annotate",
    ]
    out = subprocess.run(export, check=True, capture_output=True, text=True).stdout
    theirs = [Requirement(one) for one in out.splitlines()]
    wanted = {f"{one.name}{one.specifier}" for one in theirs if one.marker is None or one.marker.evaluate()}
    found = parse_lock("uv.lock", lambda path: (there / path).read_bytes(), read_target(Path(sys.executable), 60))
    assert {line.partition(" ")[0] for line in found.lines} == wanted
    assert {"plain==1.0", "deep==1.0"} <= wanted
