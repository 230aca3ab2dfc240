from pathlib import Path

import pytest

from lastgood.adapters.git.command import Git
from lastgood.adapters.git.remotes import pushed_to
from tests.builders import Project

SSH = "ssh://host.invalid/flights.git"


@pytest.mark.parametrize(
    ("configuration", "here"),
    [
        ({}, True),
        ({"remote.origin.url": "../{name}"}, True),
        ({"remote.origin.url": "file://{origin}"}, True),
        ({"remote.origin.url": SSH}, False),
        ({"remote.origin.url": "host.invalid:flights.git"}, False),
        ({"remote.origin.pushurl": SSH}, False),
        ({"remote.origin.url": SSH, "remote.origin.pushurl": "{origin}"}, True),
        ({"remote.origin.url": "here:{name}", "url.{base}/.insteadOf": "here:"}, True),
        ({"url.ssh://host.invalid/.insteadOf": "{at}/"}, False),
        ({"url.ssh://host.invalid/.pushInsteadOf": "{at}/"}, False),
    ],
)
def test_a_push_goes_where_git_sends_it(project: Project, configuration: dict[str, str], here: bool) -> None:
    at = project.git("remote", "get-url", "origin").rpartition("/")[0]
    words = {"origin": project.origin, "base": project.origin.parent, "name": project.origin.name, "at": at}
    for key, value in configuration.items():
        project.git("config", key.format(**words), value.format(**words))
    found = pushed_to(Git(project.root), "origin")
    assert [one.resolve() for one in found] == ([project.origin] if here else [])


def test_of_two_addresses_one_elsewhere_is_elsewhere(project: Project) -> None:
    project.git("config", "--add", "remote.origin.pushurl", str(project.origin))
    assert pushed_to(Git(project.root), "origin") == [project.origin]
    project.git("config", "--add", "remote.origin.pushurl", SSH)
    assert pushed_to(Git(project.root), "origin") == []


def test_an_address_in_place_of_a_name_is_one(project: Project, tmp_path: Path) -> None:
    assert pushed_to(Git(project.root), str(tmp_path)) == [tmp_path]
