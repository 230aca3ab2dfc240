"""Whether DVC's cache holds what a version pins: every object there, and its bytes the pinned ones. Writes nothing."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from stat import S_ISREG
from typing import Protocol

from lastgood.core.digests import Digests, tree_md5, tree_sha256
from lastgood.core.listing import is_md5, why_unsafe
from lastgood.core.manifest import Output
from lastgood.errors import Finding, FindingsError
from lastgood.releases import hashing
from lastgood.releases.proofs import Proofs


class MemberLike(Protocol):
    """One file of a directory output: `path` relative to the directory, `md5` its object (`core.listing.Member`)."""

    @property
    def path(self) -> PurePosixPath:
        """Relative to the directory."""

    @property
    def md5(self) -> str:
        """Its object."""


class CorruptedObjectsError(FindingsError):
    """Objects in the cache are not what their names say; `objects` are (md5, legacy, path), to drop and fetch again."""

    def __init__(
        self, message: str, findings: Sequence[Finding], objects: Sequence[tuple[str, bool, Path]], *, hint: str = ""
    ) -> None:
        """Facts as in `FindingsError`, and the objects."""
        super().__init__(message, findings, hint=hint)
        self.objects = tuple(objects)


@dataclass(frozen=True, slots=True)
class Part:
    """One file to place: its path from the git root, the object's name in the cache, and where that lies."""

    output: Output
    path: PurePosixPath
    md5: str
    source: Path


ObjectPath = Callable[[str, bool], Path]
Members = Callable[[Output], Sequence[MemberLike]]


def gather(outputs: Sequence[Output], object_path: ObjectPath, members: Members) -> tuple[Part, ...]:
    """Every file that these outputs consist of, those in DVC's cache only.

    Raises `FindingsError`, kind `unsafe-path` or `bad-hash`, for anything that names a place outside of the release.
    """
    parts: list[Part] = []
    findings: list[Finding] = []
    for output in outputs:
        if output.storage != "dvc":
            continue
        listed = [(output.path, output.md5)]
        if is_md5(output.md5) and output.is_directory:
            listed = [(output.path / member.path, member.md5) for member in members(output)]
        bad = [finding for path, md5 in [(output.path, output.md5), *listed] for finding in _unsafe(output, path, md5)]
        findings += bad
        if not bad:
            parts += [Part(output, path, md5, object_path(md5, output.legacy)) for path, md5 in listed]
    if findings:
        raise FindingsError("the version names paths or objects that lastgood refuses; nothing was changed", findings)
    return tuple(parts)


def _unsafe(output: Output, path: PurePosixPath, md5: str) -> Iterator[Finding]:
    # An absolute member replaces the output's path when the two are joined, so the whole path must still be below it.
    why = why_unsafe(str(path)) or (
        "" if path == output.path or str(path).startswith(f"{output.path}/") else f"is not below {output.path}"
    )
    if why:
        yield Finding("unsafe-path", str(output.path), f"{output.path}: the path {str(path)!r} {why}")
    if not is_md5(md5) or (path != output.path and md5.endswith(".dir")):
        yield Finding("bad-hash", str(output.path), f"{output.path}: {md5!r} is no object of DVC's")


def find_missing(parts: Sequence[Part]) -> list[os.stat_result]:
    """The state of every part's object. Raises `FindingsError`, kind `missing`, naming all that are not there."""
    findings = []
    states = []
    for part in parts:
        try:
            states.append(os.lstat(part.source))
            there = S_ISREG(states[-1].st_mode)
        except (FileNotFoundError, NotADirectoryError):
            there = False
        if not there:
            findings.append(Finding("missing", str(part.path), f"{part.path}: object {part.md5} is not in DVC's cache"))
    if findings:
        raise FindingsError(f"{len(findings)} objects are missing; nothing was changed", findings, hint="dvc fetch")
    return states


def prove(
    outputs: Sequence[Output], parts: Sequence[Part], object_path: ObjectPath, proofs: Proofs
) -> dict[Path, Digests]:
    """The digests of every part's source, all of them what the outputs pin.

    The SHA-256 decides where the manifest has one: of the file, or of the directory's listing. The MD5 decides for
    adopted versions and says which objects are the culprits. Raises `CorruptedObjectsError` with all of them.
    """
    found = proofs.digests_of({part.source for part in parts})
    by_output: dict[PurePosixPath, list[Part]] = {}
    for part in parts:
        by_output.setdefault(part.output.path, []).append(part)
    findings: list[Finding] = []
    objects: list[tuple[str, bool, Path]] = []
    for output in outputs:
        if output.storage == "dvc":
            for path, md5, source in _culprits(output, by_output.get(output.path, []), found, object_path):
                findings.append(Finding("corrupted", str(path), f"{path}: object {md5} is corrupted in DVC's cache"))
                objects.append((md5, output.legacy, source))
    if objects:
        message = f"{len(objects)} objects in DVC's cache are corrupted; nothing was changed"
        raise CorruptedObjectsError(message, findings, list(dict.fromkeys(objects)))
    return found


def _culprits(
    output: Output, parts: Sequence[Part], found: Mapping[Path, Digests], object_path: ObjectPath
) -> list[tuple[PurePosixPath, str, Path]]:
    if output.sha256 is not None and sha256_of(output, parts, found) == output.sha256:
        return []
    wrong = [part for part in parts if not is_md5_of(part.source, found[part.source], part.md5, legacy=output.legacy)]
    culprits = [(part.path, part.md5, part.source) for part in wrong]
    if output.is_directory:
        listing = tree_md5((part.path.relative_to(output.path), part.md5) for part in parts)
        if listing != output.md5 or (output.sha256 is not None and not wrong):
            culprits.append((output.path, output.md5, object_path(output.md5, output.legacy)))
    elif output.sha256 is not None and not wrong:
        culprits = [(part.path, part.md5, part.source) for part in parts]
    return culprits


def sha256_of(output: Output, parts: Sequence[Part], found: Mapping[Path, Digests]) -> str:
    """The SHA-256 that the output has as its objects lie in the cache."""
    if not output.is_directory:
        return found[parts[0].source].sha256
    start = len(f"{output.path}/")
    members = ((str(part.path)[start:], found[part.source]) for part in parts)
    return tree_sha256((path, digests.size, digests.sha256) for path, digests in members)


def is_md5_of(path: Path, digests: Digests, md5: str, *, legacy: bool) -> bool:
    """Whether a file with these digests is what DVC calls `md5`, in the old way for `legacy`."""
    return digests.md5 == md5 or (legacy and hashing.is_legacy_md5(path, md5))
