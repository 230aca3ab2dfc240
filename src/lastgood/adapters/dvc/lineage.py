"""The outputs that each output of a commit was made from. DVC's own graph raises on a cycle, this one ends."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

Paths = frozenset[PurePosixPath]
NONE: Paths = frozenset()


@dataclass(frozen=True, slots=True)
class Step:
    """One pipeline stage or `.dvc` file: the directory of its file, the outputs that it makes and those it needs."""

    directory: PurePosixPath
    makes: Paths
    needs: Paths


@dataclass(frozen=True, slots=True)
class Graph:
    """The outputs of a DVC project: `below` by every path that contains them or is inside them, `direct` what each was
    made from. `stored` are those that DVC stores. All paths are from the git root."""

    below: Mapping[PurePosixPath, Paths]
    direct: Mapping[PurePosixPath, Paths]
    stored: Paths
    steps: tuple[Step, ...]

    def lineage(self) -> dict[PurePosixPath, tuple[str, ...]]:
        """For each output the outputs that DVC stores above it."""
        return {
            path: tuple(sorted(str(one) for one in self._above([path]) & self.stored if one != path))
            for path in self.direct
        }

    def needed(self, directory: PurePosixPath, artifact: str) -> Paths:
        """The outputs needed by the DVC files at or below a directory: their outputs, those inside the directory, the
        artifact's own, the dependencies of their pipeline stages, and whatever all these were made from."""
        own = self.below.get(directory, NONE)
        if "://" not in artifact:
            own |= _at(self.below, PurePosixPath(artifact))
        for step in self.steps:
            if step.directory.is_relative_to(directory):
                own |= step.makes | step.needs
        return own | self._above(own)

    def _above(self, start: Iterable[PurePosixPath]) -> Paths:
        found: set[PurePosixPath] = set()
        queue = deque(start)
        while queue:
            needed = self.direct[queue.popleft()] - found
            found |= needed
            queue.extend(needed)
        return frozenset(found)


def read_graph(repo: Any) -> Graph:
    """The graph of an open project."""
    inside = [out for out in repo.index.outs if out.is_in_repo]
    outputs = {relative(out.fs_path) for out in inside}
    below: dict[PurePosixPath, set[PurePosixPath]] = {}
    for output in outputs:
        for holder in (output, *output.parents):
            below.setdefault(holder, set()).add(output)
    held = {path: frozenset(found) for path, found in below.items()}
    steps = tuple(_step(stage, held) for stage in repo.index.stages)
    direct = dict.fromkeys(outputs, NONE)
    for step in steps:
        for path in step.makes:
            direct[path] |= step.needs
    return Graph(held, direct, frozenset(relative(out.fs_path) for out in inside if out.use_cache), steps)


def _step(stage: Any, below: Mapping[PurePosixPath, Paths]) -> Step:
    needs = [_at(below, relative(dependency.fs_path)) for dependency in stage.deps]
    makes = frozenset(relative(out.fs_path) for out in stage.outs if out.is_in_repo)
    return Step(relative(stage.path).parent, makes, NONE.union(*needs))


def _at(below: Mapping[PurePosixPath, Paths], path: PurePosixPath) -> Paths:
    """The outputs that a path names, contains, or is inside of."""
    return below.get(path, NONE).union(one for one in path.parents if one in below.get(one, NONE))


def relative(path: str) -> PurePosixPath:
    """A path of DVC's git file system, from the git root."""
    return PurePosixPath(path.lstrip("/"))
