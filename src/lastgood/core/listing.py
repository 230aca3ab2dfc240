"""DVC's directory listing (the `.dir` object), and the paths that lastgood refuses to write. It reads no file.

A listing comes from a version, and a version is data: nothing in it may name a path outside of the release.
"""

import json
import re
from collections.abc import Iterable
from hashlib import md5
from typing import NamedTuple
from unicodedata import normalize

from lastgood.errors import Finding, FindingsError, Flaw

MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")
LONGEST = 255
"""Bytes that a part of a path may have on Linux and macOS."""
LONGEST_PATH = 2048
"""Half of what Linux allows: the rest is for the directory of the release."""
PLACE = ".lastgood"
"""The former directory of lastgood in the working tree. Older versions still read it."""
RESERVED = frozenset({".git", ".dvc", PLACE})
PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*")
"""Paths that are certainly safe, recognized at once: most are, and none of their parts is hidden, odd or empty."""


class Member(NamedTuple):
    """One file of a directory output; `path` is relative to the directory and normalized, as text, because there may be
    100,000 of them."""

    path: str
    md5: str


def is_md5(text: object) -> bool:
    """Whether `text` is an object id as DVC writes it: 32 hex digits, then `.dir` for a listing."""
    return isinstance(text, str) and MD5.fullmatch(text) is not None


def is_listing(data: bytes, identifier: str) -> bool:
    """Whether these bytes are the content that a listing's id names."""
    return md5(data, usedforsecurity=False).hexdigest() == identifier.removesuffix(".dir")


def why_unsafe(path: str) -> str:
    """Why `path` must not be written below a release; empty when it may."""
    if len(path) <= LONGEST and PLAIN.fullmatch(path):
        return ""
    if not path or "\0" in path:
        return "is empty or holds a NUL"
    if len(path) > LONGEST_PATH:
        return f"is longer than {LONGEST_PATH}"
    try:
        if max(map(len, path.encode("utf-8", "surrogateescape").split(b"/"))) > LONGEST:
            return f"has a part of more than {LONGEST} bytes"
    except UnicodeEncodeError:
        return "cannot be a file name"
    if path.startswith("/"):
        return "is absolute"
    parts = path.split("/")
    if ".." in parts or "." in parts or "" in parts:
        return "is not normalized (`..`, `.` or an empty part)"
    if reserved := sorted(RESERVED.intersection(fold(part) for part in parts)):
        return f"has the reserved part `{reserved[0]}`"
    return ""


def fold(path: str) -> str:
    """The form in which two names are one on a file system that ignores case or normalises unicode (macOS)."""
    return normalize("NFC", path).casefold()


def is_reserved_code(name: str) -> bool:
    """Whether a name at the root of a version is reserved: lastgood would trust it as its own state."""
    return fold(name) == PLACE


def clashes(paths: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Pairs of paths that cannot coexist everywhere: equal except for case, or a file where the other needs a
    directory."""
    seen: dict[str, str] = {}
    parents: dict[str, str] = {}
    found = []
    for path in paths:
        key = fold(path)
        if key in seen:
            found.append((seen[key], path))
        seen.setdefault(key, path)
        parent = key.rpartition("/")[0]
        while parent and parent not in parents:
            parents[parent] = path
            parent = parent.rpartition("/")[0]
    found += [(seen[parent], path) for parent, path in parents.items() if parent in seen]
    return tuple(found)


def parse_listing(data: bytes, identifier: str, *, subject: str) -> tuple[Member, ...]:
    """The members of the directory output `subject`, in the listing's order, from its `.dir` object.

    Raises `FindingsError`: kind `corrupted` if the bytes do not match `identifier`, `unsafe-path` if they name a path
    that must not be written.
    """
    if not is_listing(data, identifier):
        raise _error(Flaw.CORRUPTED, subject, f"the listing of {subject} is corrupted: it is not {identifier}")
    try:
        document = json.loads(data)
        if not isinstance(document, list):
            raise TypeError("not a list")  # noqa: TRY301  # reported with the others below
        entries = [(entry["relpath"], entry["md5"]) for entry in document]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _error(
            Flaw.CORRUPTED, subject, f"the listing of {subject} ({identifier}) cannot be read: {error}"
        ) from error
    if found := _check(entries, subject):
        raise FindingsError(f"the listing of {subject} ({identifier}) is refused", found)
    return tuple(Member(str(path), str(value)) for path, value in entries)


def _check(entries: list[tuple[object, object]], subject: str) -> list[Finding]:
    found = []
    for path, value in entries:
        why = why_unsafe(path) if isinstance(path, str) else "is no text"
        if why:
            found.append(Finding(Flaw.UNSAFE_PATH, subject, f"{subject}: the member {path!r} {why}"))
        if not is_md5(value) or str(value).endswith(".dir"):
            found.append(Finding(Flaw.BAD_HASH, subject, f"{subject}: the member {path!r} has no md5: {value!r}"))
    if not found:
        pairs = clashes(str(path) for path, _ in entries)
        found = [Finding(Flaw.UNSAFE_PATH, subject, f"{subject}: {one} and {two} clash") for one, two in pairs]
    return found


def _error(kind: Flaw, subject: str, message: str) -> FindingsError:
    return FindingsError(message, [Finding(kind, subject, message)])
