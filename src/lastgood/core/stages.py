"""Which stages may be assigned: those of a list, if there is one, and none that a typing error has made."""

from collections.abc import Collection, Mapping

from lastgood.core.events import RESERVED_STAGES
from lastgood.core.tags import is_stage
from lastgood.core.unknown import find_slip
from lastgood.errors import RefusedError, UsageError

COMMON = (
    "prod", "production", "live", "staging", "stage", "preprod", "canary", "shadow", "dev", "development", "test",
    "testing", "qa", "uat",
)  # fmt: skip
"""Common names of stages. A new stage that is one slip from one of them was probably meant to be it."""


def require_possible(stage: str, instead: str) -> None:
    """Raise `UsageError` for an invalid stage name. For a mark, the hint is the command `instead`."""
    if not is_stage(stage) or stage in RESERVED_STAGES:
        hint = instead if stage in RESERVED_STAGES else "letters, digits, -, _ and /"
        raise UsageError(f"{stage!r} cannot be a stage", hint=hint)


def require_meant(stage: str, known: Collection[str], lists: Mapping[str, Collection[str]], *, new: bool) -> None:
    """Raise `RefusedError` for a stage that is in none of the lists, or is new and resembles another one.

    `known` are the stages with an assignment, `lists` the stages that a file allows, by the file's name. `new` says
    that the stage is meant as written; it overrides no list.
    """
    for source, allowed in lists.items():
        if stage not in allowed:
            meant = find_slip(stage, allowed)
            raise RefusedError(
                f"{source} lists no stage {stage} (it lists {', '.join(allowed) or 'none'})",
                hint=f"did you mean {meant}?" if meant else f"add {stage} to {source}",
            )
    if new or lists or stage in known:
        return
    alike = find_slip(stage, known, case_only=stage in COMMON)
    meant = alike or (None if stage in COMMON else find_slip(stage, COMMON))
    if meant is not None:
        there = "is a stage already" if alike else "is what stages are called"
        raise RefusedError(
            f"nothing was ever assigned to stage {stage}, and {meant} {there}",
            hint=f"--stage {meant}, or --new-stage where {stage} is meant",
        )
