"""`[release.STAGE]` and `[release.STAGE."ARTIFACT"]`: the outputs that a stage's machines need."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lastgood.core import tags
from lastgood.core.config.setting import as_table, read, setting
from lastgood.errors import UsageError


@dataclass(frozen=True, slots=True)
class ReleaseConfig:
    """What a release holds."""

    outputs: tuple[str, ...] = setting(
        (),
        "Files or directories, as paths from the git root; without any, all that the artifact's own `dvc.yaml` needs.",
        example='outputs = ["models/"]',
    )


def read_releases(document: object, source: str) -> Mapping[tuple[str, str], ReleaseConfig]:
    """The sections by stage and artifact; a stage's own is that of artifact `""`. Raises `UsageError`."""
    found: dict[tuple[str, str], ReleaseConfig] = {}
    for stage, table in as_table(document, f"{source}: [release]").items():
        found |= _of_stage(stage, table, source)
    return found


def _of_stage(stage: str, table: object, source: str) -> Mapping[tuple[str, str], ReleaseConfig]:
    """A table inside the stage's table is an artifact's."""
    where = f"{source}: [{release_key(stage)}]"
    given = as_table(table, where)
    inner = {name: value for name, value in given.items() if isinstance(value, dict)}
    own = {name: value for name, value in given.items() if name not in inner}
    found = {(stage, ""): read(ReleaseConfig, own, where)} if own or not inner else {}
    for name, value in inner.items():
        there = f"{source}: [{release_key(stage, name)}]"
        if not tags.is_artifact(name):
            raise UsageError(f"{there}: {name!r} cannot be an artifact")
        found[stage, name] = read(ReleaseConfig, value, there)
    return found


def release_key(stage: str, artifact: str = "") -> str:
    """The key of a section, quoted as TOML needs it."""
    parts = [one if re.fullmatch(r"[A-Za-z0-9_-]+", one) else f'"{one}"' for one in (stage, artifact) if one]
    return ".".join(("release", *parts))
