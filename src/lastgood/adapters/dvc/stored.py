"""The text of a commit's metrics and parameters files, from git or DVC's cache, for files that are outputs or inside
one. Unreadable files are remembered, so that nobody takes them for empty."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from lastgood.adapters.dvc.bounded import require_finite
from lastgood.adapters.dvc.cache import Cache
from lastgood.core.listing import is_md5
from lastgood.core.manifest import Output
from lastgood.errors import Finding, FindingsError, Flaw


@dataclass
class Texts:
    """Reads files of one commit. `unread` are the files that could not be read, each with the reason."""

    repo: Any
    cache: Cache | None
    unread: dict[str, Finding] = field(default_factory=dict)
    _listed: dict[PurePosixPath, Mapping[str, str]] = field(default_factory=dict)
    _outputs: tuple[Output, ...] = ()

    def __post_init__(self) -> None:
        self._outputs = tuple(_outputs(self.repo)) if self.cache is not None else ()

    def find(self, paths: Iterable[str]) -> list[str]:
        """The files at these paths and below them, in git and in outputs; a path without files stands for itself."""
        found: list[str] = []
        for path in dict.fromkeys(paths):
            inside = list(self.repo.fs.find(path)) if self.repo.fs.isdir(path) else []
            name = path.lstrip("/")
            for output in self._outputs:
                if _overlap(PurePosixPath(name), output.path):
                    files = self._files(output)
                    inside += [f"/{one}" for one in files if one == name or one.startswith(f"{name}/")]
            found += inside or [path]
        return list(dict.fromkeys(found))

    def load(self, path: str) -> Any:
        """The parsed file; `None` and a finding if it does not exist or cannot be parsed: DVC's `show` continues
        then."""
        from dvc.exceptions import DvcException
        from dvc.utils.serialize import PARSERS

        name = path.lstrip("/")
        try:
            return PARSERS[self.repo.fs.suffix(path).lower()](self._read(path), path)
        except FileNotFoundError:
            where = "neither in git nor an output" if self._holder(name) is None else "not in DVC's cache here"
            self.unread[name] = _unread(name, f"it is {where}")
        except (DvcException, OSError, ValueError, RecursionError) as error:
            self.unread[name] = _unread(name, str(error) or type(error).__name__)
        return None

    def _read(self, path: str) -> str:
        if self.repo.fs.isfile(path):
            with self.repo.fs.open(path, encoding="utf-8") as file:
                return str(file.read())
        name = path.lstrip("/")
        output = self._holder(name)
        md5 = self._files(output).get(name) if output else None
        if self.cache is None or output is None or md5 is None:
            raise FileNotFoundError(path)
        text = self.cache.path_of(md5, legacy=output.legacy).read_text(encoding="utf-8")
        return require_finite(text, path)

    def _holder(self, name: str) -> Output | None:
        return next((one for one in self._outputs if PurePosixPath(name).is_relative_to(one.path)), None)

    def _files(self, output: Output) -> Mapping[str, str]:
        """The files of an output with their objects; none for a directory whose listing is not in the cache."""
        if not output.is_directory:
            return {str(output.path): output.md5}
        if output.path not in self._listed and self.cache is not None:
            try:
                members = self.cache.members(output)
            except FindingsError:
                members = ()
            self._listed[output.path] = {f"{output.path}/{member.path}": member.md5 for member in members}
        return self._listed[output.path]


def _outputs(repo: Any) -> Iterable[Output]:
    for out in repo.index.outs:
        md5 = out.hash_info.value if out.hash_info else None
        if out.is_in_repo and out.use_cache and is_md5(md5):  # else it would name any file of this machine
            yield Output(PurePosixPath(out.fs_path.lstrip("/")), str(md5), legacy=out.hash_name == "md5-dos2unix")


def _overlap(one: PurePosixPath, other: PurePosixPath) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)


def _unread(name: str, why: str) -> Finding:
    return Finding(Flaw.UNREAD, name, f"the values in {name} are not known: {why}")
