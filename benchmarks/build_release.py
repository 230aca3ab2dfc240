"""Builds the release of a version of the project in the current directory, and prints the seconds it took inside.

No command of lastgood does only this: `sync` and `rollback` ask origin and switch, too.
"""

import json
import sys
from pathlib import Path
from time import perf_counter


def main() -> None:
    """`build_release.py ARTIFACT VERSION`."""
    from lastgood.core.references import find_history
    from lastgood.machine.delivery import ensure_release
    from lastgood.project import Project
    from lastgood.registry.view import read
    from lastgood.versions.manifests import read_manifest

    artifact, version = sys.argv[1:]
    project = Project.open(Path.cwd())
    history = find_history(read(project, fetch=False).registry, artifact)
    manifest = read_manifest(project, history, history.version(version))
    reached: dict[str, float] = {}

    def note(step: str) -> None:
        reached[step] = perf_counter()

    project.on_step = note
    with project.locked("benchmark"):
        began = perf_counter()
        release = ensure_release(project, manifest, None)
    ended = perf_counter()
    print(json.dumps({"build": ended - reached["build"], "in all": ended - began, "path": str(release.path)}))


if __name__ == "__main__":
    main()
