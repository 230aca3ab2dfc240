"""Whether a version's code and outputs fit into one directory, judged by their paths. It reads no file.

The builder uses this, and so does every command before it records that a version should run somewhere. Two things that
plain git and DVC put side by side fit: files that git tracks inside a directory output, and a path that both hold with
the same bytes. (DVC 3.67.1 keeps the former if `.dvcignore` names them, and removes them otherwise.)
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lastgood.core.listing import Member
from lastgood.core.manifest import Output
from lastgood.errors import Finding, Flaw

Members = Callable[[Output], Sequence[Member]]
IsSame = Callable[[str, str], bool]
"""Whether the code's regular file at a path has this MD5."""


@dataclass(frozen=True, slots=True)
class Fit:
    """The findings that prevent the fit; `tracked` are the code's files inside directory outputs, `shared` the paths
    that both code and outputs hold, with the same bytes."""

    findings: tuple[Finding, ...] = ()
    tracked: tuple[str, ...] = ()
    shared: frozenset[str] = frozenset()


def fit(code: Mapping[str, bool], outputs: Iterable[Output], members: Members, is_same: IsSame) -> Fit:
    """Judge all files and links of the code (each with whether it is a regular file) together with the outputs.

    `members` is called only for outputs that have code inside; its errors are passed on.
    """
    files = code.keys()

    def equals(path: str, md5: str) -> bool:
        return code[path] and is_same(path, md5)

    directories = {parent for path in files for parent in _parents(path)}
    findings: list[Finding] = []
    shared: set[str] = set()
    holders: dict[str, Output] = {}
    for output in outputs:
        own = str(output.path)
        if output.storage == "git" and own not in directories and not code.get(own):
            findings.append(Finding(Flaw.NOT_IN_GIT, own, f"{own} is `cache: false`, and git tracks no file there"))
        if output.storage != "dvc":
            continue
        if odd := [parent for parent in _parents(own) if parent in files]:
            text = f"{own}: {odd[0]} is not a directory in the code of this version"
            findings.append(Finding(Flaw.COLLISION, own, text))
        elif own in files and not output.is_directory and equals(own, output.md5):
            shared.add(own)
        elif own in files or (own in directories and not output.is_directory):
            findings.append(_taken(own))
        elif own in directories:
            holders[own] = output
    tracked = _inside(files, holders)
    for own, paths in tracked.items():
        both, found = _beside(own, paths, members(holders[own]), equals)
        shared |= both
        findings += found
    code_only = (path for paths in tracked.values() for path in paths if path not in shared)
    return Fit(tuple(findings), tuple(sorted(code_only)), frozenset(shared))


def _parents(path: str) -> list[str]:
    """The directories above a path, the nearest first."""
    found = []
    while path := path.rpartition("/")[0]:
        found.append(path)
    return found


def _taken(path: str) -> Finding:
    return Finding(Flaw.COLLISION, path, f"{path} is an output, and git tracks something else at its path")


def _inside(files: Iterable[str], holders: Mapping[str, Output]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in sorted(files) if holders else ():
        for parent in _parents(path):
            if parent in holders:
                found.setdefault(parent, []).append(path)
                break
    return found


def _beside(
    own: str, paths: Iterable[str], members: Iterable[Member], is_same: IsSame
) -> tuple[set[str], list[Finding]]:
    """The paths that the code has inside one output and in its listing, and findings for paths that cannot coexist:
    another content, or a file where the other needs a directory."""
    listed = {f"{own}/{member.path}": member.md5 for member in members}
    above = {parent for path in listed for parent in _parents(path)}
    both: set[str] = set()
    findings = []
    for path in paths:
        if path in listed and is_same(path, listed[path]):
            both.add(path)
        elif path in listed or path in above:
            findings.append(_taken(path))
        elif wrong := [parent for parent in _parents(path) if parent in listed]:
            findings.append(_taken(wrong[0]))
    return both, findings
