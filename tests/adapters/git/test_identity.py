import pytest

from lastgood.adapters.git.command import Git
from lastgood.adapters.git.identity import Identity, Start, find_identity, find_start
from lastgood.errors import LastgoodError
from tests.builders import Project

GITHUB = {"GITHUB_ACTOR": "octo", "GITHUB_ACTOR_ID": "7"}
GITLAB = {"GITLAB_USER_NAME": "Lab", "GITLAB_USER_EMAIL": "lab@example.org"}
GIT = {"GIT_COMMITTER_NAME": "Com <x>\n", "GIT_COMMITTER_EMAIL": "<com@example.org>"}


@pytest.fixture
def nobody(project: Project, monkeypatch: pytest.MonkeyPatch) -> Git:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    return Git(project.root)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (GITHUB, Identity("octo", "7+octo@users.noreply.github.com")),
        (GITLAB, Identity("Lab", "lab@example.org")),
        (GIT, Identity("Com x", "com@example.org")),
        ({**GITHUB, **GIT}, Identity("Com x", "com@example.org")),
        ({**GITHUB, "GIT_COMMITTER_NAME": "half"}, Identity("octo", "7+octo@users.noreply.github.com")),
        ({"GIT_COMMITTER_NAME": "Ada", "EMAIL": "ada@example.org"}, Identity("Ada", "ada@example.org")),
    ],
)
def test_the_actor_is_the_committer_or_who_started_the_run(
    nobody: Git, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: Identity
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert find_identity(nobody) == expected


def test_gits_configuration_goes_before_the_runner(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTOR", "octo")
    assert str(find_identity(Git(project.root))) == "Ada <ada@example.org>"
    project.git("config", "user.name", "Local")
    assert find_identity(Git(project.root)).name == "Local"
    project.git("config", "committer.name", "Committer")
    assert str(find_identity(Git(project.root))) == "Committer <ada@example.org>"


@pytest.mark.parametrize("name", ["", "<>", "\n"])
def test_without_an_actor_nothing_begins(nobody: Git, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("GIT_COMMITTER_NAME", name)
    monkeypatch.setenv("GIT_COMMITTER_EMAIL", "ada@example.org")
    with pytest.raises(LastgoodError, match="git does not know who you are") as caught:
        find_identity(nobody)
    assert "git config user.name" in caught.value.hint


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, Start()),
        ({"CI": "true"}, Start("ci")),
        ({"CI": "true", "CI_JOB_URL": "https://lab/1"}, Start("ci", "https://lab/1")),
        (
            {"GITHUB_RUN_ID": "9", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "a/b"},
            Start("ci", "https://github.com/a/b/actions/runs/9"),
        ),
    ],
)
def test_the_run_is_what_the_runner_says(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: Start
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert find_start() == expected
