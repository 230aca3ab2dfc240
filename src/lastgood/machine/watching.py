"""What a guard keeps on this machine between two looks, and that it is the only one of its stage here."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from lastgood.core.evidence import State
from lastgood.core.guarding.check import Check
from lastgood.project import Project
from lastgood.releases import durable, lock
from lastgood.releases.place import Place, encode_name


@contextmanager
def alone(project: Project, artifact: str, stage: str) -> Iterator[None]:
    """Be the only guard of a stage on this machine. Raises `LockedError` naming the other one, at once."""
    name = f"guard-{_name(artifact, stage)}"
    place = project.place.create()
    with lock.hold(place, lock.Lock(name, f".{name}"), f"guard {artifact} {stage}", wait=0):
        yield


def read(place: Place, artifact: str, stage: str, checks: tuple[Check, ...]) -> dict[str, State]:
    """The states of the checks, by name. What cannot be read, or is of a check that was changed since, is left out:
    its evidence starts anew."""
    try:
        document = json.loads(durable.read_plain(_path(place, artifact, stage)))
    except (OSError, ValueError, RecursionError):
        return {}
    found = {}
    for check in checks:
        kept = document.get(check.name) if isinstance(document, dict) else None
        if isinstance(kept, dict) and kept.get("check") == _fingerprint(check):
            try:
                found[check.name] = State.parse(kept.get("state"))
            except ValueError:
                continue
    return found


def write(place: Place, artifact: str, stage: str, states: Mapping[Check, State]) -> None:
    """Keep the states: a restart goes on with them. Who dies before loses one look, and no rollback."""
    document = {
        check.name: {"check": _fingerprint(check), "state": state.document()} for check, state in states.items()
    }
    path = _path(place, artifact, stage)
    durable.make_directories(path.parent)
    path.parent.chmod(0o700)
    durable.write_atomic(path, json.dumps(document).encode(), mode=0o600)


def _fingerprint(check: Check) -> str:
    return sha256(repr(check).encode()).hexdigest()[:16]


def _path(place: Place, artifact: str, stage: str) -> Path:
    return place.guard / f"{_name(artifact, stage)}.json"


def _name(artifact: str, stage: str) -> str:
    return f"{encode_name(artifact)}#{encode_name(stage)}"
