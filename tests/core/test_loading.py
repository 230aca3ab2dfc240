import io
import pickle
import zipfile
import zlib
from pathlib import PurePosixPath

import pytest

from lastgood.core.loading import find_code


class Evil:
    """Unpickled, it would call `os.system`: which no test does."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.system, ("echo this must never run",)


class Plain:
    def __init__(self) -> None:
        self.weights = [1.0, 2.0]


def zipped(name: str, content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, content)
    return stream.getvalue()


def torch(name: str) -> bytes:
    """What `torch.save` writes of a tensor, with a global of this name (module and name)."""
    return b"\x80\x02c" + name.replace(" ", "\n").encode() + b"\n(tR."


CODE = [
    *(
        (f"model.{suffix}", pickle.dumps(Evil(), protocol))
        for protocol in range(6)
        for suffix in ("pkl", "bin", "joblib")
    ),
    ("model.pkl", pickle.dumps(Plain())),
    ("model", b"cos\nsystem\n(S'echo'\ntR."),
    ("model.txt", b"cos\nsystem\n(S'echo'\ntR."),
    ("model.pickle", b"(ios\nsystem\n."),
    ("model.pkl", pickle.dumps(Evil())[:-3]),
    ("model.joblib", zlib.compress(pickle.dumps(Evil()))),
    ("model.pt", zipped("archive/data.pkl", pickle.dumps(Evil()))),
    ("model.pt", zipped("archive/data.pkl", torch("posix system"))),
    ("model.pt", zipped("archive/data.pkl", torch("torch load"))),
    ("model.pt", b"PK\x03\x04 cut off"),
    ("model.bin", zipped("data.pkl", pickle.dumps(Evil()))),
    (
        "model.npz",
        zipped(
            "a.npy",
            b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': ()}" + pickle.dumps(Evil()),
        ),
    ),
    ("model.keras", zipped("config.json", b'{"layers": [{"class_name":"Lambda"}]}')),
    ("model.h5", b'\x89HDF\r\n\x1a\n \x00 {"class_name": "Lambda"} \xff'),
]
DATA = [
    ("model.txt", b"tree\nversion=v4\n"),
    ("model.txt", b"cold text\nwith lines\n"),
    ("model.json", b"{}"),
    ("model.bin", b""),
    ("model.pkl", pickle.dumps({"weights": [1.0, 2.0], "name": "x"})),
    ("model.onnx", b"\x08\x07\x12\x07pytorch" + bytes(99)),
    ("model.safetensors", (64).to_bytes(8, "little") + b'{"a":{}}'),
    ("data.csv", b"cos,system\n1,2\n"),
    ("model.pkl", b"not one"),
    ("model.pt", zipped("archive/data.pkl", torch("torch._utils _rebuild_tensor_v2"))),
    ("a.zip", zipped("a.txt", b"x")),
    ("model.keras", zipped("config.json", b'{"layers": [{"class_name": "Dense"}]}')),
    ("model.bin", bytes(range(256)) * 9),
    ("model.npz", zipped("a.npy", b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': ()}")),
]


@pytest.mark.parametrize(("name", "content"), CODE)
def test_a_file_that_runs_code_when_it_is_loaded_is_told_without_loading_it(name: str, content: bytes) -> None:
    assert find_code(PurePosixPath(name), io.BytesIO(content))


@pytest.mark.parametrize(("name", "content"), DATA)
def test_a_file_that_is_only_data_is_not(name: str, content: bytes) -> None:
    assert find_code(PurePosixPath(name), io.BytesIO(content)) == ""


def test_what_it_would_call_is_named() -> None:
    assert "system" in find_code(PurePosixPath("model.pkl"), io.BytesIO(pickle.dumps(Evil())))
