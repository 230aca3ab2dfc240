"""Whether a file runs code when it is loaded, judged by its bytes: nothing is loaded, unpickled or imported here."""

import json
import pickletools
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import PurePosixPath
from typing import BinaryIO

MOST = 64 << 20
"""Bytes of a pickle that are read. If they do not decide, the file counts as a pickle."""
_CALLS = frozenset({"REDUCE", "BUILD", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX"})
_NAMES = frozenset({"GLOBAL", "STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4"})
_PICKLES = frozenset({".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle", ".pt", ".pth", ".ckpt", ".p"})
SUSPECT = _PICKLES | {".npz", ".npy", ".keras", ".h5", ".hdf5", ".zip", ".bin", ".model", ".sav", ".skops"}
"""File endings that are checked everywhere. A model is checked whatever its name."""
_KERAS = frozenset({".keras", ".h5", ".hdf5"})
_ZIP, _HDF5 = b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"
_COMPRESSED = (
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\x00",
    b"\x04\x22\x4d\x18",
    b"x\x01",
    b"x\x9c",
    b"x\xda",
    b"\x28\xb5\x2f\xfd",
)


def find_code(path: PurePosixPath, stream: BinaryIO) -> str:
    """A description of the code that loading a file would run; empty for a file that is only data.

    `stream` gives the file's bytes and can seek. Only the bytes needed for the decision are read.
    """
    suffix, head = path.suffix.lower(), stream.read(len(_ZIP))
    stream.seek(0)
    if head == _ZIP:
        return _in_archive(stream, suffix)
    content = stream.read(MOST)
    if content.startswith(_HDF5) or suffix in _KERAS:
        return "a Keras model with a Lambda layer, whose code runs when it is loaded" if _has_lambda(content) else ""
    if content.startswith(_COMPRESSED) and suffix in _PICKLES:
        return "a compressed pickle by its name; pickles run code when they are loaded"
    return _in_pickle(content, named=suffix in _PICKLES)


def _in_pickle(content: bytes, *, named: bool) -> str:
    """What a pickle names and calls, by its opcodes; empty for other bytes, whatever the file's name."""
    if not (named or content[:1] in {b"\x80", b"c", b"("}):
        return ""
    calls = False
    names: list[str] = []
    words: list[str] = []
    try:
        for opcode, argument, _ in pickletools.genops(content):
            calls = calls or opcode.name in _CALLS
            if opcode.name in _NAMES:
                names.append(_name(argument, words))
            elif isinstance(argument, str):
                words = [*words[-1:], argument]
    except Exception:  # noqa: BLE001  # pickletools raises what it meets; cut off in the middle, or no pickle
        if not (named or content[:1] == b"\x80"):
            return ""
    if not (names or calls):
        return ""
    shown = ", ".join(list(dict.fromkeys(name for name in names if name))[:3])
    return f"a pickle that calls {shown or 'what it names'} when it is loaded"


def _name(argument: object, words: list[str]) -> str:
    return ".".join(argument.split()) if isinstance(argument, str) else ".".join(words)


def _in_archive(stream: BinaryIO, suffix: str) -> str:
    """A zip: PyTorch's holds `data.pkl`, Keras's a `config.json`; NumPy's may hold pickled objects."""
    try:
        with zipfile.ZipFile(stream) as archive:
            for member in archive.infolist():
                name = member.filename.lower()
                if name.endswith(("data.pkl", ".pkl", ".pickle")) and (why := _in_member(archive, member, _is_pickle)):
                    return why
                if name.endswith(".npy") and _in_member(archive, member, _is_object_array):
                    return "a NumPy archive with pickled objects, which run code when they are loaded"
                if name.endswith("config.json") and _in_member(archive, member, lambda raw: "x" * _has_lambda(raw)):
                    return "a Keras model with a Lambda layer, whose code runs when it is loaded"
    except Exception:  # noqa: BLE001  # cut off, encrypted, or made to confuse: its name decides
        return "an archive that cannot be looked through, named like a pickle" if suffix in _PICKLES else ""
    return ""


def _in_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, judge: Callable[[bytes], str]) -> str:
    with archive.open(member) as stream:
        return judge(stream.read(MOST))  # no further: a small archive may hold a very large file


def _is_pickle(raw: bytes) -> str:
    """PyTorch's own weights call only what `weights_only` allows; anything else is code."""
    if not (said := _in_pickle(raw, named=True)):
        return ""
    return "" if _only_weights(raw) else said


def _only_weights(raw: bytes) -> bool:
    allowed = ("torch._utils _rebuild_", "torch._tensor _rebuild_", "collections OrderedDict", "torch ")
    with suppress(Exception):
        words: list[str] = []
        for opcode, argument, _ in pickletools.genops(raw):
            if opcode.name in {"INST", "OBJ", "EXT1", "EXT2", "EXT4"}:
                return False
            if opcode.name in _NAMES:
                name = argument if isinstance(argument, str) else " ".join(words)
                if not name.startswith(allowed) or (name.startswith("torch ") and not name.endswith("Storage")):
                    return False
            elif isinstance(argument, str):
                words = [*words[-1:], argument]
        return True
    return False


def _is_object_array(raw: bytes) -> str:
    return "x" if b"'|O'" in raw[:512] else ""


def _has_lambda(raw: bytes) -> bool:
    if b'"Lambda"' not in raw:
        return False
    with suppress(ValueError, RecursionError):
        return '"class_name": "Lambda"' in json.dumps(json.loads(raw))
    return b'"class_name": "Lambda"' in raw or b'"class_name":"Lambda"' in raw
