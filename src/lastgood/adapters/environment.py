"""The only module that runs uv: it finds a Python and fills a virtual environment. It does not decide where or when.

uv's index, cache and credentials come from the user's configuration and environment. It runs below a directory with an
empty `uv.toml`, which ends its search for a project's configuration: neither the version's nor the checkout's counts.
No code of a package runs here: the new Python starts before there are any, and modules are compiled by the Python that
it was made from, which ignores the environment's `.pth` files.
"""

import json
import os
import stat
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lastgood.adapters import process
from lastgood.core.pins import Target
from lastgood.core.requirements import Wanted
from lastgood.errors import LastgoodError

_LOADER = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""Variables with which the system finds the libraries of a Python: some do not start without."""
_KEPT = frozenset(
    {
        *("HOME", "USER", "LOGNAME", "TMPDIR", "LANG", "LC_ALL", "LC_CTYPE", "NETRC", *_LOADER),
        *("XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "XDG_CACHE_HOME", "XDG_DATA_HOME"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "SSL_CLIENT_CERT", "PYENV_ROOT", "PYENV_VERSION"),
    }
)
"""Variables with which uv finds its configuration, cache, indexes and Pythons. It gets no others of the user."""
_COMPILERS = frozenset({"CC", "CXX", "CFLAGS", "CPPFLAGS", "CXXFLAGS", "LDFLAGS", "PKG_CONFIG_PATH"})
"""Further variables for building packages without a wheel, if the configuration allows that."""
_DROPPED = frozenset({"UV_PROJECT", "UV_WORKING_DIR", "UV_WORKING_DIRECTORY", "UV_PYTHON", "UV_COMPILE_BYTECODE"})
_LAST = 20
"""Lines of uv's output that a message repeats."""
_QUESTION = """\
import json, os, platform, sys
number = sys.implementation.version
kind = "" if number.releaselevel == "final" else number.releaselevel[0] + str(number.serial)
print(json.dumps({
    "implementation_name": sys.implementation.name,
    "implementation_version": "{0.major}.{0.minor}.{0.micro}".format(number) + kind,
    "os_name": os.name,
    "platform_machine": platform.machine(),
    "platform_python_implementation": platform.python_implementation(),
    "platform_release": platform.release(),
    "platform_system": platform.system(),
    "platform_version": platform.version(),
    "python_full_version": platform.python_version(),
    "python_version": ".".join(platform.python_version_tuple()[:2]),
    "sys_platform": sys.platform,
}))
"""
"""The variables of markers (PEP 508)."""


class UvError(LastgoodError):
    """uv failed, or did not end in time; the message is the end of its output."""


@dataclass(frozen=True, slots=True)
class Uv:
    """uv in a directory of lastgood; `timeout` in seconds for each of its runs. `build` allows packages without a
    wheel, whose own code then runs."""

    directory: Path
    timeout: float
    build: bool = False

    def find_python(self, version: str) -> Path | None:
        """An interpreter of that version (`3.11`) on this machine, or `None`; nothing is downloaded."""
        with suppress(UvError):
            return Path(self._run("python", "find", "--system", version).strip())
        return None

    def create(self, path: Path, python: Path) -> None:
        """Make an empty virtual environment that may be renamed. Raises `UvError`."""
        self._run("venv", "--quiet", "--relocatable", "--python", str(python), str(path))

    def install(self, path: Path, wanted: Wanted) -> None:
        """Fill an environment with exactly what a lock requires; from wheels, unless `build`. Raises `UvError`, also if
        a package replaces the files that the environment's interpreter starts from."""
        if not wanted.lines:
            return
        requirements = self._write("requirements.txt", wanted.lines)
        options = ["--require-hashes"] if wanted.hashed else []
        options += ["--no-deps"] if wanted.closed else []
        options += [] if self.build else ["--no-build"]
        if wanted.constraints:
            options += ["--constraint", str(self._write("constraints.txt", wanted.constraints))]
        names = ["pyvenv.cfg", *(f"bin/{file.name}" for file in (path / "bin").glob("python*"))]
        before = _interpreter(path, names)
        python = str(path / "bin" / "python")
        options += [] if self._is_cache_ours() else ["--link-mode", "copy"]
        self._run(
            "pip", "install", "--quiet", "--no-compile-bytecode", *options, "--python", python, "-r", str(requirements)
        )
        if _interpreter(path, names) != before:
            raise UvError("a package replaces the interpreter of its environment, or its pyvenv.cfg")

    def _is_cache_ours(self) -> bool:
        """Whether nobody else can write to uv's cache. Otherwise another user could later change files that are
        hard-linked from there. A cache that does not exist yet is made by this user."""
        try:
            found = Path(self._run("cache", "dir").strip()).stat()
        except FileNotFoundError:
            return True
        return found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)

    def _write(self, name: str, lines: tuple[str, ...]) -> Path:
        path = self.directory / name
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        return path

    def _run(self, *arguments: str) -> str:
        (self.directory / "uv.toml").touch()
        outcome = process.run([find_uv(), *arguments], self.directory, _environment(build=self.build), self.timeout)
        if outcome.code is None:
            raise UvError(f"uv {arguments[0]} did not end within {self.timeout:g} s")
        if outcome.code != 0:
            said = [line for line in outcome.err.decode(errors="replace").splitlines() if line.strip()]
            raise UvError("\n".join(said[:_LAST]) or f"uv {arguments[0]} ended with exit code {outcome.code}")
        return outcome.out.decode(errors="replace")


def find_uv() -> str:
    """The executable of the package `uv` that lastgood was installed with. Raises `UvError`."""
    import uv

    try:
        return str(uv.find_uv_bin())
    except FileNotFoundError as error:
        raise UvError(f"the package uv has no executable here: {error}") from error


def read_target(python: Path, timeout: float) -> Target:
    """The facts about an interpreter, which runs to report them. Raises `UvError`.

    It starts without site directories, so that no `.pth` file runs, and without the user's environment.
    """
    command = [str(python), "-I", "-S", "-B", "-c", _QUESTION]
    try:
        outcome = process.run(command, Path("/"), _loading(), timeout)
        found = json.loads(outcome.out)
    except (OSError, ValueError) as error:
        raise UvError(f"{python} does not start: {error}") from error
    if outcome.code != 0:
        raise UvError(f"{python} does not start: {outcome.words(_LAST)}")
    return Target({str(name): str(value) for name, value in found.items()})


def compile_modules(path: Path, python: Path, timeout: float) -> None:
    """Compile the modules of an environment with the Python it was made from, as far as possible.

    uv would start the environment's own Python, which runs every `.pth` file. The compiler only reads. A module that is
    not compiled is compiled again at each start, because the directories are read-only: nothing else is lost.
    """
    command = [str(python), "-I", "-S", "-m", "compileall", "-q", "-q", str(path / "lib")]
    with suppress(OSError):
        process.run(command, Path("/"), _loading(), timeout)


def _loading() -> dict[str, str]:
    """All of the user's variables that a Python gets when it only reports its facts."""
    return {name: os.environ[name] for name in _LOADER if name in os.environ}


def _interpreter(path: Path, names: Iterable[str]) -> dict[str, str | bytes]:
    """The identity of an environment's Python files: their link targets, or their contents."""
    files = {name: path / name for name in names}
    return {name: str(file.readlink()) if file.is_symlink() else file.read_bytes() for name, file in files.items()}


def _environment(*, build: bool) -> dict[str, str]:
    """The user's variables that uv reads, without other secrets; lastgood's own Python is found last."""
    wanted = _KEPT | _COMPILERS if build else _KEPT
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in wanted or (name.startswith("UV_") and not name.startswith("UV_PUBLISH_") and name not in _DROPPED)
    }
    ours = str(Path(sys.base_prefix) / "bin")
    path = [part for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if part.startswith("/")]
    kept["PATH"] = os.pathsep.join([*path, ours])
    return {**kept, "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1", "NO_COLOR": "1"}
