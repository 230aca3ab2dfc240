"""Where the benchmarks run: a scratch directory, nothing of the user's configuration, and commands that are timed."""

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
_STEERING = ("GIT_", "DVC_", "XDG_", "GITHUB_", "GITLAB_", "CI_", "LASTGOOD_", "MLFLOW_", "GTO_")
_GITCONFIG = """\
[user]
    name = Ada
    email = ada@example.org
[init]
    defaultBranch = main
[advice]
    detachedHead = false
[gc]
    auto = 0
"""


class BenchmarkError(Exception):
    """A command of a benchmark failed, or two sides did not come to the same state: then there is no figure."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one run took: wall time, and the peak memory (RSS) of its largest process in KiB."""

    seconds: float
    peak: int


@dataclass(frozen=True)
class Machine:
    """The scratch directory and the environment in which every command runs."""

    scratch: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def prepare(cls, scratch: Path) -> "Machine":
        """Make a home in `scratch` that is all git, DVC, MLflow and lastgood know of the user."""
        home = scratch / "home"
        home.mkdir(parents=True)
        (home / ".gitconfig").write_text(_GITCONFIG)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_STEERING) and name != "CI"}
        kept.pop("PYTHONDONTWRITEBYTECODE", None)  # nobody compiles a program at every start
        ours = {
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "HOME": home,
            "GIT_CONFIG_GLOBAL": home / ".gitconfig",
            "GIT_CONFIG_SYSTEM": os.devnull,
            "GIT_CEILING_DIRECTORIES": scratch,
            "XDG_CONFIG_HOME": home / "config",
            "XDG_CACHE_HOME": home / "cache",
            "XDG_DATA_HOME": home / "data",
            "XDG_STATE_HOME": home / "state",
            "DVC_GLOBAL_CONFIG_DIR": home / "dvc",
            "DVC_SYSTEM_CONFIG_DIR": home / "dvc-system",
            "DVC_SITE_CACHE_DIR": home / "site",
            "DVC_NO_ANALYTICS": "1",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DO_NOT_TRACK": "true",
            "NO_COLOR": "1",
            "COLUMNS": "80",
            "TERM": "dumb",
            "TZ": "UTC",
            "LC_ALL": "C.UTF-8",
        }
        return cls(scratch, {**kept, **{name: str(value) for name, value in ours.items()}})

    def run(self, directory: Path, *command: str, more: Mapping[str, str] | None = None, stdin: str = "") -> str:
        """What a command prints, not timed. Raises `BenchmarkError`."""
        done = subprocess.run(
            command,
            cwd=directory,
            env={**self.environment, **(more or {})},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise BenchmarkError(f"{' '.join(command)} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def time(self, directory: Path, *command: str, more: Mapping[str, str] | None = None) -> tuple[Sample, str]:
        """One run of a command, timed by a small process around it, and what it printed. Raises `BenchmarkError`.

        What was written before is on disk first: no side pays for the other's pages.
        """
        report = self.scratch / "timed"
        report.unlink(missing_ok=True)
        os.sync()
        launcher = (sys.executable, "-I", "-S", str(Path(__file__).with_name("timed.py")), str(report))
        done = subprocess.run(
            (*launcher, *command),
            cwd=directory,
            env={**self.environment, **(more or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds, peak, code = report.read_text().split() if report.exists() else ("0", "0", str(done.returncode))
        if int(code) != 0 or done.returncode != 0:
            raise BenchmarkError(f"{' '.join(command)} ended with {code}: {done.stdout}{done.stderr}")
        return Sample(float(seconds), int(peak)), done.stdout


def describe(scratch: Path, mlflow: Path | None) -> dict[str, object]:
    """The machine, the versions of what is compared, and when."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "processor": _processor(),
            "cores": len(os.sched_getaffinity(0)),
            "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
            "system": f"{platform.system()} {platform.release()}",
            "file system": _printed("df", "--output=fstype", str(scratch)).split()[-1],
        },
        "versions": {
            "lastgood": _commit(),
            "python": platform.python_version(),
            "git": _printed("git", "--version").removeprefix("git version "),
            "dvc": metadata.version("dvc"),
            "gto": _version("gto"),
            "mlflow": _mlflow_version(mlflow),
        },
    }


def _processor() -> str:
    with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _commit() -> str:
    changed = _printed("git", "-C", str(ROOT), "status", "--porcelain", "--untracked-files=no", "--", "src")
    return _printed("git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD") + (" and changes" if changed else "")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _mlflow_version(environment: Path | None) -> str | None:
    if environment is None:
        return None
    return _printed(
        str(environment / "bin/python"), "-c", "from importlib import metadata as m; print(m.version('mlflow'))"
    )


def _printed(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
