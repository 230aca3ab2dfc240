"""What a command imports when it has to be quick: read `docs/design/decisions.md`, Fast path, before adding to it."""

import subprocess
import sys

import pytest

from lastgood.cli.app import COMMANDS
from tests.builders import Project
from tests.cli.conftest import Program

LOOK = "import sys; from lastgood.cli.app import main; code = main({arguments!r}); \
print(code, *sorted(sys.modules), file=sys.stderr)"
ALLOWED = frozenset({"lastgood", "typer", "annotated_doc", "shellingham", "uv"})
"""Packages beside the standard library: Typer with what it needs, and uv, which only says where its program lies."""
START = frozenset(
    {"__main__", "__mp_main__", "_distutils_hack", "sitecustomize", "usercustomize", "_virtualenv", "coverage"}
)
"""What an interpreter brings along: editable installs, virtual environments, the measuring of coverage."""
HEAVY = frozenset(
    {
        *("dvc", "dvc_data", "dvc_objects", "scmrepo", "fsspec", "git", "gitdb", "gto", "numpy", "pandas", "rich"),
        *("pydantic", "requests", "packaging", "pygments", "asyncio", "importlib.metadata", "email.message", "ssl"),
        *("http.client", "multiprocessing", "concurrent.futures", "logging", "unittest", "xml", "pdb"),
    }
)
"""Modules that cost milliseconds each, of the standard library too."""
UNUSED = {
    "list": {"lastgood.machine.delivery", "lastgood.adapters.dvc.store", "lastgood.releases.proofs", "sqlite3"},
    "rollback": {
        "lastgood.adapters.dvc.store",
        "lastgood.adapters.dvc.version",
        "lastgood.releases.builder",
        *("ctypes", "random", "secrets", "sqlite3", "tomllib"),
    },
}
"""Modules of ours, and what they need, that these commands do without."""


OTHERS = {f"lastgood.cli.{name}" for name in COMMANDS}
"""The modules of all commands; a command imports its own, and no other but for what it shows alike."""


def look(project: Project, *arguments: str) -> set[str]:
    """The modules that a command which succeeds has imported at its end."""
    command = [sys.executable, "-c", LOOK.format(arguments=list(arguments))]
    done = subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=False)
    code, *modules = done.stderr.splitlines()[-1].split()
    assert code == "0", done.stderr
    return set(modules)


def require_light(modules: set[str], command: str) -> None:
    strange = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names - ALLOWED - START
    strange = {
        name for name in strange if not name.startswith(("_editable", "__editable__", "a1_coverage", "_sysconfigdata"))
    }
    assert not strange, f"{command} imports {', '.join(sorted(strange))}: import it inside the function that needs it"
    heavy = modules & (HEAVY | UNUSED.get(command, set()))
    assert not heavy, f"{command} imports {', '.join(sorted(heavy))}: import it inside the function that needs it"


@pytest.mark.parametrize(
    "arguments",
    [["list"], ["status"], ["history"], ["where", "--stage", "prod"], ["show", "v2.0.0"], ["--help"]],
    ids=lambda arguments: arguments[0],
)
def test_looking_imports_nothing_heavy(run: Program, story: Project, arguments: list[str]) -> None:
    assert run("sync", "--stage", "prod").code == 0
    require_light(look(story, *arguments), arguments[0])


def test_a_rollback_to_a_built_release_imports_nothing_heavy(run: Program, story: Project) -> None:
    for version in ("v1.0.0", "v2.0.0"):
        assert run("assign", version, "--stage", "prod", "--reason", "better").code == 0
        assert run("sync", "--stage", "prod").code == 0
    modules = look(story, "rollback", "--from", "v2.0.0", "--reason", "late")
    require_light(modules, "rollback")
    assert modules & OTHERS == {"lastgood.cli.rollback"}
    assert run("where", "--stage", "prod", "--json").json["version"] == "v1.0.0"


def test_garbage_is_collected_from_the_moment_when_work_begins(story: Project) -> None:
    """Not during imports; a process that watches or verifies would grow without it."""
    code = "import gc; from lastgood.__main__ import main; before = gc.isenabled(); main(['list']); \
print(before, gc.isenabled())"
    done = subprocess.run([sys.executable, "-c", code], cwd=story.root, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False True"


@pytest.mark.parametrize("command", ["rollback", "show"])
def test_a_version_that_gto_tagged_costs_dvc_only_once(run: Program, project: Project, command: str) -> None:
    project.version("v1.0.0", model="good", mark="stable", stages=["prod"])
    assert run("sync", "--stage", "prod").code == 0
    project.version("v2.0.0", model="bad", stages=["prod"])
    assert run("sync", "--stage", "prod").code == 0
    arguments = {"rollback": ["rollback", "--from", "v2.0.0", "--reason", "late"], "show": ["show", "v1.0.0"]}[command]
    modules = look(project, *arguments)
    require_light(modules, command)
    assert "lastgood.adapters.dvc.child" not in modules, "a process that imports DVC was started"


@pytest.mark.parametrize("name", ["yaml", "dvc", "concurrent.futures"])
def test_a_newcomer_is_named(name: str) -> None:
    with pytest.raises(AssertionError, match=f"list imports {name}"):
        require_light({"lastgood", "json", name}, "list")
