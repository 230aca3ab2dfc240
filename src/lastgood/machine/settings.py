"""A serving host without a working tree: DVC's settings from the tip of the default branch, ours from `--root`."""

from functools import partial
from pathlib import PurePosixPath

from lastgood.adapters.git import export, mirror
from lastgood.core.config import FILE, Config
from lastgood.errors import Finding, FindingsError, Flaw, LastgoodError, UsageError
from lastgood.project import Project
from lastgood.registry.signatures import MIRRORED
from lastgood.releases import durable
from lastgood.releases.staging import stage
from lastgood.versions.manifests import project_of


def refresh_settings(project: Project, artifact: str | None) -> tuple[Finding, ...]:
    """Fetch the default branch and put its `.dvc/config` where DVC reads it: below `--root`.

    Relative addresses in it are so resolved as for a clone that lies at `--root`. `.dvc/config.local` there is the
    host's own and is never written. Policy comes from the default branch's `lastgood.toml` unless `--root` has one.
    Settings of the branch's tip that cannot be used are findings, and the last ones that could stay. Raises their error
    where there are none yet.
    """
    tip = mirror.fetch_branch(project.git, str(project.remote), project.deadline * 10)
    if tip is None:
        raise LastgoodError("the repository has no default branch", unchanged=True)
    found = []
    for refresh, former in (
        (partial(_refresh_dvc, project, tip, artifact or ""), project.place.root / ".dvc/config"),
        (partial(_refresh_policy, project, tip), project.place.settings),
    ):
        try:
            refresh()
        except (UsageError, FindingsError) as error:
            if not former.exists():
                raise
            text = f"settings of the default branch cannot be used, the last ones stay: {error.message}"
            found.append(Finding(Flaw.SETTINGS, tip, text))
    return tuple(found)


def _refresh_dvc(project: Project, tip: str, artifact: str) -> None:
    """Raises `FindingsError` for a commit without a DVC project, `UsageError` for settings that DVC refuses."""
    directory = project_of(project, tip, artifact)
    path = f"{directory}/.dvc/config".removeprefix("./")
    mirror.bring_files(project.git, str(project.remote), tip, (path,), project.deadline * 10)
    settings = _without_cache(export.read_file(project.git, tip, path) or b"")
    cache = f'\n[cache]\n    dir = {_quote(str(project.place.cache))}\n    type = "reflink,hardlink,copy"\n'
    wanted, there = settings + cache.encode(), project.place.root / ".dvc/config"
    if there.exists() and there.read_bytes() == wanted:
        return
    _require_usable(project, wanted, path)
    durable.make_directories(there.parent)
    durable.write_atomic(there, wanted)


def _require_usable(project: Project, settings: bytes, path: str) -> None:
    """Have DVC read the settings at another place first. Raises `UsageError`."""
    from lastgood.adapters.dvc.configuration import read_config  # DVC's import, where the settings changed

    with stage(project.place) as room:
        (room / ".dvc").mkdir()
        (room / ".dvc/config").write_bytes(settings)
        try:
            read_config(room)
        except LastgoodError as error:
            raise UsageError(error.message.replace(str(room), f"commit, {path}")) from error


def _refresh_policy(project: Project, tip: str) -> None:
    """Raises `UsageError` for a `lastgood.toml` that cannot be read."""
    if (project.place.root / FILE).exists():
        return
    mirror.bring_files(project.git, str(project.remote), tip, (FILE,), project.deadline * 10)
    text = export.read_file(project.git, tip, FILE) or b""
    project.config = Config.parse(text.decode(errors="replace"), FILE)
    durable.write_atomic(project.place.settings, text)  # for commands that only look, and ask nobody
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
