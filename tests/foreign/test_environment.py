"""What differs between two environment locks, package by package: requirements files, uv.lock, pylock.toml."""

import pytest

from lastgood.core.manifest import PackageChange
from lastgood.operations.diff import diff
from lastgood.project import Project as Opened
from tests.builders import Project

REQUIREMENTS = (
    """\
# made by uv pip compile
--index-url https://pypi.invalid/simple
-r other.txt
lightgbm==4.5.0 \\
    --hash=sha256:aaaa \\
    --hash=sha256:bbbb
    # via model
Scikit_Learn==1.5.0 ; python_version >= "3.11" \\
    --hash=sha256:cccc
numpy==1.26.4 ; python_version < "3.12"
numpy==2.1.0 ; python_version >= "3.12"
pandas[performance]==2.2.0
old-one==1.0
loose>=2,<3
here @ https://files.invalid/here-1.0-py3-none-any.whl
same==7.0  # a comment
""",
    """\
lightgbm==4.6.0 --hash=sha256:dddd
scikit-learn==1.5.0 --hash=sha256:cccc
numpy==1.26.4 ; python_version < "3.12"
numpy==2.2.0 ; python_version >= "3.12"
pandas==2.2.0
new.one==1.0
loose>=2.5,<3
here @ https://files.invalid/here-2.0-py3-none-any.whl
same==7.0 --hash=sha256:eeee
""",
)
UV_OLD = """\
version = 1
[[package]]
name = "numpy"
version = "2.0.0"
[[package]]
name = "me"
source = { editable = "." }
[[package]]
name = "mine"
version = "1.0"
source = { git = "https://git.invalid/mine#aaaa" }
"""
UV = (
    UV_OLD,
    UV_OLD.replace("aaaa", "bbbb").replace("2.0.0", "2.1.0") + '[[package]]\nname = "scipy"\nversion = "1.14.0"\n',
)
PYLOCK_NEW = """\
lock-version = "1.0"
created-by = "uv"
[[packages]]
name = "numpy"
version = "2.0.1"
"""
PYLOCK = (
    PYLOCK_NEW.replace("2.0.1", "2.0.0") + '[[packages]]\nname = "attrs"\nversion = "24.1.0"\n',
    PYLOCK_NEW,
)


@pytest.mark.parametrize(
    ("name", "locks", "changes"),
    [
        (
            "requirements.txt",
            REQUIREMENTS,
            (
                PackageChange(
                    "here",
                    "https://files.invalid/here-1.0-py3-none-any.whl",
                    "https://files.invalid/here-2.0-py3-none-any.whl",
                ),
                PackageChange("lightgbm", "4.5.0", "4.6.0"),
                PackageChange("loose", "<3,>=2", "<3,>=2.5"),
                PackageChange("new-one", None, "1.0"),
                PackageChange("numpy", "1.26.4, 2.1.0", "1.26.4, 2.2.0"),
                PackageChange("old-one", "1.0", None),
            ),
        ),
        (
            "uv.lock",
            UV,
            (
                PackageChange("mine", "1.0 https://git.invalid/mine#aaaa", "1.0 https://git.invalid/mine#bbbb"),
                PackageChange("numpy", "2.0.0", "2.1.0"),
                PackageChange("scipy", None, "1.14.0"),
            ),
        ),
        ("pylock.toml", PYLOCK, (PackageChange("attrs", "24.1.0", None), PackageChange("numpy", "2.0.0", "2.0.1"))),
    ],
    ids=["requirements", "uv", "pylock"],
)
def test_two_locks_are_compared_package_by_package(
    project: Project, name: str, locks: tuple[str, str], changes: tuple[PackageChange, ...]
) -> None:
    for version, text in zip(("v1.0.0", "v2.0.0"), locks, strict=True):
        project.put(name, text)
        project.version(version, model=version)
    difference = diff(Opened.open(project.root), "v1.0.0", "v2.0.0")
    assert difference.environment == changes
    assert difference.warnings == ()


def test_a_version_without_a_lock_and_one_with_a_broken_lock_are_said_to_be(project: Project) -> None:
    (project.root / "requirements.txt").unlink()
    project.version("v1.0.0", model="one")
    project.put("uv.lock", "[[package]]\nname = \n")
    project.version("v2.0.0", model="two")
    difference = diff(Opened.open(project.root), "v1.0.0", "v2.0.0")
    assert difference.environment == ()
    assert "v1.0.0 pins no environment lock" in difference.warnings
    assert any("uv.lock" in warning and "v2.0.0" in warning for warning in difference.warnings)


def test_the_packages_that_are_compared_are_those_that_are_installed(project: Project) -> None:
    for version, pin in (("v1.0.0", "1.0"), ("v2.0.0", "2.0")):
        project.put("requirements.txt", f"\ufeffbom=={pin}\n# no continuation \\\nafter=={pin} --hash=sha256:aa\n")
        project.version(version, model=version)
    found = diff(Opened.open(project.root), "v1.0.0", "v2.0.0").environment
    assert found == (PackageChange("after", "1.0", "2.0"), PackageChange("bom", "1.0", "2.0"))


def test_a_lock_that_differs_in_its_hashes_alone_is_not_called_the_same(project: Project) -> None:
    for version, digest in (("v1.0.0", "aa"), ("v2.0.0", "bb")):
        project.put("requirements.txt", f"numpy==2.0.0 \\\r\n    --hash=sha256:{digest}\r\n")
        project.version(version, model=version)
    difference = diff(Opened.open(project.root), "v1.0.0", "v2.0.0")
    assert difference.environment == ()
    assert difference.warnings == ("requirements.txt differs, but not in a package or version",)
