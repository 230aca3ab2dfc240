"""Which release is live in a stage on this machine, and switching it by one rename: either the old release or the new
one is live."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from lastgood.core.manifest import Json
from lastgood.errors import Finding, FindingsError, Flaw
from lastgood.releases import durable, lock, log
from lastgood.releases.place import Place, decode_name, encode_name
from lastgood.releases.release import Release, load_release

SWITCHED = "switched"


def switch(place: Place, artifact: str, stage: str, release: Release, *, now: datetime | None = None) -> Path | None:
    """Make a release live in a stage, on disk when this returns. Returns the release directory that was live before.

    The new link is written beside the old one and renamed over it, so that a reader finds one of the two at every
    instant. It is relative: the place can be moved or mounted elsewhere. History is written last. If the process
    crashes before that, or the disk is full, the next switch logs it: the new release is live, so this is no failure.
    """
    link = place.live_link(artifact, stage)
    durable.make_directories(link.parent)
    name = f"live/{link.parent.name}"
    with lock.hold(place, lock.Lock(name, f"{name}/.lock"), f"switch {artifact} {stage}"):
        durable.remove_leftovers(link.parent)
        previous = target_of(link)
        if previous != release.path or not link.is_symlink():
            fresh = link.parent / f"{durable.NEW}{os.urandom(6).hex()}"
            fresh.symlink_to(os.path.relpath(release.path, link.parent))
            fresh.replace(link)
        durable.fsync_directory(link.parent)
        with suppress(OSError):
            _enter(place, artifact, stage, release, previous, now or datetime.now(UTC))
    return previous


def _enter(place: Place, artifact: str, stage: str, release: Release, previous: Path | None, now: datetime) -> None:
    last = last_switch(place, artifact, stage)
    to = os.path.relpath(release.path, place.root)
    if previous == release.path:
        if last is not None and last["to"] == to:
            return
        former = last["to"] if last is not None else None
    else:
        former = os.path.relpath(previous, place.root) if previous is not None else None
    event: dict[str, Json] = {
        "event": SWITCHED,
        "at": now.isoformat(),
        "artifact": artifact,
        "stage": stage,
        "version": release.version,
        "from": former,
        "to": to,
    }
    log.append(place.history, event)


def last_switch(place: Place, artifact: str, stage: str) -> Mapping[str, Json] | None:
    """The last switch of a stage in history: `at`, `version`, `from` and `to` (relative to the place)."""
    for event in reversed(log.read(place.history)):
        if (event.get("event"), event.get("artifact"), event.get("stage")) == (SWITCHED, artifact, stage):
            return event
    return None


def target_of(link: Path) -> Path | None:
    """The target of a live link, as an absolute path without `..`, whether it exists or not; `None` without a link."""
    try:
        target = os.readlink(link)  # noqa: PTH115  # as it is written
    except OSError:
        return None
    return Path(os.path.normpath(link.parent / target))


def live(place: Place, artifact: str, stage: str) -> Release | None:
    """The release that is live in a stage; `None` if there is none (`inspect_live` returns why)."""
    return inspect_live(place, artifact, stage)[0]


def is_live(place: Place, directory: Path) -> bool:
    """Whether a stage's link leads to a directory."""
    real = os.path.realpath(directory)
    return any(os.path.realpath(target) == real for _, _, target in live_links(place))


def inspect_live(place: Place, artifact: str, stage: str) -> tuple[Release | None, tuple[Finding, ...]]:
    """The live release, or findings about the link: it is no link, points outside, or to no finished release."""
    link = place.live_link(artifact, stage)
    if not os.path.lexists(link):
        return None, ()
    target = target_of(link)
    if target is None:
        return None, (
            Finding(Flaw.STRANGE_LINK, str(link), f"{link} is not a symbolic link; lastgood did not make it"),
        )
    if target.parent.parent != Path(os.path.normpath(place.releases)):
        return None, (Finding(Flaw.STRANGE_LINK, str(link), f"{link} points outside of {place.releases}: {target}"),)
    if not target.is_dir():
        return None, (Finding(Flaw.DANGLING_LINK, str(link), f"{link} points to {target}, which is gone"),)
    try:
        return load_release(target), ()
    except FindingsError as error:
        return None, error.findings


def live_links(place: Place) -> tuple[tuple[str, str, Path], ...]:
    """(artifact, stage, release directory) of every live link, whatever it points to."""
    links = [link for link in sorted(place.live.glob("*/*")) if not link.name.startswith(".")]
    targets = [(decode_name(link.parent.name), decode_name(link.name), target_of(link)) for link in links]
    return tuple((artifact, stage, target) for artifact, stage, target in targets if target is not None)


def follow(place: Place, artifact: str, stage: str) -> None:
    """Remember that this machine follows a stage."""
    place.create()
    document = {"schema": 1, "artifact": artifact, "stage": stage}
    with lock.hold(place, lock.FOLLOW, f"follow {artifact} {stage}"):
        durable.remove_leftovers(place.follow)
        durable.write_atomic(_follow_file(place, artifact, stage), json.dumps(document).encode() + b"\n")


def unfollow(place: Place, artifact: str, stage: str) -> None:
    """Forget that this machine follows a stage; a no-op if it does not."""
    _follow_file(place, artifact, stage).unlink(missing_ok=True)
    if place.follow.is_dir():
        durable.fsync_directory(place.follow)


def followed(place: Place) -> tuple[tuple[str, str], ...]:
    """(artifact, stage) of everything this machine follows; unreadable files are skipped."""
    found = []
    for path in place.follow.glob("*.json"):
        try:
            document = json.loads(durable.read_plain(path))
            found.append((str(document["artifact"]), str(document["stage"])))
        except (ValueError, KeyError, TypeError):
            continue
    return tuple(sorted(found))


def _follow_file(place: Place, artifact: str, stage: str) -> Path:
    return place.follow / f"{encode_name(artifact)}@{encode_name(stage)}.json"
