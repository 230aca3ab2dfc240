"""The outputs, artifacts, metrics and parameters of a commit, read from git objects alone.

Nothing of the version runs, its remotes are not contacted and its `.dvc/config` is not read: a version is data.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Self

from lastgood.adapters.dvc import values
from lastgood.adapters.dvc.cache import Cache
from lastgood.adapters.dvc.lineage import read_graph, relative
from lastgood.adapters.dvc.outputs import check_outputs
from lastgood.adapters.dvc.repository import opened
from lastgood.adapters.dvc.stored import Texts
from lastgood.core.manifest import Json, Output
from lastgood.core.secrets import mask
from lastgood.core.tags import split_artifact
from lastgood.errors import Finding, UnknownError


@dataclass(frozen=True, slots=True)
class Declared:
    """An entry of an `artifacts:` section; `name` as GTO has it, `path` relative to the git root or a URL.

    `project` is the DVC project's directory relative to the git root.
    """

    name: str
    path: str
    type: str | None
    description: str | None
    labels: tuple[str, ...]
    project: str


@dataclass(frozen=True, slots=True)
class Pinned:
    """Everything that one commit pins; all paths are relative to the git root.

    `problems` name what would make it unrestorable elsewhere; an output whose path or hash is refused is not among
    `outputs`. `imports` are outputs that `dvc import` made. `lineage` maps each output to the data it was made from,
    `needed` each artifact to the outputs that its own `dvc.yaml` needs: its own ones, and what they were made from.
    `unread` names the metrics and parameters files that could not be read here.
    """

    outputs: tuple[Output, ...]
    artifacts: tuple[Declared, ...]
    metrics: Mapping[str, Json]
    parameters: Mapping[str, Json]
    imports: frozenset[PurePosixPath]
    problems: tuple[Finding, ...]
    lineage: Mapping[PurePosixPath, tuple[str, ...]] = field(default_factory=dict)
    needed: Mapping[str, frozenset[PurePosixPath]] = field(default_factory=dict)
    unread: tuple[Finding, ...] = ()

    def training_data(self, path: str) -> tuple[str, ...]:
        """The data that the output at `path` was made from, all the way up. Raises `UnknownError`."""
        wanted = PurePosixPath(path)
        for output in (wanted, *wanted.parents):
            if output in self.lineage:
                return self.lineage[output]
        raise UnknownError(f"{path} is not an output of the pipeline")

    def to_json(self) -> dict[str, Any]:
        """Everything, for another process of lastgood."""
        return {
            "outputs": [one.to_json() for one in self.outputs],
            "artifacts": [asdict(one) for one in self.artifacts],
            "metrics": dict(self.metrics),
            "parameters": dict(self.parameters),
            "imports": sorted(map(str, self.imports)),
            "problems": [asdict(one) for one in self.problems],
            "lineage": {str(path): list(above) for path, above in self.lineage.items()},
            "needed": {name: sorted(map(str, paths)) for name, paths in self.needed.items()},
            "unread": [asdict(one) for one in self.unread],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`. Raises `ValueError` for an output that no manifest may have."""
        return cls(
            outputs=tuple(map(Output.from_json, document["outputs"])),
            artifacts=tuple(Declared(**{**one, "labels": tuple(one["labels"])}) for one in document["artifacts"]),
            metrics=document["metrics"],
            parameters=document["parameters"],
            imports=frozenset(map(PurePosixPath, document["imports"])),
            problems=tuple(Finding.from_json(one) for one in document["problems"]),
            lineage={PurePosixPath(path): tuple(above) for path, above in document["lineage"].items()},
            needed={name: frozenset(map(PurePosixPath, paths)) for name, paths in document["needed"].items()},
            unread=tuple(Finding.from_json(one) for one in document["unread"]),
        )


def read_version(
    git_dir: Path,
    commit: str,
    project: PurePosixPath,
    *,
    trusted_remotes: frozenset[str] | None = None,
    cache: Cache | None = None,
) -> Pinned:
    """Everything that `commit` pins. `trusted_remotes` are the names in the trusted configuration; `None`: unchecked.

    Metrics and parameters that DVC stores are read from `cache` if given, else left out.
    """
    with opened(git_dir, commit, project) as repo:
        texts = Texts(repo, cache)
        outputs, problems = check_outputs(repo, trusted_remotes)
        graph = read_graph(repo)
        declared = _artifacts(repo, project)
        return Pinned(
            outputs=outputs,
            artifacts=declared,
            metrics=values.metrics(repo, texts),
            parameters=values.parameters(repo, texts),
            imports=frozenset(relative(out.fs_path) for out in repo.index.outs if out.stage.is_import),
            problems=problems,
            lineage=graph.lineage(),
            needed={one.name: graph.needed(_directory(one.name), one.path) for one in declared},
            unread=tuple(texts.unread.values()),
        )


def _artifacts(repo: Any, project: PurePosixPath) -> tuple[Declared, ...]:
    found = []
    for dvcfile, section in repo.index._artifacts.items():  # noqa: SLF001  # `artifacts.read` gives paths relative to the project
        directory = relative(dvcfile).parent
        for name, entry in section.items():
            address = str(entry["path"])
            path = mask(address) if "://" in address else str(relative(repo.fs.normpath(f"/{directory}/{address}")))
            declared = Declared(
                name=name if directory == PurePosixPath() else f"{directory}:{name}",
                path=path,
                type=entry.get("type"),
                description=entry.get("desc"),
                labels=tuple(entry.get("labels") or ()),
                project=str(project),
            )
            found.append(declared)
    return tuple(sorted(found, key=lambda declared: declared.name))


def _directory(artifact: str) -> PurePosixPath:
    """The directory of the `dvc.yaml` that declares an artifact."""
    return PurePosixPath(split_artifact(artifact)[0])
