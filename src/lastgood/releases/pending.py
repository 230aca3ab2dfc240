"""Acts done on this machine while origin was down and not published yet: one file per stage, in order."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from lastgood.core.offline import Act
from lastgood.errors import Finding, Flaw, LastgoodError, UsageError
from lastgood.releases import durable
from lastgood.releases.place import Place, decode_name, encode_name

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Pending:
    """The acts of one stage, oldest first; `problem` is set instead if its file cannot be read."""

    path: Path
    artifact: str
    stage: str
    acts: tuple[Act, ...] = ()
    problem: Finding | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings about waiting acts, for everybody at this machine."""
        told = tuple(
            Finding(Flaw.PENDING, f"{self.artifact}@{self.stage}", f"{act}; not published yet: {act.finish}")
            for act in self.acts
        )
        return (self.problem,) if self.problem else told


def read(place: Place) -> tuple[Pending, ...]:
    """All waiting acts. A file that cannot be read is reported by its name and never removed."""
    return tuple(_read(path) for path in sorted(place.pending.glob("*.json")))


def acts(place: Place, artifact: str | None = None, stage: str | None = None) -> tuple[Act, ...]:
    """The waiting acts, of one artifact or of all, in order. Raises `LastgoodError` for an unreadable file: its acts
    must be neither lost nor skipped."""
    found = [one for one in read(place) if artifact in {None, one.artifact} and stage in {None, one.stage}]
    for one in found:
        if one.problem is not None:
            aside = f"mv {quote(str(one.path))} {quote(str(one.path.with_suffix('.unread')))}"
            raise LastgoodError(f"{one.problem}", hint=f"to go on without it: {aside}", unchanged=True)
    return tuple(act for one in found for act in one.acts)


def append(place: Place, act: Act) -> None:
    """Add an act, on disk when this returns. The caller holds the place's lock."""
    _write(place, act, (*acts(place, act.artifact, act.stage), act))


def remove(place: Place, act: Act) -> None:
    """Remove an act that origin has now; a no-op if it is not there. The caller holds the place's lock."""
    _write(place, act, [one for one in acts(place, act.artifact, act.stage) if one.id != act.id])


def _write(place: Place, act: Act, kept: Sequence[Act]) -> None:
    place.create()
    durable.make_directories(place.pending)
    durable.remove_leftovers(place.pending)
    path = place.pending / f"{encode_name(act.artifact)}@{encode_name(act.stage)}.json"
    if kept:
        document = {"schema": SCHEMA, "acts": [one.document() for one in kept]}
        durable.write_atomic(path, json.dumps(document, indent=2).encode() + b"\n")
    elif path.exists():
        path.unlink()
        durable.fsync_directory(path.parent)


def _read(path: Path) -> Pending:
    artifact, _, stage = (decode_name(part) for part in path.stem.rpartition("@"))
    try:
        document = json.loads(durable.read_plain(path))
        if not isinstance(document, dict) or document.get("schema") != SCHEMA:
            raise ValueError(f"it is not of schema {SCHEMA}")  # noqa: TRY301  # reported with the others below
        found = tuple(Act.parse(one) for one in document.get("acts") or ())
        if not found or any((act.artifact, act.stage) != (artifact, stage) for act in found):
            raise ValueError("it holds no act of that stage")  # noqa: TRY301  # as above
    except (OSError, ValueError, TypeError, UsageError, RecursionError) as error:
        text = f"{path} cannot be read, which keeps what was done here while origin was out of reach: {error}"
        return Pending(path, artifact, stage, problem=Finding(Flaw.PENDING, str(path), text))
    return Pending(path, artifact, stage, found)
