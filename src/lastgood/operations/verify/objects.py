"""Verifying objects: the remote has every one that a version needs, and what is read is what its name says."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from lastgood.adapters.dvc.store import Store
from lastgood.core.digests import Digests
from lastgood.core.manifest import Manifest, Output
from lastgood.core.preflight import Corrupted, Missing
from lastgood.core.registry import History, Version
from lastgood.core.subset import Subset
from lastgood.errors import Finding, FindingsError, Flaw, LastgoodError, UnreachableError
from lastgood.project import Project
from lastgood.releases.hashing import digests, is_legacy_md5


@dataclass
class Looked:
    """One version while it is looked at; `manifest` is `None` where it cannot be read."""

    history: History
    version: Version
    findings: list[Finding] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    manifest: Manifest | None = None
    silent: LastgoodError | None = None
    """Why a DVC remote could not be asked."""

    @contextmanager
    def telling(self) -> Iterator[None]:
        """What is raised inside is found, or cannot be told."""
        try:
            yield
        except FindingsError as error:
            self.findings += error.findings
        except LastgoodError as error:
            self.unknown.append(error.message)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """As `telling`, of a DVC remote."""
        with self.telling():
            try:
                yield
            except FindingsError:
                raise
            except LastgoodError as error:
                self.silent = error
                raise

    @property
    def stored(self) -> tuple[Output, ...]:
        """What the remote should hold."""
        return self.manifest.stored if self.manifest is not None else ()


Told = tuple[Output, Callable[[Manifest], Finding]]
"""What is wrong with an output, to be said of each version that has it."""


def check_objects(project: Project, looked: Iterable[Looked], *, deep: bool, subset: Subset | None) -> None:
    """What the remotes lack; with `deep`, also what they and the cache hold that is wrong, of a part of the objects."""
    parts: dict[Path, list[Looked]] = {}
    for one in looked:
        if one.manifest is not None:
            with one.telling():
                parts.setdefault(project.store(one.manifest.project).root, []).append(one)
    for part in parts.values():
        store = project.store(next(one.manifest.project for one in part if one.manifest is not None))
        _ask(part, partial(_lost, project, store))
        if deep:
            _ask(part, partial(_wrong, project, store, subset))
            _check_cache(project, store, part, subset)


def _ask(part: Sequence[Looked], question: Callable[[Iterable[Output]], Sequence[Told]]) -> None:
    """Ask the remotes of a DVC project once for all versions.

    Where something is wrong with one of them they are asked one by one, but a remote that was silent is not again.
    """
    asked = [one for one in part if one.silent is None]
    try:
        told = question(output for one in asked for output in one.stored)
    except UnreachableError:
        for one in asked:
            with one.asking():
                raise
    except LastgoodError:
        for one in asked:
            with one.asking():
                _tell(one, question(one.stored))
    else:
        for one in asked:
            _tell(one, told)


def _tell(one: Looked, told: Iterable[Told]) -> None:
    own = frozenset(one.stored)
    if one.manifest is not None:
        found = [finding(one.manifest) for output, finding in told if output in own]
        one.findings += [finding for finding in found if finding not in one.findings]


def _lost(project: Project, store: Store, outputs: Iterable[Output]) -> list[Told]:
    def told(need: Missing) -> Told:
        text = "{} of {} ({}) is not on the remote"
        return need.output, lambda manifest: Finding(
            Flaw.MISSING, str(need.path), text.format(need.path, manifest.version, need.md5)
        )

    return [told(need) for need in store.missing_on_remote(outputs, on_progress=project.report_transfer)]


def _wrong(project: Project, store: Store, subset: Subset | None, outputs: Iterable[Output]) -> list[Told]:
    """The remote is the copy that counts: no other machine can restore what is wrong there."""

    def told(one: Corrupted) -> Told:
        return one.need.output, lambda manifest: _corrupted(manifest, one.need, one.text)

    found = store.corrupted_on_remote(outputs, subset, on_progress=project.report_transfer)
    return [told(one) for one in found]


def _check_cache(project: Project, store: Store, part: Sequence[Looked], subset: Subset | None) -> None:
    """Hash what the cache has of these versions, from the disk and not from memory of it."""
    cache = store.cache()
    known: dict[tuple[str, bool], Digests] = {}
    for place, one in enumerate(part, 1):
        project.report("hashing the cache", place, len(part), 0)
        for need in (need for output in one.stored for need in _needs(store, output)):
            path = cache.path_of(need.md5, legacy=need.output.legacy)
            if (subset and not subset.has(need.md5)) or not path.is_file():
                continue
            key = need.md5, need.output.legacy
            with one.telling():
                if key not in known:
                    known[key] = digests(path)
                if one.manifest is not None and not _is_right(need, path, known[key]):
                    one.findings.append(_corrupted(one.manifest, need, f"object {need.md5} in the cache is corrupted"))


def _needs(store: Store, output: Output) -> Iterator[Missing]:
    """Every object of an output, as far as its listing can be read here."""
    yield Missing(output, output.md5)
    if output.is_directory and store.cache().has(output.md5, legacy=output.legacy):
        yield from (Missing(output, member.md5, member.path) for member in store.members(output))


def _is_right(need: Missing, path: Path, found: Digests) -> bool:
    own = found.md5 == need.md5.removesuffix(".dir") or (need.output.legacy and is_legacy_md5(path, need.md5))
    return own and (need.output.is_directory or need.output.sha256 in {None, found.sha256})


def _corrupted(manifest: Manifest, need: Missing, text: str) -> Finding:
    return Finding(Flaw.CORRUPTED, str(need.path), f"{need.path} of {manifest.version}: {text}")
