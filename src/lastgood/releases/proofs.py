"""Proofs: which files were hashed, and whether that is still valid. They may be deleted at any time; they are never the
truth."""

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from os import stat_result
from pathlib import Path
from typing import Self, TypeAlias, TypeVar

from lastgood.core.digests import Digests
from lastgood.releases import durable, hashing

State: TypeAlias = tuple[int, int, int, int, int]
P = TypeVar("P", str, Path)

APPLICATION = 0x6C617374  # "last"
FORMAT = 1
CHUNK = 500
COARSE, FINE = 2_000_000_000, 50_000_000
WRITABLE = 0o222
FILES = ("", "-wal", "-shm", "-journal")
"""What the names of a database's files end with."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS proofs (
  dev INTEGER, ino INTEGER, size INTEGER, mtime INTEGER, ctime INTEGER, md5 TEXT NOT NULL, sha256 TEXT NOT NULL,
  PRIMARY KEY (dev, ino)) WITHOUT ROWID
"""


class Proofs:
    """Digests of files, hashed again only if they may have changed; several processes may share one database.

    A proof belongs to an inode and holds while size, modification time and change time are unchanged: a write through
    0444 by root, an exchanged file, a `touch` all end it. It is written only when the bytes are on disk, so that it
    cannot outlive them in a power cut. A database that is broken, foreign or unreachable costs only the hashing.
    """

    def __init__(self, path: Path, *, clock: Callable[[], int] = time.time_ns) -> None:
        """Open or make the database; never fails. `clock` gives nanoseconds since the epoch."""
        self._path = path
        self._clock = clock
        self._database = self._open()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def digests(self, path: Path) -> Digests:
        """The digests of one file, from memory if still valid. Raises as `hashing.read_stable`."""
        return self.digests_of([path])[path]

    def digests_of(self, paths: Iterable[P], *, weak: bool = True) -> dict[P, Digests]:
        """The digests of many files, the unknown ones hashed in parallel; the MD5 only where known, or with `weak`.

        Raises as `hashing.read_stable`.
        """
        return self.digests_at({path: os.stat(path) for path in paths}, weak=weak)  # noqa: PTH116  # text paths too

    def digests_at(self, states: Mapping[P, stat_result], *, weak: bool = True) -> dict[P, Digests]:
        """As `digests_of`, for files whose state was just read."""
        state_of = {path: hashing.state(status) for path, status in states.items()}
        known = self._recall(state_of.values())
        if weak:
            known = {state: digests for state, digests in known.items() if digests.md5}
        unknown = {state: path for path, state in state_of.items() if state not in known}
        if unknown:
            paths = list(unknown.values())
            read = hashing.read_many(paths, [state[2] for state in unknown], weak=weak)
            self._remember(paths, read)
            known.update(zip(unknown, (digests for digests, _ in read), strict=True))
        return {path: known[state] for path, state in state_of.items()}

    def known(self, states: Mapping[P, stat_result]) -> dict[P, Digests]:
        """The digests of those files that were hashed and are unchanged; nothing is hashed."""
        state_of = {path: hashing.state(status) for path, status in states.items()}
        known = self._recall(state_of.values())
        return {path: known[state] for path, state in state_of.items() if state in known}

    def is_empty(self) -> bool:
        """Whether nothing is remembered."""
        with suppress(sqlite3.Error):
            return self._database.execute("SELECT 1 FROM proofs LIMIT 1").fetchone() is None
        return True

    def moved(self, pairs: Iterable[tuple[State, State]]) -> None:
        """Keep the proofs of files whose change time lastgood itself changed, given their states just before and after.

        Only a proof that matches the "before" state is updated; all others are left alone.
        """
        rows = [
            (_signed(ino), old[4], new[4], _signed(dev), size, mtime)
            for old, new in pairs
            for dev, ino, size, mtime, _ in [old]
            if old[:4] == new[:4]
        ]
        statement = (
            "UPDATE proofs SET ctime = ?3 WHERE ino = ?1 AND ctime = ?2 AND dev = ?4 AND size = ?5 AND mtime = ?6"
        )
        with suppress(sqlite3.Error), self._database:
            self._database.executemany(statement, rows)

    def _recall(self, states: Iterable[State]) -> dict[State, Digests]:
        by_device: dict[int, list[int]] = {}
        for dev, ino, *_ in states:
            by_device.setdefault(dev, []).append(ino)
        known = {}
        for dev, inodes in by_device.items():
            for row in self._rows(dev, inodes):
                ino, size, mtime, ctime, md5, sha256 = row
                known[dev, ino % 2**64, size, mtime, ctime] = Digests(md5, sha256, size)
        return known

    def _rows(self, dev: int, inodes: Sequence[int]) -> list[tuple[int, int, int, int, str, str]]:
        rows: list[tuple[int, int, int, int, str, str]] = []
        query = "SELECT ino, size, mtime, ctime, md5, sha256 FROM proofs WHERE dev = ? AND ino IN (%s)"
        try:
            for start in range(0, len(inodes), CHUNK):
                chunk = [_signed(ino) for ino in inodes[start : start + CHUNK]]
                marks = ",".join("?" * len(chunk))
                rows += self._database.execute(query % marks, [_signed(dev), *chunk]).fetchall()
        except sqlite3.OperationalError:
            return rows
        except sqlite3.DatabaseError:
            self._database.close()
            self._throw_away()
            self._database = self._open()
            return []
        return rows

    def _remember(self, paths: Sequence[P], read: Sequence[tuple[Digests, stat_result]]) -> None:
        durable.fsync_files(paths)
        now = self._clock()
        rows = []
        for digests, status in read:
            if not is_racy(status, now):
                dev, ino, *rest = hashing.state(status)
                rows.append((_signed(dev), _signed(ino), *rest, digests.md5, digests.sha256))
        with suppress(sqlite3.Error), self._database:
            self._database.executemany("INSERT OR REPLACE INTO proofs VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def _open(self) -> sqlite3.Connection:
        for _ in range(2):
            if self._path.is_symlink():
                break
            try:
                database = _connect(str(self._path))
            except sqlite3.OperationalError:
                break
            except sqlite3.DatabaseError:
                self._throw_away()
            else:
                self._close_to_others()
                return database
        return _connect(":memory:")

    def _close_to_others(self) -> None:
        """Make the files private: SQLite locks parts of them, and so could every reader. Every build would then wait
        for nothing."""
        for suffix in FILES:
            with suppress(OSError):
                path = self._path.with_name(self._path.name + suffix)
                if path.stat().st_mode & 0o077:
                    path.chmod(0o600)

    def _throw_away(self) -> None:
        for suffix in FILES:
            with suppress(OSError):
                self._path.with_name(self._path.name + suffix).unlink()


def is_racy(status: stat_result, now: int) -> bool:
    """Whether a file was written so shortly before `now` that one more write could leave all its times unchanged.

    As git does with its index. Time stamps move in steps: at most 10 ms on Linux (a tick of the kernel's clock), up to
    2 s on coarse file systems. A writable file must be 2 s old. A read-only object on a file system with fractions of a
    second is no longer written, and 50 ms are enough; otherwise a model just fetched would be hashed twice. The change
    time is not used: lastgood's own links change it, and every write changes the modification time.
    """
    step = FINE if not status.st_mode & WRITABLE and status.st_mtime_ns % 1_000_000_000 else COARSE
    return abs(now - status.st_mtime_ns) < step


def _connect(path: str) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=30)
    try:
        if not _is_ours(database):
            # Under the write lock and asked again: another process may be making it at this moment.
            database.execute("BEGIN IMMEDIATE")
            if not _is_ours(database):
                _claim(database)
            database.commit()
        # A commit then costs no fsync; a power cut loses the last proofs, which is what they are for.
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        database.close()
        raise
    return database


def _is_ours(database: sqlite3.Connection) -> bool:
    (application,) = database.execute("PRAGMA application_id").fetchone()
    (number,) = database.execute("PRAGMA user_version").fetchone()
    return (application, number) == (APPLICATION, FORMAT)


def _claim(database: sqlite3.Connection) -> None:
    if database.execute("SELECT 1 FROM sqlite_master").fetchone():
        raise sqlite3.DatabaseError("somebody else's, or of another lastgood")
    database.execute(f"PRAGMA application_id = {APPLICATION}")
    database.execute(f"PRAGMA user_version = {FORMAT}")
    database.execute(SCHEMA)


def _signed(number: int) -> int:
    """An unsigned 64-bit inode or device number as SQLite's signed one."""
    return number - 2**64 if number >= 2**63 else number
