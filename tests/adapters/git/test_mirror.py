"""Our own bare repository: whole whoever makes it, however often and however he died."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lastgood.adapters.git import mirror
from tests.builders import Project


def test_several_processes_open_the_mirror_of_one_clone_at_once(project: Project, tmp_path: Path) -> None:
    common = project.root / ".git"
    mirror.open_for_clone(tmp_path / "mirror.git", common)
    for _ in range(20):
        (tmp_path / "mirror.git/config").write_text("[core]\nbare = true\nrepositoryformatversion = 0\n")
        with ThreadPoolExecutor(8) as pool:
            opened = list(pool.map(lambda _: mirror.open_for_clone(tmp_path / "mirror.git", common), range(8)))
    assert {git.line("config", "remote.origin.url") for git in opened} == {f"file://{project.origin}"}
    assert not list((tmp_path / "mirror.git").glob("config.*"))


@pytest.mark.parametrize("made", [("HEAD",), ("HEAD", "config"), ("HEAD", "config", "refs")])
def test_a_mirror_whose_maker_died_is_finished(project: Project, tmp_path: Path, made: tuple[str, ...]) -> None:
    path = tmp_path / "mirror.git"
    whole = mirror.open_for_host(tmp_path / "whole.git", f"file://{project.origin}")
    path.mkdir()
    for name in made:
        (whole.directory / name).rename(path / name)
    git = mirror.open_for_host(path, f"file://{project.origin}")
    assert mirror.fetch_all(git, "origin", 60) == project.git("rev-parse", "main")
