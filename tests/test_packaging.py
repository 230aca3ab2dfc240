"""What a built package holds: the program, its licence and nothing of the repository's data and models."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from trove_classifiers import classifiers

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a source package and a wheel made from this checkout."""
    directory = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(directory)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return directory


def test_source_package_and_wheel_contain_the_licence_and_name_it(built: Path) -> None:
    (archive,), (wheel,) = built.glob("*.tar.gz"), built.glob("*.whl")
    with tarfile.open(archive) as opened:
        names = [name.split("/", 1)[1] for name in opened.getnames()]
    assert {"LICENSE", "README.md", "CHANGELOG.md", "src/lastgood/__main__.py"} <= set(names)
    assert not [name for name in names if name.startswith(("data/", "models/"))]
    with zipfile.ZipFile(wheel) as packed:
        (licence,) = (name for name in packed.namelist() if name.endswith("licenses/LICENSE"))
        assert packed.read(licence) == (ROOT / "LICENSE").read_bytes()
        (metadata,) = (name for name in packed.namelist() if name.endswith("METADATA"))
        lines = packed.read(metadata).decode().splitlines()
    assert "License-Expression: Apache-2.0" in lines
    assert not [line for line in lines if line.startswith(("Project-URL", "Home-page"))]
    assert {line.removeprefix("Classifier: ") for line in lines if line.startswith("Classifier: ")} <= classifiers
