"""What a version pins, as values and as JSON; it knows no file and no hash function."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Literal, Self, TypeAlias, cast

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

SCHEMA = 1
SHORT_LIMIT = 16 * 1024
"""Bytes that a manifest may take inside a tag's message (DESIGN §3)."""

Storage = Literal["dvc", "git", "url"]


@dataclass(frozen=True, slots=True)
class Output:
    """One output of the artifact's DVC project.

    `path` is relative to the git root. `md5` is DVC's: of the file's bytes, or of the directory's listing and then
    ends in `.dir`; `legacy` is true for DVC 2's `md5-dos2unix`, which lives at another place in cache and remote.
    `sha256` is ours (see `hashing.tree_digest`), `None` for adopted versions. `size` is in bytes, `files` counts files.
    `storage` says where the content is: in DVC's cache and remote, in git itself (`cache: false`), or at a URL that
    nothing pins. `remote` is the output's own `remote:`, by name. `executable` is DVC's `isexec`.
    """

    path: PurePosixPath
    md5: str
    size: int | None = None
    files: int | None = None
    sha256: str | None = None
    storage: Storage = "dvc"
    legacy: bool = False
    executable: bool = False
    remote: str | None = None

    @property
    def is_directory(self) -> bool:
        """Whether the output is a directory, which DVC stores as a listing and its members."""
        return self.md5.endswith(".dir")

    def to_json(self) -> dict[str, Json]:
        """All that differs from the defaults, path and md5 always."""
        document: dict[str, Json] = {"path": str(self.path), "md5": self.md5}
        for key in ("sha256", "size", "files", "remote"):
            if (value := getattr(self, key)) is not None:
                document[key] = value
        if self.storage != "dvc":
            document["storage"] = self.storage
        document.update({key: True for key in ("legacy", "executable") if getattr(self, key)})
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Json]) -> Self:
        """The inverse of `to_json`; unknown keys are ignored, so that a later lastgood may add some."""
        known = {key: value for key, value in document.items() if key in cls.__slots__ and key != "path"}
        return cls(path=PurePosixPath(str(document["path"])), **cast("dict[str, str]", known))  # type: ignore[arg-type]  # JSON's own types are checked by the caller


@dataclass(frozen=True, slots=True)
class Environment:
    """The environment a version pins: Python's version, the lock file's path and its `sha256:` digest."""

    python: str | None = None
    lock: str | None = None
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class PackageChange:
    """A package of the environment locks; `None` where a version does not lock it."""

    name: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class EnvironmentChange:
    """What differs between the environments of two versions, old to new; `unknown` says what could not be compared."""

    python: tuple[str | None, str | None]
    packages: tuple[PackageChange, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one version pins.

    `project` is the DVC project's directory relative to the git root (`.` for the root itself), `path` the artifact's
    path relative to the git root or its URL. `data` names the outputs and sources the model was trained on. `metrics`
    and `parameters` map `file:key` to a value.
    """

    artifact: str
    version: str
    commit: str
    tree: str
    project: str
    path: str
    outputs: tuple[Output, ...] = ()
    data: tuple[str, ...] = ()
    metrics: Mapping[str, Json] = field(default_factory=dict)
    parameters: Mapping[str, Json] = field(default_factory=dict)
    environment: Environment = field(default_factory=Environment)

    @property
    def stored(self) -> tuple[Output, ...]:
        """The outputs whose content DVC's cache and remote must hold."""
        return tuple(output for output in self.outputs if output.storage == "dvc")

    def to_json(self) -> dict[str, Json]:
        """The whole manifest as a JSON document."""
        return {
            "schema": SCHEMA,
            "artifact": self.artifact,
            "version": self.version,
            "commit": self.commit,
            "tree": self.tree,
            "project": self.project,
            "path": self.path,
            "outputs": [output.to_json() for output in self.outputs],
            "data": list(self.data),
            "metrics": dict(self.metrics),
            "parameters": dict(self.parameters),
            "environment": cast("Json", asdict(self.environment)),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Json]) -> Self:
        """The inverse of `to_json`. Raises `ValueError` for what is no manifest."""
        try:
            outputs = cast("list[dict[str, Json]]", document.get("outputs", []))
            environment = cast("dict[str, str | None]", document.get("environment", {}))
            return cls(
                artifact=str(document["artifact"]),
                version=str(document["version"]),
                commit=str(document["commit"]),
                tree=str(document["tree"]),
                project=str(document["project"]),
                path=str(document["path"]),
                outputs=tuple(Output.from_json(output) for output in outputs),
                data=tuple(str(path) for path in cast("list[Json]", document.get("data", []))),
                metrics=cast("dict[str, Json]", document.get("metrics", {})),
                parameters=cast("dict[str, Json]", document.get("parameters", {})),
                environment=Environment(*(environment.get(key) for key in Environment.__slots__)),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a manifest: {error}") from error

    def __str__(self) -> str:
        return encode(self.to_json())

    @property
    def digest(self) -> str:
        """`sha256:` of the canonical encoding: what a tag's `Manifest` trailer binds it to."""
        return "sha256:" + sha256(str(self).encode()).hexdigest()

    def short(self) -> str:
        """One line of at most 16 KiB for the tag's message: parameters, then outputs, then metrics give way."""
        for cut in (self, replace(self, parameters={}), replace(self, parameters={}, outputs=(), data=())):
            document = cut.to_json()
            if cut is not self:
                document["cut"] = True
            if len(line := encode(document)) <= SHORT_LIMIT:
                return line
        return encode({**replace(self, parameters={}, outputs=(), data=(), metrics={}).to_json(), "cut": True})


def encode(document: Json) -> str:
    """The canonical encoding: one line, sorted keys, no spaces, ASCII only."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
