"""What a commit says about its outputs, artifacts, metrics and parameters, read from git objects alone.

Nothing of the version runs, its remotes are not asked and its `.dvc/config` is not read: a version is data.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from lastgood.adapters.dvc import values
from lastgood.adapters.dvc.cache import Cache
from lastgood.adapters.dvc.outputs import check_outputs
from lastgood.adapters.dvc.repository import opened
from lastgood.core.manifest import Json, Output
from lastgood.core.secrets import mask
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
    """What one commit pins; all paths are relative to the git root.

    `problems` say what would make it unrestorable elsewhere; an output whose path or hash is refused is not among
    `outputs`. `imports` are outputs that `dvc import` made. `lineage` maps each output to the data it was made from.
    """

    outputs: tuple[Output, ...]
    artifacts: tuple[Declared, ...]
    metrics: Mapping[str, Json]
    parameters: Mapping[str, Json]
    imports: frozenset[PurePosixPath]
    problems: tuple[Finding, ...]
    lineage: Mapping[PurePosixPath, tuple[str, ...]] = field(default_factory=dict)

    def training_data(self, path: str) -> tuple[str, ...]:
        """The data that the output holding `path` was made from, all the way up. Raises `UnknownError`."""
        wanted = PurePosixPath(path)
        for output in (wanted, *wanted.parents):
            if output in self.lineage:
                return self.lineage[output]
        raise UnknownError(f"{path} is no output of the pipeline")


def read_version(
    git_dir: Path,
    commit: str,
    project: PurePosixPath,
    *,
    trusted_remotes: frozenset[str] | None = None,
    cache: Cache | None = None,
) -> Pinned:
    """Everything `commit` says. `trusted_remotes` are the names that the trusted configuration has; `None`: unchecked.

    Metrics and parameters that are themselves DVC outputs are read from `cache` where given, else left out.
    """
    with opened(git_dir, commit, project) as repo:
        outputs, problems = check_outputs(repo, trusted_remotes)
        return Pinned(
            outputs=outputs,
            artifacts=_artifacts(repo, project),
            metrics=values.metrics(repo, cache),
            parameters=values.parameters(repo, cache),
            imports=frozenset(_relative(out.fs_path) for out in repo.index.outs if out.stage.is_import),
            problems=problems,
            lineage=_lineage(repo),
        )


def _artifacts(repo: Any, project: PurePosixPath) -> tuple[Declared, ...]:
    found = []
    for dvcfile, section in repo.index._artifacts.items():  # noqa: SLF001  # `artifacts.read` gives paths relative to the project
        directory = _relative(dvcfile).parent
        for name, entry in section.items():
            address = str(entry["path"])
            declared = Declared(
                name=name if directory == PurePosixPath() else f"{directory}:{name}",
                path=mask(address)
                if "://" in address
                else _relative(repo.fs.normpath(f"/{directory}/{address}")).as_posix(),
                type=entry.get("type"),
                description=entry.get("desc"),
                labels=tuple(entry.get("labels") or ()),
                project=str(project),
            )
            found.append(declared)
    return tuple(sorted(found, key=lambda declared: declared.name))


def _relative(path: str) -> PurePosixPath:
    return PurePosixPath(path.lstrip("/"))


def _lineage(repo: Any) -> dict[PurePosixPath, tuple[str, ...]]:
    """For each output the DVC-stored outputs above it; DVC's own graph raises on a cycle, this one ends."""
    inside = [out for out in repo.index.outs if out.is_in_repo]
    stored = {_relative(out.fs_path) for out in inside if out.use_cache}
    outputs = {_relative(out.fs_path) for out in inside}
    below: dict[PurePosixPath, set[PurePosixPath]] = {}
    for output in outputs:
        for holder in (output, *output.parents):
            below.setdefault(holder, set()).add(output)
    direct: dict[PurePosixPath, set[PurePosixPath]] = {}
    for out in inside:
        needed = direct.setdefault(_relative(out.fs_path), set())
        for dependency in out.stage.deps:
            path = _relative(dependency.fs_path)
            # An output that a dependency names, holds, or lies in.
            needed |= below.get(path, set()) | outputs.intersection(path.parents)
    return {path: tuple(sorted(str(one) for one in _above(path, direct) & stored if one != path)) for path in direct}


def _above(path: PurePosixPath, direct: Mapping[PurePosixPath, set[PurePosixPath]]) -> set[PurePosixPath]:
    found: set[PurePosixPath] = set()
    queue = deque([path])
    while queue:
        needed = direct[queue.popleft()] - found
        found |= needed
        queue.extend(needed)
    return found
