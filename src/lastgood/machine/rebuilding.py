"""Building a damaged release anew where it is live: built at another place, exchanged in one step."""

from dataclasses import replace
from pathlib import Path

from lastgood.core.manifest import Manifest, Output
from lastgood.machine.delivery import build_release
from lastgood.project import Project
from lastgood.releases import durable
from lastgood.releases.place import Place
from lastgood.releases.release import description_path
from lastgood.releases.staging import gate, stage
from lastgood.releases.use import unused


def rebuild(project: Project, path: Path, manifest: Manifest, outputs: tuple[Output, ...]) -> bool:
    """Build the release of these outputs anew and exchange it for the directory at `path`, unless somebody works in
    that; whether it was exchanged. The live link leads to one of the two at every instant (ordering.md, I1, O3).

    The caller holds the place's exclusive lock. Raises as `build_release`; then the directory is what it was.
    """
    with stage(project.place) as room:
        # A place of its own, without memory: nothing is taken from what is damaged, everything is hashed.
        inner = replace(project, place=Place(room / "new"))
        fresh = build_release(inner, manifest, outputs, project.store(manifest.project))
        with unused(project.place, path) as free:
            if not free:
                return False
            project.on_step("exchange")
            for directory in (path, fresh.path):
                directory.chmod(0o755)  # a read-only directory cannot be moved into another one
            with gate(project.place):
                # It tells of the same files as the one before, and is there before what it tells of.
                durable.write_atomic(description_path(path), description_path(fresh.path).read_bytes(), mode=0o444)
                durable.exchange(fresh.path, path)
            path.chmod(0o555)
            durable.fsync_directory(path)
    return True
