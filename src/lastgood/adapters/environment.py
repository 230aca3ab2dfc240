"""The one door to uv: finding a Python and filling a virtual environment; where it lies and when is not decided here.

uv's index, cache and credentials come from the user's configuration and environment. It runs below a directory with an
empty `uv.toml`, which ends its search for a project's configuration: neither the version's nor the checkout's counts.
"""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lastgood.core.requirements import Wanted, parse_requirements
from lastgood.errors import LastgoodError

_DROPPED = ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONHOME", "PYTHONPATH", "UV_PROJECT", "UV_WORKING_DIR", "UV_PYTHON")
_LAST = 20
"""Lines of what uv says that a message repeats."""


class UvError(LastgoodError):
    """uv failed, or did not end in time; the message is what it said last."""


@dataclass(frozen=True, slots=True)
class Uv:
    """uv in a directory of ours; `timeout` in seconds for each of its runs. `build` allows packages without a wheel,
    whose own code then runs."""

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

    def export(self, lock: bytes, project: bytes) -> Wanted:
        """What a `uv.lock` asks for besides its project itself, as `uv sync` would. Raises `UvError`.

        `project` is the `pyproject.toml` beside it; its `[tool.uv]` may name groups, its indexes are not read.
        """
        there = self.directory / "project"
        there.mkdir()
        (there / "uv.lock").write_bytes(lock)
        (there / "pyproject.toml").write_bytes(project)
        options = ("--frozen", "--no-config", "--offline", "--no-emit-workspace", "--no-header", "--no-annotate")
        out = self._run("export", "--quiet", *options, "--project", str(there))
        found = parse_requirements("uv.lock as exported", lambda _path: out.encode())
        return Wanted(found.lines, hashed=found.hashed, closed=True)

    def install(self, path: Path, wanted: Wanted) -> None:
        """Fill an environment with exactly what a lock asks for; from wheels, unless `build`. Raises `UvError`."""
        if not wanted.lines:
            return
        requirements = self._write("requirements.txt", wanted.lines)
        options = ["--require-hashes"] if wanted.hashed else []
        options += ["--no-deps"] if wanted.closed else []
        options += [] if self.build else ["--no-build"]
        if wanted.constraints:
            options += ["--constraint", str(self._write("constraints.txt", wanted.constraints))]
        python = str(path / "bin" / "python")
        self._run(
            "pip", "install", "--quiet", "--compile-bytecode", *options, "--python", python, "-r", str(requirements)
        )

    def _write(self, name: str, lines: tuple[str, ...]) -> Path:
        path = self.directory / name
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        return path

    def _run(self, *arguments: str) -> str:
        (self.directory / "uv.toml").touch()
        process = subprocess.Popen(
            [find_uv(), *arguments],
            cwd=self.directory,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        try:
            out, words = process.communicate(timeout=self.timeout)
        except subprocess.TimeoutExpired:
            raise UvError(f"uv {arguments[0]} did not end within {self.timeout:g} s") from None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.returncode != 0:
            said = [line for line in words.splitlines() if line.strip()]
            raise UvError("\n".join(said[:_LAST]) or f"uv {arguments[0]} ended with exit code {process.returncode}")
        return out


def find_uv() -> str:
    """The executable of the package `uv` that lastgood was installed with. Raises `UvError`."""
    import uv

    try:
        return str(uv.find_uv_bin())
    except FileNotFoundError as error:
        raise UvError(f"the package uv has no executable here: {error}") from error


def read_python(environment: Path, timeout: float) -> str:
    """The version that an environment's interpreter says it is; it runs, so it is one. Raises `UvError`."""
    command = [str(environment / "bin" / "python"), "-I", "-c", "import platform; print(platform.python_version())"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise UvError(f"its interpreter does not start: {error}") from error
    return done.stdout.strip()


def _environment() -> dict[str, str]:
    """The user's, without what would lead uv to another project or environment; our own Python is found last."""
    kept = {name: value for name, value in os.environ.items() if name not in _DROPPED and not name.startswith("GIT_")}
    ours = Path(sys.base_prefix) / "bin"
    kept["PATH"] = os.pathsep.join(part for part in (kept.get("PATH", os.defpath), str(ours)) if part)
    return {**kept, "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1", "NO_COLOR": "1"}
