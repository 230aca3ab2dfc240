"""Building virtual environments with uv, from wheels made here: whole, once, and from nowhere the version says."""

import os
import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from packaging.markers import default_environment

from lastgood.adapters.environment import Uv, UvError, read_target
from lastgood.core.pins import Target
from lastgood.core.requirements import Wanted, parse_lock
from lastgood.releases.environments import (
    Recipe,
    build_environment,
    find_environment,
    list_environments,
)
from lastgood.releases.place import Place
from lastgood.releases.staging import clean_staging
from tests.adapters.wheels import make_wheel, use_only

HERE = ".".join(platform.python_version_tuple()[:2])
NOBODY = "http://127.0.0.1:9/simple"


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "wheels"
    use_only(directory, monkeypatch)
    return directory


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "place").create()


def build(place: Place, wanted: Wanted, *, timeout: float = 120, name: str = "lock") -> Path:
    def make(directory: Path, path: Path) -> str:
        uv = Uv(directory, timeout)
        python = uv.find_python(HERE)
        assert python is not None
        uv.create(path, python)
        uv.install(path, wanted)
        return HERE

    return build_environment(place, Recipe(f"{name}.txt", ("\n".join(wanted.lines).encode(),), HERE, "here"), make)


def answer(environment: Path) -> str:
    return subprocess.run([environment / "bin/tiny"], capture_output=True, text=True, check=True).stdout.strip()


def die_half_way(_directory: Path, path: Path) -> str:
    path.mkdir()
    os._exit(9)


def litter(place: Place) -> list[str]:
    return [entry.name for entry in place.staging.iterdir() if entry.name != ".lock"]


def test_scripts_and_interpreter_work_after_the_rename(place: Place, wheels: Path) -> None:
    make_wheel(wheels, "1.0")
    environment = build(place, Wanted(("tiny==1.0",)))
    assert answer(environment) == "1.0"
    assert not any("staging" in path.read_text(errors="replace") for path in environment.glob("bin/tiny*"))
    assert read_target(environment / "bin/python", 60) == read_target(Path(sys.executable), 60)
    assert list_environments(place) == (environment.name,)
    assert litter(place) == []


def test_an_environment_is_built_once_even_by_two_at_a_time(place: Place, wheels: Path) -> None:
    make_wheel(wheels, "1.0")
    with ThreadPoolExecutor() as pool:
        first, second = pool.map(lambda _: build(place, Wanted(("tiny==1.0",))), range(2))
    assert first == second
    made = (first / "lastgood.json").stat().st_mtime_ns
    (wheels / "tiny-1.0-py3-none-any.whl").unlink()
    assert (build(place, Wanted(("tiny==1.0",))) / "lastgood.json").stat().st_mtime_ns == made
    assert litter(place) == []


def test_another_lock_makes_another_environment(place: Place, wheels: Path) -> None:
    for version in ("1.0", "2.0"):
        make_wheel(wheels, version)
    old, new = (build(place, Wanted((f"tiny=={version}",))) for version in ("1.0", "2.0"))
    assert (answer(old), answer(new)) == ("1.0", "2.0")


def test_a_wheel_that_is_not_the_locked_one_is_refused_and_nothing_is_left(place: Place, wheels: Path) -> None:
    digest = make_wheel(wheels, "1.0")
    wanted = parse_lock("requirements.txt", lambda _: f"tiny==1.0 --hash=sha256:{digest}\n".encode(), Target({}))
    assert answer(build(place, wanted)) == "1.0"
    bad = Wanted((f"tiny==1.0 --hash=sha256:{'0' * 64}",), hashed=True)
    with pytest.raises(UvError, match=r"(?s)[Hh]ash"):
        build(place, bad, name="other")
    assert len(list_environments(place)) == 1
    assert litter(place) == []


def test_a_package_without_a_wheel_runs_no_code(place: Place, wheels: Path, tmp_path: Path) -> None:
    source = tmp_path / "tiny-1.0"
    source.mkdir()
    (source / "setup.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    subprocess.run(["tar", "czf", wheels / "tiny-1.0.tar.gz", "-C", tmp_path, "tiny-1.0"], check=True)
    with pytest.raises(UvError, match="tiny"):
        build(place, Wanted(("tiny==1.0",)))
    assert not (tmp_path / "ran").exists()


def test_an_interpreter_says_what_markers_ask_without_site_directories(tmp_path: Path) -> None:
    assert read_target(Path(sys.executable), 60).variables == default_environment()
    with pytest.raises(UvError, match="does not start"):
        read_target(tmp_path / "none", 60)


def test_a_configuration_above_our_directory_is_not_obeyed(place: Place, wheels: Path) -> None:
    make_wheel(wheels, "1.0")
    (place.root.parent / "uv.toml").write_text(f'no-index = true\nindex-url = "{NOBODY}"\ncache-dir = "theirs"\n')
    (place.root / "pyproject.toml").write_text('[tool.uv]\ncache-dir = "theirs"\nonly-binary-package = ["none"]\n')
    assert answer(build(place, Wanted(("tiny==1.0",)))) == "1.0"
    assert not [*place.root.parent.rglob("theirs")]


@pytest.mark.parametrize(("mode", "links"), [(0o755, 2), (0o777, 1)])
def test_files_of_a_cache_that_others_can_write_are_copied(
    place: Place, wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, links: int
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    cache.chmod(mode)
    monkeypatch.setenv("UV_CACHE_DIR", str(cache))
    make_wheel(wheels, "1.0")
    environment = build(place, Wanted(("tiny==1.0",)))
    (module,) = environment.glob("lib/python*/site-packages/tiny.py")
    assert module.stat().st_nlink == links


def test_the_configuration_of_the_user_is_obeyed(place: Place, home: Path) -> None:
    make_wheel(home / "wheels", "1.0")
    (home / "config" / "uv").mkdir(parents=True)
    (home / "config" / "uv" / "uv.toml").write_text(f'no-index = true\nfind-links = ["{home / "wheels"}"]\n')
    assert answer(build(place, Wanted(("tiny==1.0",)))) == "1.0"


def test_a_python_that_is_not_here_is_not_downloaded(tmp_path: Path) -> None:
    assert Uv(tmp_path, 60).find_python("3.3") is None
    found = Uv(tmp_path, 60).find_python(HERE)
    assert found is not None
    assert found.exists()


def test_uv_that_takes_too_long_is_ended_and_leaves_nothing(place: Place, wheels: Path) -> None:
    make_wheel(wheels, "1.0")
    with pytest.raises(UvError, match=r"did not end within 0\.001 s"):
        Uv(wheels, 0.001).create(wheels / "environment", Path(sys.executable))
    assert litter(place) == []


def test_a_killed_builder_leaves_no_environment_and_no_litter(place: Place, wheels: Path) -> None:
    make_wheel(wheels, "1.0")
    child = os.fork()
    if child == 0:
        build_environment(place, Recipe("lock.txt", (b"tiny==1.0",), HERE, "here"), die_half_way)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert list_environments(place) == ()
    assert clean_staging(place) == 1
    assert litter(place) == []
    assert answer(build(place, Wanted(("tiny==1.0",)))) == "1.0"


def test_an_environment_whose_interpreter_is_gone_is_built_again(place: Place, wheels: Path) -> None:
    make_wheel(wheels, "1.0")
    environment = build(place, Wanted(("tiny==1.0",)))
    (environment / "bin").chmod(0o755)
    (environment / "bin/python").unlink()
    assert find_environment(place, environment.name) is None
    assert answer(build(place, Wanted(("tiny==1.0",)))) == "1.0"
