"""`[guard.STAGE]` of `lastgood.toml` as a value: how a stage is watched, and when its guard acts."""

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Self

from lastgood.core.breaker import Rule
from lastgood.core.guarding.check import Check
from lastgood.core.guarding.keys import Keys
from lastgood.errors import UsageError

DAY = 86_400


class OnFail(StrEnum):
    """What the guard does about an unhealthy version: go back, or tell a person and change nothing."""

    ROLLBACK = "rollback"
    FREEZE = "freeze"


@dataclass(frozen=True, slots=True)
class Guard:
    """How one stage is watched; lengths of time are in seconds.

    `rollbacks` within `window` open the breaker. A check without evidence for longer than `patience` is told to a
    person. Data older than `stale_after` is stale. `prometheus` is asked with the token in the environment variable
    `token_from`; its series carry the version in the label `version_label`. Transitions go to the addresses of
    `notify`, and to the command `notify_command`.
    """

    interval: int = 30
    on_fail: OnFail = OnFail.ROLLBACK
    rollbacks: int = 2
    window: int = DAY
    patience: int = 600
    stale_after: int = 120
    prometheus: str = ""
    token_from: str = ""
    version_label: str = "version"
    notify: tuple[str, ...] = ()
    notify_command: str = ""
    checks: tuple[Check, ...] = ()

    @property
    def breaker(self) -> Rule:
        """When the breaker opens."""
        return Rule(self.rollbacks, self.window)

    @classmethod
    def parse(cls, table: object, where: str) -> Self:
        """The section that a TOML table holds; `where` names it in messages. Raises `UsageError` naming the key."""
        keys = Keys.of(table, where, (*(one.name for one in fields(cls) if one.name != "checks"), "check"))
        interval = keys.seconds("interval", 30, 1, DAY)
        guard = cls(
            interval=interval,
            on_fail=OnFail(keys.choice("on_fail", tuple(OnFail), OnFail.ROLLBACK)),
            rollbacks=keys.whole("rollbacks", 2, 1, 100),
            window=keys.seconds("window", DAY, 60, 365 * DAY),
            patience=keys.seconds("patience", max(600, 2 * interval), interval, 30 * DAY),
            stale_after=keys.seconds("stale_after", max(120, 2 * interval), 1, 30 * DAY),
            prometheus=keys.address("prometheus").rstrip("/"),
            token_from=keys.variable("token_from"),
            version_label=keys.label("version_label", "version"),
            notify=keys.addresses("notify"),
            notify_command=keys.text("notify_command"),
            checks=tuple(
                Check.parse(one, f"{where} check {place}") for place, one in enumerate(keys.tables("check"), 1)
            ),
        )
        guard._require_sense(where)
        return guard

    def _require_sense(self, where: str) -> None:
        """What no single key shows."""
        names = [check.name for check in self.checks]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise UsageError(f"{where}: two checks are called {doubled[0]!r}")
        if not self.checks:
            raise UsageError(
                f"{where} has no check", hint=f"add a section [[{where.partition('[')[2].rstrip(']')}.check]]"
            )
        for check in self.checks:
            if check.asks_prometheus and not self.prometheus:
                raise UsageError(f"{where} prometheus is missing: check {check.name!r} asks it")
            if check.every is not None and check.every <= self.interval:
                raise UsageError(
                    f"{where}: false_alarm_every of check {check.name!r} must be longer than interval: "
                    "it would alarm at every look"
                )
