"""One remote of the trusted configuration, inside the worker process: its objects, download and upload.

DVC's own file systems move the objects, so every kind of remote works that DVC knows; those of a local remote are
copied and hashed in one go. lastgood hashes them all itself.
"""

import os
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from stat import S_ISREG
from threading import Event
from typing import Any

from lastgood.adapters.dvc.batches import BATCH, _overlapped
from lastgood.adapters.dvc.contents import Found, list_far, list_local
from lastgood.adapters.dvc.hashing import hash_file, hash_stream
from lastgood.adapters.dvc.progress import Meter
from lastgood.adapters.dvc.staging import COPIERS, Staging, flush_all
from lastgood.adapters.dvc.transfers import Brought, Wanted
from lastgood.errors import AbsentRemoteError, LastgoodError, UnreachableError

EMPTY = "d41d8cd98f00b204e9800998ecf8427e"
"""The md5 of no bytes."""

AHEAD = 8 << 20
"""Bytes of a range that are requested at once; each reader has that many in memory."""

READERS = 16
"""The most objects that are read at the same time, whatever the remote's `jobs`."""

LAYOUT = re.compile(r"files|[0-9a-f]{2}")
"""The names at the top of every remote that something was pushed to, by DVC 3 or DVC 2."""


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
        self._path = path
        self._shared = bool(settings.get("shared"))
        self._odb = remote.legacy_odb if legacy else remote.odb
        self._is_local = type(self._odb.fs).__name__ == "LocalFileSystem"
        self._is_http = self._odb.fs.protocol in ("http", "https")

    def require_there(self) -> None:
        """Raise `AbsentRemoteError` if the remote has nothing of DVC's: an unmounted disk leaves no directory, or an
        empty one, and nothing is lost. Over HTTP this cannot be tested."""
        if self._is_http:
            return
        try:
            names = [path.rstrip("/").rpartition("/")[2] for path in self._odb.fs.ls(self._path, detail=False)]
        except (FileNotFoundError, NotADirectoryError):
            names = None
        if any(LAYOUT.fullmatch(name) for name in names or ()):
            return
        if not self._is_local:
            raise AbsentRemoteError(
                f"remote `{self.name}` is empty at its address",
                unchanged=True,
                hint="see dvc remote list; if it is new, or its objects are lost for good: dvc push && lastgood repair",
            )
        state = "does not exist" if names is None else "holds no objects"
        raise AbsentRemoteError(
            f"remote `{self.name}` does not exist: {self._path} {state} (a disk that is not mounted?)",
            unchanged=True,
            hint="mount it; if it is new, or its objects are lost for good: "
            f"mkdir -p {shlex.quote(f'{self._path}/files/md5')} && lastgood repair",
        )

    def present(self, identifiers: Sequence[str], meter: Meter) -> frozenset[str]:
        """Those of the objects that the remote has, each looked up or listed by name (facts.md, D10)."""
        found: set[str] = set()
        for start in range(0, len(identifiers), 2000):  # so that many silent requests cannot pass for a dead remote
            batch = identifiers[start : start + 2000]
            if self._is_local:
                # DVC's `oids_exist` hashes here, deletes what is corrupted and makes the rest 0444: existence only.
                found.update(one for one in batch if self.size(one) is not None)
                meter.beat(objects=len(batch))
            elif self._is_http:
                found.update(self._present_http(batch, meter))
            else:
                found.update(self._odb.oids_exist(batch, progress=lambda *_: meter.beat()))
                meter.beat(objects=len(batch))
        return frozenset(found)

    def _present_http(self, identifiers: Sequence[str], meter: Meter) -> list[str]:
        """The same over HTTP. fsspec takes a refused connection and a 5xx for "no such file" unless it is set to be
        strict."""
        filesystem = self._odb.fs

        def ask(identifier: str) -> bool:
            there = filesystem.fs.exists(self._odb.oid_to_path(identifier), strict=True)
            meter.beat(objects=1)
            return bool(there)

        with ThreadPoolExecutor(filesystem.jobs) as pool:
            answers = list(pool.map(ask, identifiers))
        return [one for one, there in zip(identifiers, answers, strict=True) if there]

    def download(self, wanted: Wanted, cache: Path, meter: Meter, *, shared: bool, stopped: Event) -> Brought:
        """Download objects into the cache at `cache`. An object appears there complete, hashed and flushed to disk, or
        not at all. `stopped` ends it before the next batch."""
        brought = Brought()
        with Staging(cache, meter, legacy=self.legacy, shared=shared) as staging:

            def bring(batch: Sequence[str]) -> dict[str, str]:
                digests, wrong = self._bring(batch, staging, meter, wanted.fits)
                brought.wrong |= wrong
                brought.absent.update(one for one in batch if one not in digests and one not in wrong)
                return digests

            def keep(digests: Mapping[str, str]) -> None:
                brought.corrupted.update(self._keep(digests, staging, meter))

            _overlapped(wanted.sizes, bring, keep, stopped)
            staging.flush_directories()
        return brought

    def _keep(self, digests: Mapping[str, str], staging: Staging, meter: Meter) -> set[str]:
        """Give objects their names, except those whose digest differs, which are returned."""
        found = {one: md5 or self.hash_of(staging.path_of(one), lambda _: meter.beat()) for one, md5 in digests.items()}
        corrupted = {one for one, md5 in found.items() if md5 != one.removesuffix(".dir")}
        staging.keep([one for one in found if one not in corrupted])
        return corrupted

    def _bring(
        self, identifiers: Sequence[str], staging: Staging, meter: Meter, fits: Callable[[str, int, bool], bool]
    ) -> tuple[dict[str, str], dict[str, int]]:
        """Those of the objects that the remote has, now in `staging`, with their md5 or "" if unknown; and the sizes of
        those that were skipped because they do not fit."""
        if not self._is_local:
            return self._bring_far(identifiers, staging, meter, fits)
        sizes = {one: size for one in identifiers if (size := self.size(one)) is not None}
        wrong = {one: size for one, size in sizes.items() if not fits(one, size, False)}
        return staging.copy({one: self._odb.oid_to_path(one) for one in sizes if one not in wrong}), wrong

    def _bring_far(
        self, identifiers: Sequence[str], staging: Staging, meter: Meter, fits: Callable[[str, int, bool], bool]
    ) -> tuple[dict[str, str], dict[str, int]]:
        """The same from a remote that is not local. Objects are looked up only if a download failed."""
        from lastgood.adapters.dvc.callbacks import Objects

        counted, rest = Objects(meter, fits), list(identifiers)
        while rest:
            try:
                self._copy(rest, staging, counted)
                break
            except Exception:
                here = [one for one in identifiers if os.path.exists(staging.path_of(one))]  # noqa: PTH110  # 512 times
                meter.beat(objects=len(here) - counted.objects)
                counted.objects = len(here)
                left = [one for one in rest if one not in here and one not in counted.wrong]
                there = self.present(left, Meter(lambda _: meter.beat()))
                if len(there) == len([one for one in rest if one not in here]):
                    raise
                rest = sorted(there)
        here = [one for one in identifiers if os.path.exists(staging.path_of(one))]  # noqa: PTH110  # as above
        return dict.fromkeys(here, ""), counted.wrong

    def _copy(self, identifiers: Sequence[str], staging: Staging, counted: Any) -> None:
        from dvc_objects.fs import generic, localfs

        if not identifiers:
            return
        sources = [self._odb.oid_to_path(one) for one in identifiers]
        targets = [staging.path_of(one) for one in identifiers]
        generic.copy(self._odb.fs, sources, localfs, targets, callback=counted)

    def upload(self, identifiers: Sequence[str], cache: Path, meter: Meter, *, stopped: Event) -> None:
        """Upload objects of the cache; their content must have been hashed before."""
        from dvc_objects.fs import localfs

        from lastgood.adapters.dvc.callbacks import Objects

        if not identifiers:
            return
        base = cache if self.legacy else cache / "files" / "md5"
        sources = [f"{base}/{one[:2]}/{one[2:]}" for one in identifiers]
        if self._is_local:
            self._put(dict(zip(identifiers, sources, strict=True)), meter, stopped)
        else:
            callback = Objects(meter)
            self._odb.add(sources, localfs, list(identifiers), check_exists=False, verify=False, callback=callback)

    def _put(self, sources: Mapping[str, str], meter: Meter, stopped: Event) -> None:
        """Write into a local remote as into a cache. DVC itself would not flush, and on a file system with reflinks
        would take an emptied object for a complete one."""
        sizes = {one: os.stat(path).st_size for one, path in sources.items()}  # noqa: PTH116  # 100,000 times
        with Staging(Path(self._path), meter, legacy=self.legacy, shared=self._shared) as staging:

            def keep(digests: Mapping[str, str]) -> None:
                if changed := self._keep(digests, staging, meter):
                    raise LastgoodError(f"{min(changed)} changed in the cache while it was pushed to `{self.name}`")

            _overlapped(sizes, lambda batch: staging.copy({one: sources[one] for one in batch}), keep, stopped)
            staging.flush_directories()

    def digests(
        self, identifiers: Mapping[str, bool], meter: Meter, *, stopped: Event
    ) -> dict[str, tuple[str, str | None]]:
        """The md5 of the real content on this remote under these names, read as a stream, and the SHA-256 if requested;
        without missing ones."""

        def read(identifier: str) -> tuple[str, str | None] | None:
            if stopped.is_set():
                return None
            strong = sha256() if identifiers[identifier] else None
            md5 = self._read(identifier, meter, strong.update if strong else None)
            meter.beat(objects=1)
            return None if md5 is None else (md5, strong.hexdigest() if strong else None)

        with ThreadPoolExecutor(COPIERS if self._is_local else min(READERS, self._odb.fs.jobs)) as pool:
            found = zip(identifiers, pool.map(read, identifiers), strict=True)
            return {one: digests for one, digests in found if digests is not None}

    def _read(self, identifier: str, meter: Meter, copy: Callable[[bytes], object] | None) -> str | None:
        path = self._odb.oid_to_path(identifier)

        def tell(size: int) -> None:
            meter.beat(size=size)

        try:
            if self._is_local:
                whole = self.size(identifier) is not None
                return hash_file(path, tell, legacy=self.legacy, copy=copy) if whole else None
            with self._odb.fs.open(path, "rb", block_size=0 if self._is_http else AHEAD) as file:
                return hash_stream(file, tell, legacy=self.legacy, copy=copy)
        except FileNotFoundError as error:  # fsspec's word for a server that failed, too
            if not self.present([identifier], Meter(lambda _: meter.beat())):
                return None
            raise UnreachableError(f"remote `{self.name}` has {identifier} and does not return it") from error

    def contents(self, meter: Meter) -> dict[str, Found]:
        """Every object here. Raises `LastgoodError` if the remote's kind cannot list its objects."""
        if self._is_local:
            return list_local(str(self._odb.path), meter.beat)
        if not self._odb.fs.CAN_TRAVERSE or self._is_http:
            raise LastgoodError(f"remote `{self.name}` cannot list its objects, so unneeded ones cannot be found")
        return list_far(self._odb.fs, self._odb.path, meter.beat)

    def remove(self, identifiers: Sequence[str], meter: Meter) -> None:
        """Remove objects, by DVC's own object database; one that is already gone is no error."""
        for start in range(0, len(identifiers), BATCH):
            batch = identifiers[start : start + BATCH]
            try:
                self._odb.fs.remove([self._odb.oid_to_path(one) for one in batch])
            except FileNotFoundError:  # somebody else removes, too
                for one in batch:
                    with suppress(FileNotFoundError):
                        self._odb.delete(one)
            meter.beat(objects=len(batch))

    def flush(self, meter: Meter) -> None:
        """Flush everything on this remote, also what others put there: DVC never flushes."""
        if self._is_local:
            flush_all(self._odb.path, meter)

    def size(self, identifier: str) -> int | None:
        """An object's size at a local remote; `None` if it does not exist, is no file, or was emptied by a power cut
        (facts.md, D9)."""
        try:
            status = os.stat(self._odb.oid_to_path(identifier))  # noqa: PTH116  # 100,000 times
        except (FileNotFoundError, NotADirectoryError):
            return None
        return status.st_size if S_ISREG(status.st_mode) and (status.st_size or identifier == EMPTY) else None

    def knows_sizes(self) -> bool:
        """Whether `size` can be used: only for a local remote, where it costs nothing."""
        return self._is_local

    def hash_of(self, path: str, tell: Callable[[int], object]) -> str:
        """The md5 that DVC computes for the file in this layout; `tell` gets the number of bytes read."""
        return hash_file(path, tell, legacy=self.legacy)
