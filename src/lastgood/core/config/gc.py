"""`[gc]`: what may be removed from a DVC remote."""

from dataclasses import dataclass

from lastgood.core.config.setting import setting


@dataclass(frozen=True, slots=True)
class GcConfig:
    """Limits of `gc --remote`."""

    grace: int = setting(
        24, "Time that an object stays on the DVC remote though nothing refers to it.", unit="hours", least=0
    )
    share: int = setting(
        50,
        "The greatest share of all objects on the remote that one run may remove.",
        unit="percent",
        least=0,
        most=100,
    )
