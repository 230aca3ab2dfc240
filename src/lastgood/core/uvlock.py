"""`uv.lock`: the packages that `uv sync` would install, found by walking its graph. None of its text is passed to
uv."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lastgood.core.pins import Target, UnusableLockError, check_name, format_pin, format_wheel

_Table = Mapping[str, Any]
_ROUNDS = 20
"""The most walks until no new extras are needed: markers of conflicting extras depend on which others are chosen."""
_SELF = ("virtual", "editable", "directory")


def parse_uv_lock(lock: _Table, project: _Table, target: Target) -> tuple[str, ...]:
    """The lines of `core.pins` for an interpreter: the project's dependencies and default groups, without itself.

    `project` is the `pyproject.toml` beside the lock; its name and default groups are used. Raises `UnusableLockError`;
    other errors for an invalid uv lock.
    """
    if lock.get("version") != 1:
        raise UnusableLockError(f"version {lock.get('version')!r} of the format is not known, only 1")
    chosen: frozenset[str] = frozenset()
    for _ in range(_ROUNDS):
        graph = _Graph(lock, target.choose(chosen))
        graph.walk(project)
        if graph.chosen <= chosen:
            return graph.lines()
        chosen |= graph.chosen
    raise UnusableLockError("its extras require each other in a circle")


def _default_groups(project: _Table) -> frozenset[str] | None:
    """The default groups; `None` for all of them."""
    given = project.get("tool", {}).get("uv", {}).get("default-groups", ["dev"])
    return None if given == "all" else frozenset(check_name(group) for group in given)


def _groups(table: _Table, names: frozenset[str] | None) -> Iterator[tuple[str, Iterable[_Table]]]:
    return ((name, edges) for name, edges in table.items() if names is None or check_name(name) in names)


class _Graph:
    """The packages of a lock, and which of them are reachable."""

    def __init__(self, lock: _Table, target: Target) -> None:
        self._target = target
        self._packages: dict[str, list[_Table]] = {}
        for package in lock.get("package", []):
            self._packages.setdefault(check_name(package["name"]), []).append(package)
        self._manifest = lock.get("manifest", {})
        self._members = {check_name(name) for name in self._manifest.get("members", [])}
        self.chosen: set[str] = set()
        self._reached: dict[int, _Table] = {}
        self._done: set[tuple[int, str]] = set()

    def _roots(self, project: _Table) -> list[_Table]:
        """The project itself; for a workspace without one, its members."""
        if "project" not in project:
            return [self._find({"name": name}) for name in sorted(self._members)]
        name = check_name(project["project"]["name"])
        found = [one for one in self._packages.get(name, []) if _directory(one) is not None]
        if len(found) != 1:
            raise UnusableLockError(f"the project {name} is not in it")
        self._members.add(name)
        return found

    def walk(self, project: _Table) -> None:
        """Reach everything from the projects' dependencies and default groups."""
        groups = _default_groups(project)
        for root in self._roots(project):
            name = check_name(root["name"])
            self.chosen.add(f"project-{len(name)}-{name}")
            self._follow(root.get("dependencies", []))
            for group, edges in _groups(root.get("dev-dependencies", {}), groups):
                self.chosen.add(f"group-{len(name)}-{name}-{group}")
                self._follow(edges)
        if "project" not in project:
            self._follow(self._manifest.get("requirements", []))
            for _, edges in _groups(self._manifest.get("dependency-groups", {}), groups):
                self._follow(edges)

    def _follow(self, edges: Iterable[_Table]) -> None:
        """Reach everything along edges; without recursion, because a graph may be one long chain."""
        waiting = [*edges]
        while waiting:
            edge = waiting.pop()
            extras = edge.get("extra", edge.get("extras", []))
            asked = {f"extra-{len(edge['name'])}-{edge['name']}-{extra}" for extra in extras}
            if not self._target.choose(self._target.chosen | asked).accepts(edge.get("marker")):
                continue  # an edge's own extras count for its marker, as with uv
            self.chosen |= asked
            package = self._find(edge)
            self._reached[id(package)] = package
            for extra in ("", *extras):
                if (id(package), extra) not in self._done:
                    self._done.add((id(package), extra))
                    more = package.get("optional-dependencies", {})
                    waiting += more.get(extra, []) if extra else package.get("dependencies", [])

    def _find(self, edge: _Table) -> _Table:
        """The one package that an edge refers to: it has version and source if several have its name."""
        name = check_name(edge["name"])
        found = [
            package
            for package in self._packages.get(name, [])
            if all(edge[key] == package.get(key) for key in ("version", "source") if key in edge)
        ]
        if len(found) != 1:
            raise UnusableLockError(f"{len(found)} packages are meant by {name}, not one")
        return found[0]

    def lines(self) -> tuple[str, ...]:
        """One line for each package that was reached, except the projects of the workspace."""
        found = (self._line(package) for package in self._reached.values())
        return tuple(sorted(line for line in found if line))

    def _line(self, package: _Table) -> str | None:
        name, source = check_name(package["name"]), package["source"]
        if "virtual" in source or (name in self._members and _directory(package) is not None):
            return None
        if not source.keys() & {"registry", "url"}:
            kind = "a repository" if "git" in source else "a directory"
            raise UnusableLockError(f"requires {kind}, not a package: {name}")
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        hashes = sorted({file["hash"] for file in files if "hash" in file})
        if "url" in source:
            return format_wheel(name, source["url"], hashes)
        return format_pin(name, package["version"], hashes)


def _directory(package: _Table) -> str | None:
    """The directory of a package that is a project."""
    return next((str(package["source"][key]) for key in _SELF if key in package["source"]), None)
