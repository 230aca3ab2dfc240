"""A serving host without a working tree: DVC's settings from the tip of the default branch, ours from `--root`."""

from pathlib import PurePosixPath

from lastgood.adapters.git import export, mirror
from lastgood.core.config import FILE, Config
from lastgood.errors import LastgoodError
from lastgood.project import Project
from lastgood.registry.signatures import MIRRORED
from lastgood.releases import durable
from lastgood.versions.manifests import project_of


def refresh_settings(project: Project, artifact: str | None) -> None:
    """Fetch the default branch and put its `.dvc/config` where DVC reads it: below `--root`.

    Relative addresses in it are so resolved as for a clone that lies at `--root`. `.dvc/config.local` there is the
    host's own and is never written. Policy comes from the default branch's `lastgood.toml` unless `--root` has one.
    """
    git, remote, patience = project.git, str(project.remote), project.deadline * 10
    tip = mirror.fetch_branch(git, remote, patience)
    if tip is None:
        raise LastgoodError("the repository has no default branch", unchanged=True)
    directory = project_of(project, tip, artifact or "")
    path = f"{directory}/.dvc/config".removeprefix("./")
    mirror.bring_files(git, remote, tip, (path, FILE), patience)
    settings = export.read_file(git, tip, path) or b""
    dvc = project.place.root / ".dvc"
    durable.make_directories(dvc)
    cache = f'\n[cache]\n    dir = {_quote(str(project.place.cache))}\n    type = "reflink,hardlink,copy"\n'
    durable.write_atomic(dvc / "config", _without_cache(settings) + cache.encode())
    if not (project.place.root / FILE).exists():
        text = export.read_file(git, tip, FILE)
        project.config = Config.parse((text or b"").decode(errors="replace"), FILE)
        durable.write_atomic(project.place.settings, text or b"")  # for commands that only look, and ask nobody
        _refresh_signers(project, tip)


def _refresh_signers(project: Project, tip: str) -> None:
    """The file of allowed signers that the default branch's own settings name there."""
    named = project.config.registry.allowed_signers
    if not named or PurePosixPath(named).is_absolute() or named.startswith("~"):
        return
    mirror.bring_files(project.git, str(project.remote), tip, (named,), project.deadline * 10)
    text = export.read_file(project.git, tip, str(PurePosixPath(named)))
    durable.write_atomic(project.place.root / MIRRORED, text or b"")  # nobody may sign where there is no such file


def _quote(value: str) -> str:
    """A value as configobj, DVC's parser, reads it back: a comma outside of quotes would make it a list."""
    mark = next((mark for mark in ('"', "'", "'''") if mark not in value), '"""')
    return f"{mark}{value}{mark}"


def _without_cache(settings: bytes) -> bytes:
    """The settings but for `[cache]`, which this host decides."""
    kept, inside = [], False
    for line in settings.decode(errors="replace").splitlines():
        if line.lstrip().startswith("["):
            inside = line.strip().lower() == "[cache]"
        if not inside:
            kept.append(line)
    return "\n".join(kept).encode()
