"""GTO's own settings, `.gto` at the git root; lastgood reads only the allowed stages."""

from pathlib import Path
from typing import Any

from lastgood.errors import UsageError

FILE = ".gto"


def read_stages(root: Path) -> tuple[str, ...] | None:
    """The stages that `.gto` lists, in order; `None` if it lists none, as gto.config reads it.

    Raises `UsageError` for a file that gto could not read either.
    """
    path = root / FILE
    if not path.is_file():
        return None
    from ruamel.yaml import YAML  # 20 ms, for those who have the file
    from ruamel.yaml.error import YAMLError

    try:
        document: Any = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (YAMLError, ValueError, RecursionError) as error:
        raise UsageError(f"{FILE} cannot be read: {str(error).splitlines()[0]}") from error
    stages = document.get("stages") if isinstance(document, dict) else None
    if stages is None:
        return None
    if not isinstance(stages, list) or not all(isinstance(one, str) for one in stages):
        raise UsageError(f"{FILE}: stages must be a list of names", hint="stages: [prod, staging]")
    return tuple(stages)
