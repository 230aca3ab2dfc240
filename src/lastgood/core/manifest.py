"""The manifest: what a version pins, as values and as JSON. It knows no file and no hash function."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Literal, Self, TypeAlias, cast, get_args

from lastgood.core.listing import clashes, is_md5, why_unsafe

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

SCHEMA = 1
SHORT_LIMIT = 16 * 1024
"""Bytes that a manifest may take inside a tag's message (refs.md, "Messages")."""

Storage = Literal["dvc", "git", "url"]


def _is_text(value: Json) -> bool:
    return isinstance(value, str)


def _is_path(value: Json) -> bool:
    return isinstance(value, str) and not why_unsafe(value)


def _is_count(value: Json) -> bool:
    return value is None or (type(value) is int and value >= 0)


_SHA256 = re.compile(r"[0-9a-f]{64}")
_RIGHT: Mapping[str, Callable[[Json], bool]] = {
    "path": _is_path,
    "md5": _is_text,
    "sha256": lambda value: value is None or (isinstance(value, str) and bool(_SHA256.fullmatch(value))),
    "size": _is_count,
    "files": _is_count,
    "storage": lambda value: value in get_args(Storage),
    "legacy": lambda value: type(value) is bool,
    "executable": lambda value: type(value) is bool,
    "remote": lambda value: value is None or isinstance(value, str),
}


@dataclass(frozen=True, slots=True)
class Output:
    """One output of the artifact's DVC project.

    `path` is relative to the git root. `md5` is DVC's: of the file's bytes, or of the directory's listing and then ends
    in `.dir`; `legacy` is true for DVC 2's `md5-dos2unix`, which has another path in cache and remote. `sha256` is
    lastgood's (see `hashing.tree_digest`), `None` for adopted versions. `size` is in bytes, `files` counts files.
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
        """The values that differ from the defaults; path and md5 always."""
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
        """The inverse of `to_json`; unknown keys are ignored, so that a later lastgood may add some.

        Raises `ValueError` for a path outside of the version, or an invalid object name: this is input from others.
        """
        for key, is_right in _RIGHT.items():
            if key in document and not is_right(document[key]):
                raise ValueError(f"{key} of an output is {document[key]!r:.200}")
        if document.get("storage", "dvc") == "dvc" and not is_md5(document.get("md5")):
            raise ValueError(f"{document.get('md5')!r:.200} is not a DVC object")
        known = {key: value for key, value in document.items() if key in cls.__slots__ and key != "path"}
        return cls(path=PurePosixPath(str(document["path"])), **cast("dict[str, str]", known))  # type: ignore[arg-type]  # JSON's own types are checked above


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
    """The differences between the environments of two versions, old to new; `unknown` names what could not be
    compared."""

    python: tuple[str | None, str | None]
    packages: tuple[PackageChange, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one version pins.

    `project` is the DVC project's directory relative to the git root (`.` for the root itself), `path` the artifact's
    path relative to the git root or its URL. `data` names the outputs and sources the model was trained on. `metrics`
    and `parameters` map `file:key` to a value. `needed` are the paths of the outputs that the artifact's own `dvc.yaml`
    needs, where they are fewer than all: in a monorepo whose teams share a DVC project.
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
    needed: tuple[str, ...] = ()

    @property
    def stored(self) -> tuple[Output, ...]:
        """The outputs whose content DVC's cache and remote must hold."""
        return tuple(output for output in self.outputs if output.storage == "dvc")

    def to_json(self) -> dict[str, Json]:
        """The whole manifest as a JSON document; `needed` only where there is any, as older digests are without."""
        return {
            **({"needed": list(self.needed)} if self.needed else {}),
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
        """The inverse of `to_json`. Raises `ValueError` for an invalid manifest, or a path outside of its version."""
        try:
            outputs = cast("list[dict[str, Json]]", document.get("outputs", []))
            environment = cast("dict[str, str | None]", document.get("environment", {}))
            manifest = cls(
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
                needed=tuple(str(path) for path in cast("list[Json]", document.get("needed", []))),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a manifest: {error}") from error
        manifest._require_inside()
        return manifest

    @classmethod
    def parse(cls, text: str | bytes) -> Self:
        """The manifest in a text. Raises `ValueError` as `from_json` does."""
        try:
            return cls.from_json(cast("dict[str, Json]", json.loads(text)))
        except RecursionError as error:
            raise ValueError("not a manifest: nested too deep") from error

    def _require_inside(self) -> None:
        pins = self.environment
        texts = (pins.python, pins.lock, pins.digest)
        if not all(isinstance(one, dict) for one in (self.metrics, self.parameters)):
            raise ValueError("not a manifest: metrics or parameters are no table")  # as for the rest
        if not all(one is None or isinstance(one, str) for one in texts):
            raise ValueError("not a manifest: its environment is no text")
        for what in (*([] if self.project == "." else [self.project]), *([pins.lock] if pins.lock is not None else [])):
            if why := why_unsafe(what):
                raise ValueError(f"the path {what!r:.200} {why}")
        if pairs := clashes(str(output.path) for output in self.outputs):
            raise ValueError(f"its outputs {pairs[0][0]} and {pairs[0][1]} clash")
        if strange := sorted(set(self.needed) - {str(output.path) for output in self.outputs}):
            raise ValueError(f"it needs {strange[0]!r:.200}, which is no output of it")

    def __str__(self) -> str:
        return encode(self.to_json())

    @property
    def digest(self) -> str:
        """`sha256:` of the canonical encoding: a tag's `Manifest` trailer binds the tag to it."""
        return "sha256:" + sha256(str(self).encode()).hexdigest()

    def short(self) -> str:
        """One line of at most 16 KiB for the tag's message. If it is too long, parameters are dropped first, then
        outputs, then metrics."""
        for cut in (self, replace(self, parameters={}), replace(self, parameters={}, outputs=(), data=(), needed=())):
            document = cut.to_json()
            if cut is not self:
                document["cut"] = True
            if len(line := encode(document)) <= SHORT_LIMIT:
                return line
        rest = replace(self, parameters={}, outputs=(), data=(), needed=(), metrics={})
        return encode({**rest.to_json(), "cut": True})


def encode(document: Json) -> str:
    """The canonical encoding: one line, sorted keys, no spaces, ASCII only."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
