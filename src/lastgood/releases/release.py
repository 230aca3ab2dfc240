"""A release on disk: finding it, reading its description, checking that its content is unchanged."""

import errno
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, cast

from lastgood.core.manifest import Json, Manifest, Output, encode
from lastgood.core.selection import whole
from lastgood.errors import Finding, FindingsError, Flaw
from lastgood.releases import durable
from lastgood.releases.place import Place, release_name

if TYPE_CHECKING:
    pass

INSIDE = "release.json"
"""The file of the description in releases that were built before code could have a file of that name."""
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Release:
    """One version's code and outputs in a directory, complete and verified when it was built.

    `outputs` are those placed, each with the SHA-256, size and number of files found when it was built. `manifest` is
    the manifest's digest, `code` the `tree_sha256` of everything else, symbolic links counted by their targets.
    `partial`: it leaves out outputs that the artifact's own `dvc.yaml` needs, because `lastgood.toml` names fewer.
    `environment` is the digest that names the environment of the version, empty if it has none. `inside` says that the
    description is in the directory, as `release.json`. `tracked` are files of the code inside of outputs.
    """

    path: Path
    artifact: str
    version: str
    commit: str
    partial: bool
    outputs: tuple[Output, ...]
    tree: str = ""
    manifest: str = ""
    code: str = ""
    environment: str = ""
    inside: bool = False
    tracked: tuple[str, ...] = ()


def selected(manifest: Manifest, outputs: Sequence[Output]) -> tuple[PurePosixPath, ...] | None:
    """The paths that distinguish a release of these outputs from the whole one, which no paths name (`None`)."""
    chosen, all_of_it = _stored(outputs), _stored(whole(manifest))
    return None if chosen == all_of_it else tuple(sorted(chosen))


def is_partial(manifest: Manifest, outputs: Sequence[Output]) -> bool:
    """Whether these outputs leave out something that DVC stores and the artifact's own `dvc.yaml` needs."""
    return not _stored(whole(manifest)) <= _stored(outputs)


def _stored(outputs: Sequence[Output]) -> frozenset[PurePosixPath]:
    return frozenset(output.path for output in outputs if output.storage == "dvc")


def release_path(place: Place, manifest: Manifest, outputs: Sequence[Output]) -> Path:
    """The path of the release of these outputs of a version, built or not."""
    name = release_name(manifest.version, manifest.commit, selected(manifest, outputs))
    return place.releases_of(manifest.artifact) / name


def find_release(place: Place, manifest: Manifest, outputs: Sequence[Output] | None = None) -> Release | None:
    """The finished release of a version and a selection of its outputs (default: the whole one), or `None`.

    `manifest` is the one under the version's tag: a release with another description does not count.
    """
    path = release_path(place, manifest, whole(manifest) if outputs is None else outputs)
    try:
        release = load_release(path)
    except FindingsError:
        return None
    return release if is_of(release, manifest) else None


def is_of(release: Release, manifest: Manifest) -> bool:
    """Whether a release's description matches the manifest under the version's tag, in its contents and its name.
    `check_release` verifies the files."""
    if any(getattr(release, name) != getattr(manifest, name) for name in ("artifact", "version", "commit", "tree")):
        return False
    held = {output.path: output for output in release.outputs}
    wanted = [output for output in manifest.outputs if output.path in held]
    same = len(wanted) == len(held) and all(_is_same(held[output.path], output) for output in wanted)
    named = release.path.name == release_name(manifest.version, manifest.commit, selected(manifest, wanted))
    return same and named and release.partial == is_partial(manifest, wanted)


def _is_same(held: Output, wanted: Output) -> bool:
    """Whether two outputs are equal. A release always has a SHA-256; a version registered long ago or by others may
    have none."""
    known = wanted.sha256 in {None, held.sha256}
    return known and (held.md5, held.storage, held.legacy) == (wanted.md5, wanted.storage, wanted.legacy)


def description_path(path: Path) -> Path:
    """The path of the description of the release in this directory: beside it, because inside every name may belong to
    the code.

    It exists before the directory gets its name, and is removed after it (ordering.md, O1 and O7).
    """
    return path.with_name(f"{path.name}.json")


def release_directories(place: Place) -> tuple[Path, ...]:
    """The directories of all releases, finished or not."""
    return tuple(path for path in sorted(place.releases.glob("*/*")) if path.is_dir() and not path.is_symlink())


def _read_description(path: Path) -> tuple[bytes, bool]:
    """The description of the release in this directory, and whether it is inside. Raises `OSError`."""
    try:
        content = durable.read_plain(description_path(path))
    except FileNotFoundError:
        return durable.read_plain(path / INSIDE), True
    if not path.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    return content, False


def load_release(path: Path) -> Release:
    """The release in a directory. Raises `FindingsError`, kind `broken-release`, if it is not a finished release."""
    try:
        content, inside = _read_description(path)
        document = json.loads(content)
        own = document.pop("sum", None)  # releases built before there was any lack it
        if own is not None and own != _sum(document):
            raise ValueError("its content is not what was written")  # noqa: TRY301  # reported with the others below
        if document["schema"] != SCHEMA:
            raise ValueError(f"schema {document['schema']}")  # noqa: TRY301  # reported with the others below
        return Release(
            path=path,
            artifact=document["artifact"],
            version=document["version"],
            commit=document["commit"],
            partial=document["partial"],
            outputs=tuple(Output.from_json(output) for output in document["outputs"]),
            tree=document["tree"],
            manifest=document["manifest"],
            code=document["code"],
            environment=document.get("environment", ""),  # releases built before there were any lack it
            inside=inside,
            tracked=tuple(str(path) for path in document.get("tracked", ())),  # likewise
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        message = f"{path} is not a finished release: {error}"
        raise FindingsError(message, [Finding(Flaw.BROKEN_RELEASE, str(path), message)]) from error


def read_placement(release: Release) -> Mapping[str, int]:
    """How many of a release's output files were placed in which way (`placing.How`), without ways that are not used."""
    try:
        linked = json.loads(_read_description(release.path)[0])["linked"]
        return {str(how): int(count) for how, count in linked.items() if count}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def format_release(release: Release, linked: dict[str, int], built_at: str) -> bytes:
    """The description of a release; it does not contain its path, so that `--root` can be moved."""
    document: dict[str, Json] = {
        "schema": SCHEMA,
        "artifact": release.artifact,
        "version": release.version,
        "commit": release.commit,
        "tree": release.tree,
        "manifest": release.manifest,
        "code": release.code,
        "environment": release.environment,
        "partial": release.partial,
        "tracked": [*release.tracked],
        "outputs": [output.to_json() for output in release.outputs],
        "linked": cast("dict[str, Json]", linked),
        "built_at": built_at,
    }
    return encode({**document, "sum": _sum(document)}).encode("ascii") + b"\n"


def _sum(document: dict[str, Json]) -> str:
    """The checksum that detects a damaged description: nothing else would notice another tree or date in it."""
    return sha256(encode(document).encode("ascii")).hexdigest()


def list_releases(place: Place) -> tuple[Release, ...]:
    """All finished releases of this place, by path."""
    found = []
    for path in release_directories(place):
        try:
            found.append(load_release(path))
        except FindingsError:
            continue
    return tuple(found)
