"""`[rollback]`: which stage and versions, how long a stage must settle, the health command."""

from dataclasses import dataclass

from lastgood.core.config.setting import LONGEST, setting
from lastgood.core.rollback import Accept


@dataclass(frozen=True, slots=True)
class RollbackConfig:
    """How rollbacks choose and judge."""

    stage: str = setting("prod", "The stage that a rollback without `--stage` is about.")
    accept: Accept = setting(
        Accept.STABLE,
        "Which versions a rollback may choose by itself: `stable` (last marked stable), `served` (was assigned to the "
        "stage and is not marked failed) or `unmarked` (not marked failed).",
    )
    settle: int = setting(
        600, "Time after a rollback in which another one of the stage needs `--from` or `--again`.", unit="seconds"
    )
    health: str = setting(
        "",
        "A shell command that is run in the release, before and after the switch. It passes with exit code 0.",
        example='health = "python scripts/check.py"',
    )
    timeout: int = setting(60, "Time that the health command may take.", unit="seconds", least=1, most=LONGEST)
