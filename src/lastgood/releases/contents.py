"""The files of a release: looked at, hashed, and compared with what its description says."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath
from stat import S_ISLNK, S_ISREG
from typing import TYPE_CHECKING

from lastgood.core.digests import Digests, tree_sha256
from lastgood.core.manifest import Output
from lastgood.errors import Finding, Flaw
from lastgood.releases.release import INSIDE, Release

if TYPE_CHECKING:
    from lastgood.releases.proofs import Proofs

BYTECODE = "__pycache__"


@dataclass(frozen=True, slots=True)
class Contents:
    """The contents of a directory: the states of everything that is no directory, the digests of its regular files.

    Paths are from the directory, as text.
    """

    root: Path
    states: Mapping[str, os.stat_result]
    digests: Mapping[str, Digests]


def check_release(release: Release, proofs: "Proofs") -> tuple[Finding, ...]:
    """Findings about a release that differs from its build: every file must exist with its digest, and no other.

    Hashes the files without a proof. Python's `__pycache__`, which root writes through 0555, does not count.
    """
    try:
        contents = look(release.path, proofs)
        owned, rest = divide(contents.states, release.outputs, release.tracked)
        rest = [path for path in rest if not (release.inside and path == INSIDE)]
        code = code_digest(contents, rest)
    except OSError as error:
        return (Finding(Flaw.BROKEN_RELEASE, str(release.path), f"{release.path} cannot be read: {error}"),)
    findings = [found for output in release.outputs for found in _check_output(output, owned[output.path], contents)]
    if code != release.code:
        findings.append(
            Finding(Flaw.CHANGED, str(release.path), f"code in {release.path} was changed after it was built")
        )
    return tuple(findings)


def _check_output(output: Output, paths: Sequence[str], contents: Contents) -> Iterator[Finding]:
    if not paths and (output.files or not output.is_directory):
        yield Finding(Flaw.MISSING, str(output.path), f"{output.path} in {contents.root} is gone")
    elif odd := [path for path in paths if path not in contents.digests]:
        yield Finding(Flaw.CHANGED, str(odd[0]), f"{odd[0]} in {contents.root} is not a regular file")
    elif digest_of(output, {path: contents.digests[path] for path in paths}) != output.sha256:
        yield Finding(
            Flaw.CHANGED, str(output.path), f"{output.path} in {contents.root} was changed after it was built"
        )


def digest_of(output: Output, content: Mapping[str, Digests]) -> str:
    """The SHA-256 of an output with these files, by path from the git root."""
    if not output.is_directory:
        own = str(output.path)
        return content[own].sha256 if own in content else ""
    start = len(f"{output.path}/")
    return tree_sha256((path[start:], found.size, found.sha256) for path, found in content.items())


def divide(
    paths: Iterable[str], outputs: Sequence[Output], tracked: Iterable[str]
) -> tuple[dict[PurePosixPath, list[str]], list[str]]:
    """The paths of each output, by its own path; and the rest, which is the code, also `tracked` ones inside of
    outputs."""
    owned: dict[PurePosixPath, list[str]] = {output.path: [] for output in outputs}
    by_name = {str(path): found for path, found in owned.items()}
    rest, code = [], frozenset(tracked)
    for path in paths:
        name = path if path not in code else ""
        while name and name not in by_name:
            name = name.rpartition("/")[0]
        if name:
            by_name[name].append(path)
        elif BYTECODE not in path.split("/"):
            rest.append(path)
    return owned, rest


def code_digest(contents: Contents, paths: Iterable[str]) -> str:
    """One digest of everything that is no output: files, and the targets of links."""
    members = []
    for path in paths:
        if (found := contents.digests.get(path)) is not None:
            members.append((path, found.size, found.sha256))
        else:
            is_link = S_ISLNK(contents.states[path].st_mode)
            target = os.fsencode(os.readlink(contents.root / path)) if is_link else b""  # noqa: PTH115  # as written
            members.append((path, -1, sha256(target).hexdigest()))
    return tree_sha256(members)


def look(root: Path, proofs: "Proofs") -> Contents:
    """The contents below `root`; hashes files without a proof."""
    states, _ = walk(root)
    regular = {path: status for path, status in states.items() if S_ISREG(status.st_mode)}
    places = {f"{root}/{path}": status for path, status in regular.items()}
    found = proofs.digests_at(places, weak=False)
    return Contents(root, states, dict(zip(regular, found.values(), strict=True)))


def walk(root: Path) -> tuple[dict[str, os.stat_result], list[str]]:
    """The state of everything below `root` that is no directory, and the directories, `""` for itself first.

    Paths are from the root, as text; links are not followed.
    """
    states, directories = {}, [""]
    for directory in directories:  # grows on the way
        with os.scandir(f"{root}/{directory}") as entries:
            for entry in entries:
                path = f"{directory}/{entry.name}" if directory else entry.name
                if entry.is_dir(follow_symlinks=False):
                    directories.append(path)
                else:
                    states[path] = entry.stat(follow_symlinks=False)
    return states, directories
