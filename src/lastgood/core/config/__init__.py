"""`lastgood.toml` as a value: one module for each section, which checks itself. An unknown key or a wrong type is an
error that names it."""

from collections.abc import Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Self, cast

from lastgood.core.config.environment import EnvironmentConfig
from lastgood.core.config.gc import GcConfig
from lastgood.core.config.prune import PruneConfig
from lastgood.core.config.register import RegisterConfig
from lastgood.core.config.registry import RegistryConfig
from lastgood.core.config.release import ReleaseConfig, read_releases, release_key
from lastgood.core.config.rollback import RollbackConfig
from lastgood.core.config.setting import as_table, read, unknown
from lastgood.core.selection import Wanted
from lastgood.errors import UsageError

if TYPE_CHECKING:
    from lastgood.core.guarding.guard import Guard

FILE = "lastgood.toml"


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration. `release` is by stage and artifact; the stage's own section is that of artifact `""`."""

    rollback: RollbackConfig = field(default_factory=RollbackConfig)
    register: RegisterConfig = field(default_factory=RegisterConfig)
    registry: RegistryConfig = field(default_factory=RegistryConfig)
    environment: EnvironmentConfig = field(default_factory=EnvironmentConfig)
    prune: PruneConfig = field(default_factory=PruneConfig)
    gc: GcConfig = field(default_factory=GcConfig)
    release: Mapping[tuple[str, str], ReleaseConfig] = field(default_factory=dict)
    guard: Mapping[str, "Guard"] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str, source: str = FILE) -> Self:
        """The configuration that a file's text says. Raises `UsageError` naming `source` and the key."""
        import tomllib  # 8 ms, which a project without the file does not pay

        try:
            document = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise UsageError(f"{source}: {error}") from error
        values: dict[str, Any] = {"release": read_releases(document.pop("release", {}), source)}
        values["guard"] = _read_guards(document.pop("guard", {}), source)
        for name, table in document.items():
            if name not in _SECTIONS:
                raise unknown(f"{source}: section [{name}]", (*_SECTIONS, "release.STAGE", "guard.STAGE"))
            values[name] = read(_SECTIONS[name], table, f"{source}: [{name}]")
        return cls(**values)

    def wanted(self, stage: str | None, artifact: str) -> Wanted:
        """What a stage's machines need of an artifact: its own section comes before the stage's."""
        for name in (artifact, ""):
            if stage is not None and (found := self.release.get((stage, name))) is not None:
                return Wanted(found.outputs, f"[{release_key(stage, name)}]", own=bool(name))
        return Wanted()

    def wanted_anywhere(self, artifact: str) -> tuple[Wanted, ...]:
        """What the machines of each stage need of an artifact, those first that follow no section."""
        stages = dict.fromkeys(stage for stage, _ in self.release)
        return (Wanted(), *(self.wanted(stage, artifact) for stage in stages))


_SECTIONS = {one.name: cast("type", one.type) for one in fields(Config) if one.name not in {"release", "guard"}}


def _read_guards(document: object, source: str) -> Mapping[str, "Guard"]:
    if not document:
        return {}
    from lastgood.core.guarding.guard import Guard  # not needed where nothing is guarded

    guards = as_table(document, f"{source}: [guard]")
    return {stage: Guard.parse(one, f"{source}: [guard.{stage}]") for stage, one in guards.items()}


def settings() -> Iterator[tuple[str, "Field[Any]", object]]:
    """Every setting with its section and default, in the order of the file: for `init` and the reference."""
    for section, kind in (*_SECTIONS.items(), ("release.STAGE", ReleaseConfig)):
        defaults = kind()
        for one in fields(kind):
            yield section, one, getattr(defaults, one.name)
