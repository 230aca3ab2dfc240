"""Tiny pure wheels in a local directory, which the user's own configuration names as the only place for packages."""

import base64
import csv
import io
import zipfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import pytest


def make_wheel(
    directory: Path, version: str, *, name: str = "tiny", requires: Sequence[str] = (), extras: Sequence[str] = ()
) -> str:
    """A wheel whose module answers with its version, and so does its console script; the file's SHA-256."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"ANSWER = {version!r}\ndef main():\n    print(ANSWER)\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + "".join(f"Provides-Extra: {one}\n" for one in extras)
        + "".join(f"Requires-Dist: {one}\n" for one in requires),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name} = {name}:main\n",
    }
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}-{version}-py3-none-any.whl"
    record = io.StringIO()
    with zipfile.ZipFile(path, "w") as wheel:
        for place, text in files.items():
            wheel.writestr(zipfile.ZipInfo(place, (2020, 1, 1, 0, 0, 0)), text)
            digest = base64.urlsafe_b64encode(sha256(text.encode()).digest()).rstrip(b"=").decode()
            csv.writer(record).writerow((place, f"sha256={digest}", len(text)))
        csv.writer(record).writerow((f"{info}/RECORD", "", ""))
        wheel.writestr(zipfile.ZipInfo(f"{info}/RECORD", (2020, 1, 1, 0, 0, 0)), record.getvalue())
    return sha256(path.read_bytes()).hexdigest()


def use_only(directory: Path, patch: pytest.MonkeyPatch) -> None:
    """Configure uv, as its user, to know no packages but those of a directory."""
    for path in (directory, nothing := directory.parent / "empty-index"):
        path.mkdir(parents=True, exist_ok=True)
    patch.setenv("UV_DEFAULT_INDEX", nothing.as_uri())  # uv has no variable for its --no-index
    patch.setenv("UV_FIND_LINKS", str(directory))
    patch.setenv("UV_CACHE_DIR", str(directory.parent / "uv-cache"))
