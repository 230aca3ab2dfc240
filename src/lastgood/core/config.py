"""`lastgood.toml` as a value: defaults for everything, an unknown key or a wrong type is an error that names it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from types import UnionType
from typing import TYPE_CHECKING, Any, Self, cast, get_args, get_origin

from lastgood.core import tags
from lastgood.core.journal import DEFAULT_REF
from lastgood.core.rollback import Accept
from lastgood.core.selection import Wanted
from lastgood.core.signing import Rules
from lastgood.errors import UsageError

if TYPE_CHECKING:
    from lastgood.core.guarding.guard import Guard

FILE = "lastgood.toml"
LONGEST = 7 * 86400
"""Seconds that anything may be waited for: more would overflow the system's timers."""


@dataclass(frozen=True, slots=True)
class RollbackConfig:
    """`[rollback]`: default stage, which versions may be chosen, seconds before a second one, the health command."""

    stage: str = "prod"
    accept: Accept = Accept.STABLE
    settle: int = 600
    health: str = ""
    timeout: int = 60


@dataclass(frozen=True, slots=True)
class RegisterConfig:
    """`[register]`: the command that must pass before a version is registered, run at the DVC project's root.

    `refuse_code`: whether a model that runs code when it is loaded (a pickle) is refused; else it is a warning.
    """

    gate: str = ""
    refuse_code: bool = False


@dataclass(frozen=True, slots=True)
class RegistryConfig:
    """`[registry]`: the git remote, the journal's ref (`{artifact}` is replaced), seconds a silent remote is given,
    and seconds of processor time that DVC may take to read one version's files (`reading`).

    `require_signed`: whether events count only if they are signed, or the stages whose assignments do; `signers` by
    stage, `register` or `*`. `allowed_signers` is ssh's file, beside this one; git's own setting when empty. `gpg_home`
    holds the keyring; gpg's own when empty (docs/signing.md). `stages` are those that may be assigned; any when empty.
    """

    remote: str = "origin"
    journal: str = DEFAULT_REF
    deadline: int = 60
    reading: int = 60
    require_signed: bool | tuple[str, ...] = False
    allowed_signers: str = ""
    gpg_home: str = ""
    stages: tuple[str, ...] = ()
    signers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def rules(self) -> Rules:
        """What must be signed, by whom."""
        return Rules(self.require_signed, self.signers)


@dataclass(frozen=True, slots=True)
class ReleaseConfig:
    """`[release.STAGE]` or `[release.STAGE."ARTIFACT"]`: the outputs that the stage's machines need, as paths of files
    or directories from the git root; without any, all that the artifact's own `dvc.yaml` needs."""

    outputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EnvironmentConfig:
    """`[environment]`: the lock file, relative to the git root; found by its usual names when empty.

    `deliver` builds a version's environment before it is switched to, `build` allows packages without a wheel, whose
    own code then runs; `timeout` is in seconds, for each run of uv.
    """

    lock: str = ""
    deliver: bool = False
    build: bool = False
    timeout: int = 900


@dataclass(frozen=True, slots=True)
class PruneConfig:
    """`[prune]`: how many of an artifact's last versions keep their release here, and whether every stable one does."""

    keep: int = 3
    stable: bool = True


@dataclass(frozen=True, slots=True)
class GcConfig:
    """`[gc]`: hours that an object on the DVC remote stays though nothing names it, and the greatest percentage of all
    objects there that may go at once."""

    grace: int = 24
    share: int = 50


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
        import tomllib  # 4 ms, which a project without the file does not need

        try:
            document = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise UsageError(f"{source}: {error}") from error
        releases = _table(document.pop("release", {}), f"{source}: [release]")
        sections: dict[str, Any] = {"release": {}}
        for stage, table in releases.items():
            sections["release"] |= _releases(stage, table, source)
        sections["guard"] = _guards(document.pop("guard", {}), source)
        kinds = {one.name: cast("type", one.type) for one in fields(cls) if one.name not in {"release", "guard"}}
        for name, table in document.items():
            if name not in kinds:
                raise _unknown(f"{source}: section [{name}]", (*kinds, "release.STAGE", "guard.STAGE"))
            sections[name] = _section(kinds[name], table, f"{source}: [{name}]")
        config = cls(**sections)
        if not re.fullmatch(r"refs/.+/\{artifact\}", config.registry.journal):
            where = f"{source}: [registry] journal"
            raise UsageError(f"{where} must be a ref like {DEFAULT_REF}, one for each artifact")
        seconds = (
            config.rollback.timeout,
            config.registry.deadline,
            config.registry.reading,
            config.environment.timeout,
        )
        if not all(0 < one <= LONGEST for one in seconds):
            where = f"{source}: [registry] deadline and reading, [rollback] timeout and [environment] timeout"
            raise UsageError(f"{where} must be seconds, more than 0 and at most {LONGEST}")
        if config.prune.keep < 0:
            raise UsageError(f"{source}: [prune] keep must not be negative")
        if config.gc.grace < 0 or not 0 <= config.gc.share <= 100:
            text = "[gc] grace must not be negative, and share must be a percentage"
            raise UsageError(f"{source}: {text}")
        return config

    def wanted(self, stage: str | None, artifact: str) -> Wanted:
        """What a stage's machines need of an artifact: its own section comes before the stage's."""
        for name in (artifact, ""):
            if stage is not None and (found := self.release.get((stage, name))) is not None:
                return Wanted(found.outputs, f"[{_release_key(stage, name)}]", own=bool(name))
        return Wanted()

    def wanted_anywhere(self, artifact: str) -> tuple[Wanted, ...]:
        """What the machines of each stage need of an artifact, those first that follow no section."""
        stages = dict.fromkeys(stage for stage, _ in self.release)
        return (Wanted(), *(self.wanted(stage, artifact) for stage in stages))


def _guards(table: object, source: str) -> Mapping[str, "Guard"]:
    if not table:
        return {}
    from lastgood.core.guarding.guard import Guard  # not needed where nothing is guarded

    guards = _table(table, f"{source}: [guard]")
    return {stage: Guard.parse(one, f"{source}: [guard.{stage}]") for stage, one in guards.items()}


def _releases(stage: str, table: object, source: str) -> Mapping[tuple[str, str], ReleaseConfig]:
    """The section of a stage and those of its artifacts: a table inside the stage's table is an artifact's."""
    where = f"{source}: [{_release_key(stage)}]"
    given = _table(table, where)
    inner = {name: value for name, value in given.items() if isinstance(value, dict)}
    own = {name: value for name, value in given.items() if name not in inner}
    found = {(stage, ""): _section(ReleaseConfig, own, where)} if own or not inner else {}
    for name, value in inner.items():
        there = f"{source}: [{_release_key(stage, name)}]"
        if not tags.is_artifact(name):
            raise UsageError(f"{there}: {name!r} cannot be an artifact")
        found[stage, name] = _section(ReleaseConfig, value, there)
    return found


def _release_key(stage: str, artifact: str = "") -> str:
    """The key of a release section, quoted as TOML needs it."""
    parts = [one if re.fullmatch(r"[A-Za-z0-9_-]+", one) else f'"{one}"' for one in (stage, artifact) if one]
    return ".".join(("release", *parts))


def _section(kind: type, table: object, where: str) -> Any:
    expected = {one.name: one.type for one in fields(kind)}
    values = {}
    for key, value in _table(table, where).items():
        if key not in expected:
            raise _unknown(f"{where} {key}", tuple(expected))
        values[key] = _value(expected[key], value, f"{where} {key}")
    return kind(**values)


def _value(kind: Any, value: object, where: str) -> object:
    if get_origin(kind) is UnionType:
        return (
            value if isinstance(value, bool) else _value(get_args(kind)[1], value, f"{where} must be true, false, or")
        )
    if get_origin(kind) is Mapping:
        table = _table(value, where)
        return {key: _value(get_args(kind)[1], one, f"{where} {key}") for key, one in table.items()}
    if get_origin(kind) is tuple:
        if isinstance(value, list) and all(isinstance(one, get_args(kind)[0]) for one in value):
            return tuple(value)
        raise UsageError(f"{where} must be a list of strings")
    if kind is Accept:
        if value in list(Accept):
            return Accept(cast("str", value))
        raise UsageError(f"{where} must be one of {', '.join(Accept)}")
    if type(value) is not kind:
        raise UsageError(f"{where} must be of type {kind.__name__}, not {value!r}")
    return value


def _table(value: object, where: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise UsageError(f"{where} must be a table")
    return value


def _unknown(what: str, known: tuple[str, ...]) -> UsageError:
    return UsageError(f"{what} is unknown", hint=f"known are {', '.join(known)}")


def defaults() -> Iterator[tuple[str, str, object]]:
    """Every setting with its section and default, for `init` and the reference."""
    config = Config()
    for section in ("rollback", "register", "registry", "environment", "prune", "gc"):
        part = getattr(config, section)
        for one in fields(part):
            yield section, one.name, getattr(part, one.name)
