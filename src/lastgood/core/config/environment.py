"""`[environment]`: the lock file, and whether environments are delivered and packages built."""

from dataclasses import dataclass

from lastgood.core.config.setting import LONGEST, setting


@dataclass(frozen=True, slots=True)
class EnvironmentConfig:
    """The environment that a version pins."""

    lock: str = setting(
        "", "The lock file, relative to the git root; found by its usual names when empty.", example='lock = "uv.lock"'
    )
    deliver: bool = setting(False, "Build a version's environment before this machine switches to the version.")
    build: bool = setting(False, "Allow packages without a wheel. Their own code then runs while they are built.")
    timeout: int = setting(900, "Time that each run of uv may take.", unit="seconds", least=1, most=LONGEST)
