"""One remote of the trusted configuration, inside the worker process: what it has, bring it here, put it there.

Objects are moved by DVC's own file systems, so every kind of remote works that DVC knows. lastgood hashes them itself.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from time import time
from typing import Any
from uuid import uuid4

from lastgood.adapters.dvc.progress import Meter
from lastgood.errors import LastgoodError

BATCH = 512
"""Objects downloaded before they are hashed and moved into the cache: what a kill costs at most."""

EMPTY = "d41d8cd98f00b204e9800998ecf8427e"
"""The md5 of no bytes."""

ABANDONED = 24 * 3600
"""Seconds after which a staging directory belongs to a download that was killed."""


class Remote:
    """Objects of one layout (`legacy` or not) at the remote that the configuration calls `name`."""

    def __init__(self, config: Mapping[str, Any], name: str, *, legacy: bool) -> None:
        from dvc.data_cloud import Remote as DvcRemote
        from dvc.fs import get_cloud_fs

        try:
            kind, settings, path = get_cloud_fs(config, name=name)
        except KeyError as error:
            raise LastgoodError(f"remote `{name}` has no {error} in DVC's configuration") from error
        if settings.get("worktree") or settings.get("version_aware"):
            message = f"remote `{name}` is a cloud-versioned or worktree remote, which lastgood does not support"
            raise LastgoodError(message, hint="dvc remote add -d NAME URL, without version_aware and worktree")
        remote = DvcRemote(name, path, kind(**settings), **settings)
        self.name = name
        self.legacy = legacy
        self._odb = remote.legacy_odb if legacy else remote.odb
        self._is_local = type(self._odb.fs).__name__ == "LocalFileSystem"
        self._is_http = self._odb.fs.protocol in ("http", "https")

    def present(self, identifiers: Sequence[str], meter: Meter) -> frozenset[str]:
        """Those of the objects that the remote has, each asked for or listed by name (FIELD 17)."""
        found: set[str] = set()
        for batch in _batches(identifiers, 2000):  # so that a silence of many requests cannot pass for a dead remote
            if self._is_local:
                # DVC's `oids_exist` hashes here, deletes what is corrupted and makes the rest 0444: existence only.
                found.update(one for one in batch if _is_whole(Path(self._odb.oid_to_path(one)), one))
            elif self._is_http:
                found.update(self._present_http(batch, meter))
            else:
                found.update(self._odb.oids_exist(batch, progress=lambda *_: meter.beat()))
            meter.beat()
        return frozenset(found)

    def _present_http(self, identifiers: Sequence[str], meter: Meter) -> list[str]:
        """fsspec takes a refused connection and a 5xx for "no such file" unless told to be strict."""
        filesystem = self._odb.fs

        def ask(identifier: str) -> bool:
            there = filesystem.fs.exists(self._odb.oid_to_path(identifier), strict=True)
            meter.beat()
            return bool(there)

        with ThreadPoolExecutor(filesystem.jobs) as pool:
            answers = list(pool.map(ask, identifiers))
        return [one for one, there in zip(identifiers, answers, strict=True) if there]

    def download(self, identifiers: Sequence[str], cache: Path, meter: Meter, *, shared: bool) -> list[str]:
        """Bring objects into the cache at `cache`; those whose content is not what their name says are returned and
        not kept. An object appears in the cache whole, hashed and flushed to disk, or not at all."""
        from dvc_objects.fs import generic, localfs

        base = cache if self.legacy else cache / "files" / "md5"
        staging = cache / "lastgood" / uuid4().hex
        corrupted = []
        _sweep(staging.parent)
        staging.mkdir(parents=True)
        try:
            for batch in _batches(identifiers, BATCH):
                sources = [self._odb.oid_to_path(one) for one in batch]
                targets = [str(staging / one) for one in batch]
                generic.copy(self._odb.fs, sources, localfs, targets, callback=meter.callback())
                for one in batch:
                    if self.hash_of(staging / one, meter) == one.removesuffix(".dir"):
                        _keep(staging / one, base / one[:2] / one[2:], shared=shared)
                    else:
                        corrupted.append(one)
        finally:
            _remove(staging)
        return corrupted

    def upload(self, identifiers: Sequence[str], cache: Path, meter: Meter) -> None:
        """Put objects of the cache to the remote; their content must have been hashed before."""
        from dvc_objects.fs import localfs

        if not identifiers:
            return
        base = cache if self.legacy else cache / "files" / "md5"
        sources = [str(base / one[:2] / one[2:]) for one in identifiers]
        if self._is_local:
            for one in identifiers:  # DVC takes an emptied object for a whole one where the file system can reflink
                Path(self._odb.oid_to_path(one)).unlink(missing_ok=True)
        self._odb.add(sources, localfs, list(identifiers), check_exists=False, verify=False, callback=meter.callback())
        if self._is_local:
            # DVC never flushes: after a power cut the remote would hold empty 0444 files for good (FIELD 16).
            paths = [Path(self._odb.oid_to_path(one)) for one in identifiers]
            for path in (*paths, *{path.parent for path in paths}, Path(self._odb.path)):
                _flush(path)
                meter.beat()

    def sizes(self, identifiers: Sequence[str]) -> dict[str, int | None]:
        """The objects' sizes at a local remote, where they cost nothing; empty for others."""
        if not self._is_local:
            return {}
        return {one: Path(self._odb.oid_to_path(one)).stat().st_size for one in identifiers}

    def hash_of(self, path: Path, meter: Meter) -> str:
        """The md5 that DVC gives the file in this layout; for the legacy one text is hashed with unix line ends."""
        from dvc_data.hashfile.hash import file_md5

        name = "md5-dos2unix" if self.legacy else "md5"
        return str(file_md5(str(path), name=name, callback=meter.child()))


def _is_whole(path: Path, identifier: str) -> bool:
    """There, and not emptied by a power cut, which DVC would trust for ever (FIELD 16)."""
    return path.is_file() and (path.stat().st_size > 0 or identifier == EMPTY)


def _batches(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _keep(source: Path, target: Path, *, shared: bool) -> None:
    """Data first, then the name, then the directory: a 0444 file in the cache is trusted unread, for ever."""
    if not target.parent.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        if shared:
            target.parent.chmod(0o2775)
    source.chmod(0o444)
    _flush(source)
    source.replace(target)
    _flush(target.parent)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sweep(directory: Path) -> None:
    with suppress(OSError):  # another user's in a shared cache, or just being removed
        for left in directory.iterdir():
            if time() - left.stat().st_mtime > ABANDONED:
                rmtree(left)


def _remove(directory: Path) -> None:
    for path in directory.iterdir():
        path.unlink()
    directory.rmdir()
    with suppress(OSError):  # another download may be staging beside this one
        directory.parent.rmdir()
