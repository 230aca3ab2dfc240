"""A small world to build releases in: a cache laid out as DVC's, versions, and the code that goes with them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import md5, sha256
from pathlib import Path, PurePosixPath

from lastgood.core.digests import tree_sha256
from lastgood.core.listing import Member
from lastgood.core.manifest import Manifest, Output
from lastgood.releases.builder import BuildRequest
from lastgood.releases.place import Place
from lastgood.releases.proofs import Proofs

CODE = {"train.py": "print('train')\n", "pkg/__init__.py": ""}


@dataclass
class World:
    """`root` holds `cache/` and `.lastgood/`; methods store objects and make requests."""

    root: Path
    cache: Path = field(init=False)
    place: Place = field(init=False)
    listings: dict[str, list[Member]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.cache = self.root / "cache"
        self.place = Place(self.root / ".lastgood").create()

    def proofs(self) -> Proofs:
        return Proofs(self.place.proofs)

    def object_path(self, digest: str, legacy: bool = False) -> Path:
        base = self.cache if legacy else self.cache / "files" / "md5"
        return base / digest[:2] / digest[2:]

    def store(self, content: bytes, *, name: str = "", legacy: bool = False) -> str:
        digest = name or md5(content).hexdigest()
        path = self.object_path(digest, legacy)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_bytes(content)
            path.chmod(0o444)
        return digest

    def file(self, path: str, content: bytes, *, executable: bool = False) -> Output:
        digest = self.store(content)
        strong = sha256(content).hexdigest()
        return Output(PurePosixPath(path), digest, len(content), None, strong, executable=executable)

    def directory(self, path: str, content: Mapping[str, bytes]) -> Output:
        members = [Member(name, self.store(data)) for name, data in sorted(content.items())]
        listing = json.dumps([{"md5": m.md5, "relpath": m.path} for m in members], sort_keys=True).encode()
        digest = self.store(listing, name=md5(listing).hexdigest() + ".dir")
        self.listings[digest] = members
        strong = tree_sha256((PurePosixPath(n), len(d), sha256(d).hexdigest()) for n, d in content.items())
        return Output(PurePosixPath(path), digest, sum(map(len, content.values())), len(content), strong)

    def manifest(self, version: str, outputs: Sequence[Output]) -> Manifest:
        commit = sha256(version.encode()).hexdigest()[:40]
        return Manifest("flights", version, commit, "f" * 40, ".", "models/model.txt", tuple(outputs))

    def request(
        self,
        version: str,
        *outputs: Output,
        code: Mapping[str, str] = CODE,
        selection: Sequence[Output] | None = None,
    ) -> BuildRequest:
        chosen = outputs if selection is None else tuple(selection)
        return BuildRequest(
            manifest=self.manifest(version, outputs),
            outputs=tuple(chosen),
            export=lambda tree: export(tree, code),
            object_path=lambda digest, legacy: str(self.object_path(digest, legacy)),
            members=lambda output: self.listings[output.md5],
        )


def export(tree: Path, code: Mapping[str, str]) -> None:
    """Write code as git would: a value `-> TARGET` is a symbolic link, a name ending in `.sh` is executable."""
    for name, text in code.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("-> "):
            path.symlink_to(text.removeprefix("-> "))
        else:
            path.write_text(text)
            path.chmod(0o755 if name.endswith(".sh") else 0o644)


def unpinned(output: Output) -> Output:
    """The output as an adopted version has it: DVC's MD5 only."""
    return replace(output, sha256=None)


def content(root: Path) -> dict[str, bytes]:
    """Every regular file below a directory, by relative path."""
    files = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def litter(place: Place) -> list[str]:
    """What is left in staging, and unfinished links and files anywhere, descriptions of no release."""
    staged = [path.name for path in place.staging.iterdir() if path.name != ".lock"]
    strays = [path for path in place.releases.glob("*/*.json") if not path.with_suffix("").is_dir()]
    return staged + [str(path) for path in [*place.root.rglob(".new-*"), *strays]]
