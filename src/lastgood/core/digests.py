"""Digests that identify the content of a file or a directory, computed from given facts. It reads no file."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import md5, sha256
from pathlib import PurePosixPath


@dataclass(frozen=True, slots=True)
class Digests:
    """The MD5 and SHA-256 of one file's bytes, in lower-case hex, and its size in bytes. The MD5 is empty if nobody
    needed it: it takes twice as long as the SHA-256, which is the trusted one."""

    md5: str
    sha256: str
    size: int


def tree_sha256(members: Iterable[tuple[PurePosixPath | str, int, str]]) -> str:
    """The SHA-256 of a directory: of its canonical listing of relative path, size and SHA-256.

    The listing is one JSON list of `[path, size, sha256]`, sorted by path, without spaces, ASCII only.
    Paths are in their plain form; as text they are a tenth of a second faster in 10,000. Empty directories and modes
    do not count, as in DVC.
    """
    listing = sorted([str(path), size, digest] for path, size, digest in members)
    return sha256(json.dumps(listing, separators=(",", ":"), ensure_ascii=True).encode("ascii")).hexdigest()


def tree_md5(members: Iterable[tuple[PurePosixPath | str, str]]) -> str:
    """DVC's id of a directory: its `.dir` object's MD5 and `.dir` (`Tree.as_bytes` in dvc_data/hashfile/tree.py)."""
    listing = [{"md5": digest, "relpath": str(path)} for path, digest in sorted((str(p), d) for p, d in members)]
    return md5(json.dumps(listing, sort_keys=True).encode("utf-8"), usedforsecurity=False).hexdigest() + ".dir"
