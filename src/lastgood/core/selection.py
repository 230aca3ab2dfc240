"""Which outputs of a version a release holds: those that `lastgood.toml` names, and always the artifact itself."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from lastgood.core.manifest import Manifest, Output

SYMLINK = "120000"
"""git's mode of a symbolic link."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The outputs that a stage's machines need of an artifact: paths from the git root, of files or directories.

    Without any they need the whole release. `section` is the section of `lastgood.toml` that names them; `own` says
    that it is the artifact's own section, not the stage's.
    """

    outputs: tuple[str, ...] = ()
    section: str = ""
    own: bool = False


def whole(manifest: Manifest) -> tuple[Output, ...]:
    """The outputs of a whole release: those that the artifact's own `dvc.yaml` needs.

    They are all outputs of the DVC project, unless the manifest names fewer (`Manifest.needed`).
    """
    if not manifest.needed:
        return manifest.outputs
    needed = frozenset(manifest.needed)
    own = own_outputs(manifest)
    return tuple(one for one in manifest.outputs if str(one.path) in needed or one in own)


def select(manifest: Manifest, wanted: Wanted) -> tuple[Output, ...]:
    """The outputs of a version that a stage's machines need, always with those at the artifact's own path.

    If an entry matches no output of this version, the section was written for another layout. Then the result is the
    whole release, so that nothing is missing. `unmatched` returns these entries.
    """
    if not wanted.outputs or unmatched(manifest, wanted):
        return whole(manifest)
    paths = [PurePosixPath(one) for one in (*wanted.outputs, *_own(manifest))]
    there = _range(manifest, wanted)
    return tuple(one for one in there if any(_covers(path, one) for path in paths))


def unmatched(manifest: Manifest, wanted: Wanted) -> tuple[str, ...]:
    """The entries that match no output of this version which their section may name.

    The stage's section applies to every artifact, and so only to each one's own outputs. Otherwise one team's section
    would match another team's artifact in the same DVC project. An artifact's own section may name any output.
    """
    there = _range(manifest, wanted)
    return tuple(one for one in wanted.outputs if not any(_covers(PurePosixPath(one), output) for output in there))


def own_outputs(manifest: Manifest) -> tuple[Output, ...]:
    """The outputs at the artifact's own path; none for an artifact in git, at a URL, or that is not declared."""
    own = [PurePosixPath(one) for one in _own(manifest)]
    return tuple(one for one in manifest.outputs if any(_covers(path, one) for path in own))


def pins_artifact(manifest: Manifest, code: Mapping[str, str]) -> bool:
    """Whether the version holds its own artifact: as an output, or as code; `code` maps paths to git's file modes.

    True also if this is unknown: a URL, an artifact that is not declared, a path below a symbolic link.
    """
    if own_outputs(manifest):
        return True
    return all(
        own in code
        or any(path.startswith(f"{own}/") for path in code)
        or any(code.get(str(path)) == SYMLINK for path in PurePosixPath(own).parents)
        for own in _own(manifest)
    )


def nameable_paths(outputs: Iterable[Output]) -> tuple[str, ...]:
    """Every path that an entry could name: of the outputs, and of the directories that hold them."""
    found = {str(path) for one in outputs for path in (one.path, *one.path.parents) if path.name}
    return tuple(sorted(found))


def _range(manifest: Manifest, wanted: Wanted) -> Sequence[Output]:
    return manifest.outputs if wanted.own else whole(manifest)


def _own(manifest: Manifest) -> tuple[str, ...]:
    """The artifact's own path; `None` for an artifact at a URL, or one that is registered and not declared."""
    return () if not manifest.path or "://" in manifest.path else (manifest.path,)


def _covers(path: PurePosixPath, output: Output) -> bool:
    """Whether a path names an output: it is the output, a directory above it, or a part of a directory output."""
    return output.path.is_relative_to(path) or (output.is_directory and path.is_relative_to(output.path))
