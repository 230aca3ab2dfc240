"""Refusing a section of `lastgood.toml` that names outputs which no version has: a typo, or another team's outputs."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from itertools import islice

from lastgood.adapters.git import repository
from lastgood.core.config import FILE, Config
from lastgood.core.events import Kind
from lastgood.core.manifest import Manifest
from lastgood.core.registry import History, Version
from lastgood.core.selection import Wanted, nameable_paths, unmatched, whole
from lastgood.core.unknown import find_meant, find_slip
from lastgood.errors import Finding, FindingsError, Flaw, LastgoodError, counted
from lastgood.project import Project
from lastgood.versions.manifests import read_manifest

MOST_VERSIONS = 20
"""Other versions that are looked at, to tell a typo from a layout that has changed."""
MOST_NAMES = 10


def require_selection(
    project: Project, history: History, version: Version, manifest: Manifest, stage: str | None
) -> None:
    """Raise `FindingsError` for each entry of the stage's section that matches no output.

    An entry that matches in another version is no typo: the layout has changed since, and the version that is to be
    delivered gets its whole release (`core.selection.select`). An emergency must not wait for an edit of the section.
    """
    wanted = project.config.wanted(stage, history.artifact)
    strange = unmatched(manifest, wanted)
    if strange:
        strange = _in_no_other(project, history, version, wanted, strange)
    if not strange:
        return
    name = f"{history.artifact} {version.text}"
    findings = [
        Finding(Flaw.NO_OUTPUT, one, f"{one!r} in {wanted.section} names no output of {name}") for one in strange
    ]
    raise FindingsError(
        f"{FILE} does not fit {name}: {counted(len(findings), 'finding')}",
        findings,
        hint=_hint(project, manifest, wanted, strange[0]),
    )


def warn_of_layout(manifest: Manifest, wanted: Wanted) -> tuple[Finding, ...]:
    """What to say of entries that match in another version only, once they were not refused."""
    text = (
        f"no output of {manifest.artifact} {manifest.version}, whose layout is another: its release leaves out nothing"
    )
    return tuple(
        Finding(Flaw.LAYOUT, one, f"{one!r} in {wanted.section} names {text}") for one in unmatched(manifest, wanted)
    )


def warn_of_names(config: Config, stage: str | None, known: Collection[str]) -> tuple[Finding, ...]:
    """Warnings about sections of one artifact (of a stage, or of all) whose artifact no version has, but for a slip.

    Such a section is not applied, so nothing can be missing from a release. A name that resembles none may be an
    artifact that will be registered.
    """
    found = []
    for of, name in config.release:
        meant = find_slip(name, known) if name and name not in known and stage in {None, of} else None
        if meant:
            section = config.wanted(of, name).section
            found.append(Finding(Flaw.NO_ARTIFACT, name, f"{section} names no artifact here; did you mean {meant}?"))
    return tuple(found)


def _in_no_other(
    project: Project, history: History, version: Version, wanted: Wanted, strange: tuple[str, ...]
) -> tuple[str, ...]:
    """Those of the entries that match no output of any other version, as far as the others are at hand."""
    for manifest in _others(project, history, version):
        left = frozenset(unmatched(manifest, wanted))
        strange = tuple(one for one in strange if one in left)
        if not strange:
            break
    return strange


def _others(project: Project, history: History, version: Version) -> Iterator[Manifest]:
    """The manifests of other versions: those first that served, the newest first. Nothing is fetched for them."""
    for other in islice(_in_order(history, version), MOST_VERSIONS):
        try:
            if repository.has_commit(project.git, other.commit):
                yield read_manifest(project, history, other)
        except LastgoodError:  # another version that cannot be read says nothing about this one
            continue


def _in_order(history: History, version: Version) -> Iterable[Version]:
    served = [event.version for event in reversed(history.events) if event.kind is Kind.ASSIGNED]
    names = dict.fromkeys((*served, *(one.text for one in reversed(history.versions))))
    return (history.by_name[name] for name in names if name in history.by_name and name != version.text)


def _hint(project: Project, manifest: Manifest, wanted: Wanted, entry: str) -> str:
    """What to edit, where, and what could be meant; an entry that is another team's was not mistyped."""
    there = manifest.outputs if wanted.own else whole(manifest)
    of_others = not unmatched(manifest, replace(wanted, outputs=(entry,), own=True))
    meant = None if of_others else find_meant(entry.strip("/"), nameable_paths(there))
    guess = f"did you mean {meant}? " if meant else ""
    where = FILE if project.root is not None else f"{FILE} of the default branch or of {project.place.root}"
    own = f'{wanted.section.removesuffix("]")}."{manifest.artifact}"]'
    section = "" if wanted.own else f", or say what {manifest.artifact} needs in a section {own}"
    names = ", ".join(str(one.path) for one in there[:MOST_NAMES])
    more = f" and {len(there) - MOST_NAMES} more" if len(there) > MOST_NAMES else ""
    return f"{guess}correct it in {where}{section}; its outputs: {names or 'none'}{more}"
