"""Writes objects, of any number and kind, by one git process: as a pack that it checks and unpacks."""

import hashlib
import zlib
from collections.abc import Mapping

from lastgood.adapters.git.command import Git

_KINDS = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}


class Pack:
    """New objects of a repository whose ids are as long as `oid`: `add` them, then `write` them all.

    The format: gitformat-pack(5) and, for ids and trees, "Git Objects" in Pro Git.
    """

    def __init__(self, oid: str) -> None:
        self._algorithm = "sha256" if len(oid) == 64 else "sha1"
        self._objects: dict[str, tuple[str, bytes]] = {}

    def add(self, kind: str, content: bytes) -> str:
        """Add an object and return its id. `kind` is `blob`, `tree`, `commit` or `tag`."""
        oid = self._hash(f"{kind} {len(content)}\0".encode() + content).hex()
        self._objects[oid] = (kind, content)
        return oid

    def add_tree(self, files: Mapping[str, bytes]) -> str:
        """Add a tree with these files and return its id."""
        entries = sorted((name.encode(), self.add("blob", content)) for name, content in files.items())
        return self.add("tree", b"".join(b"100644 %s\0%s" % (name, bytes.fromhex(oid)) for name, oid in entries))

    def write(self, git: Git) -> None:
        """Write all as loose objects, flushed to disk.

        Raises `GitError` for an object that git finds malformed, or that names a missing object. Such an object is not
        written, nor are those that name it.
        """
        packed = [_header(kind, len(content)) + zlib.compress(content) for kind, content in self._objects.values()]
        stream = b"PACK" + (2).to_bytes(4) + len(packed).to_bytes(4) + b"".join(packed)
        git.run("unpack-objects", "-q", "--strict", stdin=stream + self._hash(stream))

    def _hash(self, data: bytes) -> bytes:
        return hashlib.new(self._algorithm, data, usedforsecurity=False).digest()


def _header(kind: str, size: int) -> bytes:
    """Four bits of the size beside the kind, then seven in each byte, the lowest ones first."""
    found, rest = [_KINDS[kind] << 4 | size & 15], size >> 4
    while rest:
        found[-1] |= 128
        found.append(rest & 127)
        rest >>= 7
    return bytes(found)
