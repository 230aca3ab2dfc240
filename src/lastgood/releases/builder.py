"""Builds a release: in staging, verified, read-only, on disk, then named by one rename."""

import errno
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISREG

from lastgood.core.digests import Digests
from lastgood.core.fitting import Fit, fit
from lastgood.core.manifest import Manifest, Output
from lastgood.errors import Finding, FindingsError, Flaw, NotCarriedOutError
from lastgood.releases import durable, hashing, proving, staging
from lastgood.releases.census import write_census
from lastgood.releases.contents import Contents, check_release, code_digest, digest_of, divide, walk
from lastgood.releases.place import Place
from lastgood.releases.placing import Placer, will_copy
from lastgood.releases.proofs import Proofs, State
from lastgood.releases.proving import CorruptedObjectsError, Members, ObjectPath, Part
from lastgood.releases.release import (
    Release,
    description_path,
    find_release,
    format_release,
    is_of,
    is_partial,
    list_releases,
    load_release,
    release_path,
)
from lastgood.releases.staging import clean_staging

__all__ = [
    "BuildRequest",
    "CorruptedObjectsError",
    "Release",
    "build",
    "check_release",
    "clean_staging",
    "find_release",
    "list_releases",
    "load_release",
    "release_path",
]

FULL = {errno.ENOSPC, errno.EDQUOT}
OnFile = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """A request to build: a version, the outputs to place, and three ways to its content.

    `export` writes the version's code into an empty directory. `object_path` maps (md5, legacy) to the path of an
    object in DVC's cache, existing or not. `members` reads a directory output's listing. Everything has been fetched
    already. `environment` is the digest of the version's environment, for the description.
    """

    manifest: Manifest
    outputs: tuple[Output, ...]
    export: Callable[[Path], None]
    object_path: ObjectPath
    members: Members
    environment: str = ""
    built_at: datetime = field(default_factory=lambda: datetime.now(UTC))


def build(request: BuildRequest, place: Place, proofs: Proofs, on_file: OnFile | None = None) -> Release:
    """The release of a version: the existing one, or a new one. After a crash there is either a complete release or
    none.

    Raises `FindingsError` (kinds `missing`, `unsafe-path`, `bad-hash`, `collision`, `changed`),
    `CorruptedObjectsError`, and `NotCarriedOutError` if the disk is full or fails. Then nothing is left behind.
    `on_file` is called with (files placed, files in all).
    """
    clean_staging(place)
    path = release_path(place, request.manifest, request.outputs)
    if (found := find_release(place, request.manifest, request.outputs)) is not None:
        _close(path)
        return found
    parts = proving.gather(request.outputs, request.object_path, request.members)
    states = proving.find_missing(parts)
    try:
        place.create()
        _check_space(parts, states, place)
        proved = proving.prove(request.outputs, parts, states, request.object_path, proofs)
        with staging.stage(place) as directory:
            tree = directory / "tree"
            tree.mkdir(mode=0o755)  # its name may be public before its last write permission is taken
            request.export(tree)
            fitting = _make_room(tree, request)
            counts = _place(parts, states, tree, on_file or _silent)
            contents = _seal(tree, parts, states, proved, proofs)
            description = _describe(request, contents, fitting.tracked, counts)
            durable.fsync_tree(tree)
            with staging.gate(place):
                return _publish(contents, path, request.manifest, description)
    except OSError as error:
        raise _not_carried_out(request.manifest, error) from error


def _silent(_done: int, _total: int) -> None:
    pass


def _check_space(parts: Sequence[Part], states: Mapping[str, os.stat_result], place: Place) -> None:
    """Raise an error, before anything is written, if the release certainly does not fit. An unexpected copy fails
    later, as cleanly."""
    device = place.staging.stat().st_dev
    needed = 0
    for part in parts:
        status = states[part.source]
        if will_copy(status, device, executable=part.output.executable):
            needed += status.st_size
    room = os.statvfs(place.staging)
    if needed > room.f_bavail * room.f_frsize:
        raise OSError(errno.ENOSPC, f"{needed} bytes are needed, {room.f_bavail * room.f_frsize} are free")


def _make_room(tree: Path, request: BuildRequest) -> Fit:
    """Make the directories of the outputs, also empty ones, and remove the files of the code that the outputs hold as
    well.

    Raises `FindingsError` if code and outputs need the same path, or a link would lead an output elsewhere.
    """
    code = {path: S_ISREG(status.st_mode) for path, status in walk(tree)[0].items()}
    found = fit(code, request.outputs, request.members, lambda path, md5: hashing.digests(tree / path).md5 == md5)
    if found.findings:
        message = "code and outputs of the version do not fit together"
        raise FindingsError(message, found.findings)
    for path in found.shared:
        (tree / path).unlink()
    for output in request.outputs:
        if output.storage == "dvc" and output.is_directory:
            (tree / output.path).mkdir(parents=True, exist_ok=True)
    return found


def _place(parts: Sequence[Part], states: Mapping[str, os.stat_result], tree: Path, on_file: OnFile) -> dict[str, int]:
    """Place every part in real directories and count how; `_seal` verifies the result."""
    device, placer = tree.stat().st_dev, Placer()
    made: set[str] = set()
    for number, (output, path, _, source) in enumerate(parts, start=1):
        parent = path.rpartition("/")[0]
        if parent not in made:
            (tree / parent).mkdir(parents=True, exist_ok=True)
            made.add(parent)
        placer.place(source, f"{tree}/{path}", states[source], device=device, executable=output.executable)
        on_file(number, len(parts))
    return {str(how): count for how, count in placer.counts.items()}


def _seal(
    tree: Path,
    parts: Sequence[Part],
    states: Mapping[str, os.stat_result],
    proved: Mapping[str, Digests],
    proofs: Proofs,
) -> Contents:
    """Make a filled tree read-only and verify it: copies are read back, links must still have the verified inodes."""
    found, directories = walk(tree)
    digests: dict[str, Digests] = {}
    moved: list[tuple[State, State]] = []
    for part in parts:
        before, after = hashing.state(states[part.source]), hashing.state(found[part.path])
        if before[:4] == after[:4]:
            digests[part.path] = proved[part.source]
            moved.append((before, after))
    proofs.moved(moved)
    _protect(tree, found, directories)
    others = {path: f"{tree}/{path}" for path in found if path not in digests and S_ISREG(found[path].st_mode)}
    read = proofs.digests_of(others.values())
    digests.update((path, read[place]) for path, place in others.items())
    own = os.geteuid()
    for part in parts:
        there, right = digests.get(part.path), proved[part.source]
        if found[part.path].st_uid != own:
            raise NotCarriedOutError(f"{part.path} was exchanged for another user's file")
        if there is None or (there.size, there.sha256) != (right.size, right.sha256):
            raise NotCarriedOutError(f"{part.path} changed while it was placed")
    return Contents(tree, found, digests)


def _describe(request: BuildRequest, contents: Contents, tracked: tuple[str, ...], counts: dict[str, int]) -> bytes:
    """The description of a release, from the contents of its tree."""
    manifest = request.manifest
    kept = [output for output in request.outputs if output.storage != "url"]
    owned, rest = divide(contents.states, kept, tracked)
    outputs = tuple(_placed(output, contents, owned[output.path]) for output in kept)
    release = Release(
        path=contents.root,
        artifact=manifest.artifact,
        version=manifest.version,
        commit=manifest.commit,
        partial=is_partial(manifest, request.outputs),
        outputs=outputs,
        tree=manifest.tree,
        manifest=manifest.digest,
        code=code_digest(contents, rest),
        environment=request.environment,
        tracked=tracked,
    )
    return format_release(release, counts, request.built_at.isoformat())


def _placed(output: Output, contents: Contents, paths: Sequence[str]) -> Output:
    """The output with the digest, size and number of files in the release.

    An output kept in git is what the commit holds, and `dvc.lock` may name an older one: `dvc pull` does not compare
    either.
    """
    files = {path: contents.digests[path] for path in paths if path in contents.digests}
    # Files from DVC were verified one by one: against this, if it is pinned.
    digest = (output.sha256 if output.storage == "dvc" else None) or digest_of(output, files)
    if output.storage == "git" and (output.sha256 not in {None, digest} or len(files) != len(paths) or not files):
        message = f"{output.path} in git is not what the version pins"
        raise FindingsError(f"{message}", [Finding(Flaw.CHANGED, str(output.path), message)])
    size = sum(found.size for found in files.values())
    return replace(output, sha256=digest, size=size, files=len(files) if output.is_directory else output.files)


def _protect(tree: Path, states: Mapping[str, os.stat_result], directories: Sequence[str]) -> None:
    """Make everything readable by all and writable by nobody, whatever the umask; except the tree's own directory,
    which needs write permission for the rename.

    Hard-linked files are so already and are left alone: their mode belongs to DVC's cache too.
    """
    for path, status in states.items():
        if S_ISREG(status.st_mode) and status.st_mode & 0o777 not in {0o444, 0o555}:
            (tree / path).chmod(0o555 if status.st_mode & 0o100 else 0o444)
    for directory in directories[1:]:
        (tree / directory).chmod(0o555)


def _publish(contents: Contents, path: Path, manifest: Manifest, description: bytes) -> Release:
    """Write census and description of a finished tree, then rename that to its place (ordering.md, O1); where another
    process was faster, theirs is as good. The caller holds the gate, or a cleaner could come between the two."""
    durable.make_directories(path.parent)
    if path.is_dir() and any(path.iterdir()):
        release = load_release(path)
        if not is_of(release, manifest):
            raise NotCarriedOutError(f"{path} is not what the tag of {manifest.version} says", hint="lastgood repair")
        return release
    write_census(path, contents.states)
    durable.write_atomic(description_path(path), description, mode=0o444)
    durable.rename(contents.root, path)
    _close(path)
    return load_release(path)


def _close(path: Path) -> None:
    """Remove the last write permission. If a build crashes between its rename and this, the next one does it."""
    if path.stat().st_mode & 0o222:
        path.chmod(0o555)


def _not_carried_out(manifest: Manifest, error: OSError) -> NotCarriedOutError:
    hint = "free some space (lastgood prune), then run the command again" if error.errno in FULL else ""
    what = f"the release of {manifest.artifact}@{manifest.version} could not be built"
    return NotCarriedOutError(f"{what}: {error}", hint=hint)
