"""DVC's configuration of the directory that runs the tool: all levels, read by DVC, never from a version."""

from pathlib import Path
from typing import Any

from lastgood.adapters.dvc.translate import translated
from lastgood.errors import LastgoodError, NotAProjectError


def read_config(root: Path) -> dict[str, Any]:
    """The system, user, `.dvc/config` and `.dvc/config.local` levels, merged and validated."""
    if not (root / ".dvc").is_dir():
        raise NotAProjectError(f"{root} is not a DVC project", hint="dvc init")
    with translated(f"DVC's configuration in {root}"):
        from dvc.config import Config

        return dict(Config(str(root / ".dvc")))


def cache_directory(config: dict[str, Any], root: Path) -> Path:
    """The directory that `dvc cache dir` prints. Raises an error if the cache is not on this machine."""
    settings = config["cache"]
    if name := settings.get("local"):
        address = config["remote"].get(str(name).lower(), {}).get("url")
    else:
        address = settings.get("dir") or root / ".dvc" / "cache"
    if address is None or "://" in str(address):
        raise LastgoodError(f"DVC's cache of {root} is not a local directory", hint="dvc cache dir PATH")
    return Path(str(address)).absolute()


def remote_names(config: dict[str, Any]) -> frozenset[str]:
    """The names of the configured remotes, lower case as DVC keeps them."""
    return frozenset(str(name) for name in config["remote"])
