"""Verifies that DVC's cache has what a version pins: every object, with the pinned bytes. Writes nothing."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from stat import S_ISREG
from typing import NamedTuple

from lastgood.core.digests import Digests, tree_md5, tree_sha256
from lastgood.core.listing import Member, is_md5, why_unsafe
from lastgood.core.manifest import Output
from lastgood.errors import Finding, FindingsError, Flaw
from lastgood.releases import hashing
from lastgood.releases.proofs import Proofs


class CorruptedObjectsError(FindingsError):
    """Objects in the cache do not match their names; `objects` are (md5, legacy, path), to drop and fetch again."""

    def __init__(
        self, message: str, findings: Sequence[Finding], objects: Sequence[tuple[str, bool, str]], *, hint: str = ""
    ) -> None:
        """Facts as in `FindingsError`, and the objects."""
        super().__init__(message, findings, hint=hint)
        self.objects = tuple(objects)


class Part(NamedTuple):
    """One file to place: its path from the git root, the object's name in the cache, and the object's path.

    Plain text and no dataclass: there may be 100,000 of them, and `pathlib` was half of a build's time.
    """

    output: Output
    path: str
    md5: str
    source: str


ObjectPath = Callable[[str, bool], str]
Members = Callable[[Output], Sequence[Member]]


def gather(outputs: Sequence[Output], object_path: ObjectPath, members: Members) -> tuple[Part, ...]:
    """Every file of these outputs, only those in DVC's cache.

    Raises `FindingsError`, kind `unsafe-path` or `bad-hash`, for a path outside of the release.
    """
    parts: list[Part] = []
    findings: list[Finding] = []
    for output in outputs:
        if output.storage != "dvc":
            continue
        own, legacy = str(output.path), output.legacy
        bad = _unsafe(own, own, output.md5, listing=output.is_directory)
        if not bad and output.is_directory:
            for path, md5 in members(output):
                bad += _unsafe(own, path, md5, listing=False)
                parts.append(Part(output, f"{own}/{path}", md5, object_path(md5, legacy)))
        elif not bad:
            parts.append(Part(output, own, output.md5, object_path(output.md5, legacy)))
        findings += bad
    if findings:
        raise FindingsError("the version names paths or objects that lastgood refuses", findings)
    return tuple(parts)


def _unsafe(output: str, path: str, md5: str, *, listing: bool) -> list[Finding]:
    findings = []
    if why := why_unsafe(path):
        findings.append(Finding(Flaw.UNSAFE_PATH, output, f"{output}: the path {path!r} {why}"))
    if not is_md5(md5) or md5.endswith(".dir") is not listing:
        findings.append(Finding(Flaw.BAD_HASH, output, f"{output}: {md5!r} is not a DVC object"))
    return findings


def find_missing(parts: Sequence[Part]) -> dict[str, os.stat_result]:
    """The state of every part's source. Raises `FindingsError`, kind `missing`, with all missing ones."""
    findings = []
    states = {}
    for part in parts:
        try:
            status = os.lstat(part.source)
        except (FileNotFoundError, NotADirectoryError):
            there = False
        else:
            states[part.source] = status
            there = S_ISREG(status.st_mode)
        if not there:
            findings.append(Finding(Flaw.MISSING, part.path, f"{part.path}: object {part.md5} is not in DVC's cache"))
    if findings:
        raise FindingsError(f"{len(findings)} objects are missing", findings, hint="dvc fetch")
    return states


def prove(
    outputs: Sequence[Output],
    parts: Sequence[Part],
    states: Mapping[str, os.stat_result],
    object_path: ObjectPath,
    proofs: Proofs,
) -> dict[str, Digests]:
    """The verified digests of every part's source; all match what the outputs pin. `states` are those of
    `find_missing`.

    The SHA-256 decides if the manifest has one: of the file, or of the directory's listing. The MD5 decides for adopted
    versions, and identifies the corrupted objects. Raises `CorruptedObjectsError` with all of them.
    """
    by_output: dict[PurePosixPath, list[Part]] = {output.path: [] for output in outputs if output.storage == "dvc"}
    for part in parts:
        by_output[part.output.path].append(part)
    _require_sizes(by_output, states, object_path, proofs)
    pinned = {output.path for output in outputs if output.sha256 is not None}
    found = proofs.digests_at(states, weak=not by_output.keys() <= pinned)
    suspects = [
        output
        for output in outputs
        if output.path in by_output
        and (output.sha256 is None or sha256_of(output, by_output[output.path], found) != output.sha256)
    ]
    for output in suspects:
        found.update(proofs.digests_at({part.source: states[part.source] for part in by_output[output.path]}))
    _require_right([(output, by_output[output.path]) for output in suspects], found, object_path)
    return found


def _require_sizes(
    by_output: Mapping[PurePosixPath, Sequence[Part]],
    states: Mapping[str, os.stat_result],
    object_path: ObjectPath,
    proofs: Proofs,
) -> None:
    """Raise an error for an output whose objects differ from the recorded size, before others are read and any is
    copied.

    Objects that do not match their names are `corrupted`, and fetched again. Otherwise the version's record is wrong,
    and the objects stay: another version may need them.
    """
    wrong: list[tuple[Output, Sequence[Part]]] = []
    findings = []
    for parts in by_output.values():
        output = parts[0].output if parts else None
        size = sum(states[part.source].st_size for part in parts)
        if output is not None and output.size is not None and output.size != size:
            wrong.append((output, parts))
            text = f"{output.path} has {size} bytes, and the version records {output.size}"
            findings.append(Finding(Flaw.SIZE, str(output.path), text))
    if wrong:
        odd = {part.source: states[part.source] for _, parts in wrong for part in parts}
        found = proofs.digests_at(odd)
        suspects = [
            (one, parts) for one, parts in wrong if one.sha256 is None or sha256_of(one, parts, found) != one.sha256
        ]
        _require_right(suspects, found, object_path)
        raise FindingsError("the version records other sizes than its objects have", findings)


def _require_right(
    outputs: Sequence[tuple[Output, Sequence[Part]]], found: Mapping[str, Digests], object_path: ObjectPath
) -> None:
    """Raise `CorruptedObjectsError` with all corrupted objects of these outputs."""
    findings: list[Finding] = []
    objects: list[tuple[str, bool, str]] = []
    for output, parts in outputs:
        for path, md5, source in _culprits(output, parts, found, object_path):
            findings.append(Finding(Flaw.CORRUPTED, path, f"{path}: object {md5} is corrupted in DVC's cache"))
            objects.append((md5, output.legacy, source))
    if objects:
        message = f"{len(objects)} objects in DVC's cache are corrupted"
        raise CorruptedObjectsError(message, findings, list(dict.fromkeys(objects)))


def _culprits(
    output: Output, parts: Sequence[Part], found: Mapping[str, Digests], object_path: ObjectPath
) -> list[tuple[str, str, str]]:
    wrong = [part for part in parts if not is_md5_of(part.source, found[part.source], part.md5, legacy=output.legacy)]
    culprits = [(part.path, part.md5, part.source) for part in wrong]
    if output.is_directory:
        start = len(f"{output.path}/")
        listing = tree_md5((part.path[start:], part.md5) for part in parts)
        if listing != output.md5 or (output.sha256 is not None and not wrong):
            culprits.append((str(output.path), output.md5, object_path(output.md5, output.legacy)))
    elif output.sha256 is not None and not wrong:
        culprits = [(part.path, part.md5, part.source) for part in parts]
    return culprits


def sha256_of(output: Output, parts: Sequence[Part], found: Mapping[str, Digests]) -> str:
    """The SHA-256 of the output's objects in the cache."""
    if not output.is_directory:
        return found[parts[0].source].sha256
    start = len(f"{output.path}/")
    members = ((part.path[start:], found[part.source]) for part in parts)
    return tree_sha256((path, digests.size, digests.sha256) for path, digests in members)


def is_md5_of(path: str | Path, digests: Digests, md5: str, *, legacy: bool) -> bool:
    """Whether a file with these digests has this `md5` in DVC, in the old format for `legacy`."""
    return digests.md5 == md5 or (legacy and hashing.is_legacy_md5(path, md5))
