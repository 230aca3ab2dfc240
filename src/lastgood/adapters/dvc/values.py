"""Metrics and parameters of a commit as `dvc metrics show` and `dvc params show` give them, flat.

DVC's own `show` would ask the version's remote for a metrics file that is a cached output; this reads git, then the
cache it was given, and nothing else. A `.py` parameters file is parsed by DVC (`ast`), never run.
"""

from collections.abc import Mapping
from typing import Any

from lastgood.adapters.dvc.stored import Texts
from lastgood.core.manifest import Json
from lastgood.core.secrets import mask


def metrics(repo: Any, texts: Texts) -> dict[str, Json]:
    """`file:key` to value for every readable metrics file."""
    from dvc.repo.metrics.show import _collect_top_level_metrics, _extract_metrics

    paths = [out.fs_path for out in repo.index.metrics]
    paths += [repo.fs.join(repo.root_dir, path) for path in _collect_top_level_metrics(repo)]
    found: dict[str, Json] = {}
    for path in texts.find(paths):
        document = _extract_metrics(texts.load(path), path)
        found.update(_flatten(path, document))
    return found


def parameters(repo: Any, texts: Texts) -> dict[str, Json]:
    """`file:key` to value for every tracked parameter, `params.yaml` of the project and `vars` of stages included."""
    from dvc.dependency import _merge_params
    from dvc.repo.params.show import _collect_top_level_params

    listed: list[dict[str, list[str]]] = [{dep.fs_path: list(dep.params)} for dep in repo.index.params]
    listed += [{repo.fs.join(repo.root_dir, path): []} for path in _collect_top_level_params(repo)]
    if repo.fs.exists(default := repo.fs.join(repo.root_dir, "params.yaml")):
        listed.append({default: []})
    found: dict[str, Json] = {}
    read = set()
    for listed_path, keys in _merge_params(listed).items():
        for path in texts.find([listed_path]):
            read.add(path)
            found.update(_flatten(path, _select(texts.load(path), keys)))
    for stage in repo.index.stages:
        for file, tracked in (getattr(stage, "tracked_vars", None) or {}).items():
            path = repo.fs.normpath(repo.fs.join(repo.root_dir, file))
            if path not in read:
                found.update(_flatten(path, tracked))
    return found


def _select(document: Any, keys: list[str]) -> Any:
    """The tracked keys, nested ones dotted, as DVC's `read_param_file` selects them."""
    if not keys or not isinstance(document, dict):
        return document
    import dpath

    selected: dict[str, Any] = {}
    for key in dict.fromkeys(keys):
        dpath.merge(selected, dpath.search(document, key, separator="."), separator=".")
    return selected


def _flatten(path: str, document: Any) -> Mapping[str, Json]:
    file = path.lstrip("/")
    if document is None:
        return {}
    if not isinstance(document, dict):
        return {f"{file}:": _plain(document)}
    found: dict[str, Json] = {}
    for key, value in document.items():
        if isinstance(value, dict) and value:
            nested = _flatten(path, value)
            found.update({f"{file}:{key}.{name.removeprefix(file + ':')}": inner for name, inner in nested.items()})
        else:
            found[f"{file}:{key}"] = _plain(value)
    return found


def _plain(value: Any) -> Json:
    """Only what JSON can represent; YAML has dates, TOML has times, JSON in Python has NaN."""
    if isinstance(value, str):
        return mask(value)  # a parameter may be an address with a password, and a manifest is published
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)  # NaN
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return str(value)
