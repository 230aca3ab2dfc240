"""`[prune]`: which releases stay on this machine."""

from dataclasses import dataclass

from lastgood.core.config.setting import setting


@dataclass(frozen=True, slots=True)
class PruneConfig:
    """What `prune` keeps, beside what is live, was live in the last day or is in use."""

    keep: int = setting(3, "How many of an artifact's newest versions keep their release here.", least=0)
    stable: bool = setting(True, "Whether every stable version keeps its release here.")
