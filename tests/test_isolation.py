"""What tests and their children know of the user: the identity and configuration that tests bring, nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pygit2
from git import Actor, Repo

from tests import forking
from tests.builders import Project
from tests.conftest import SESSION_HOME


def test_git_and_both_git_libraries_see_the_identity_of_the_tests(project: Project) -> None:
    assert project.git("config", "--show-origin", "user.name") == f"file:{SESSION_HOME / '.gitconfig'}\tAda"
    assert pygit2.Config.get_global_config()["user.name"] == "Ada"  # looked up when it was loaded, before any test
    with Repo(project.root) as repo:
        assert Actor.committer(repo.config_reader()).email == "ada@example.org"


def test_a_forked_program_and_one_of_its_own_have_the_home_of_the_tests(tmp_path: Path) -> None:
    ask = "import os; print(os.environ['HOME'], os.environ.get('GIT_AUTHOR_NAME'))"
    _, forked, _ = forking.run(lambda: exec(ask), tmp_path)  # noqa: S102  # the same text in both
    started = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout
    assert forked == started == f"{SESSION_HOME} None\n"


def test_nothing_that_steers_git_or_dvc_comes_from_outside() -> None:
    steering = {name: value for name, value in os.environ.items() if name.startswith(("GIT_", "DVC_", "XDG_"))}
    paths = [value for value in steering.values() if value.startswith("/") and value != os.devnull]
    assert paths
    assert all(Path(value).is_relative_to(SESSION_HOME.parent) for value in paths)
