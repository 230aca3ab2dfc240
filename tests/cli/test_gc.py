"""`gc --remote`: what would go and why, asked before it goes; text, JSON and the refusals."""

import pytest

from tests.builders import Project
from tests.cli.conftest import Program


@pytest.fixture
def littered(story: Project) -> Project:
    """On the remote lie the objects of the commit before the first version, and of one that no ref leads to."""
    story.commit_version(model="abandoned", data={"a.csv": "9\n"}, push=False)
    with story.dvc() as repo:
        repo.push()
    story.git("reset", "--quiet", "--hard", "HEAD~1")
    with story.dvc() as repo:
        repo.checkout(force=True)
    return story


@pytest.mark.usefixtures("littered")
def test_it_shows_what_would_go_and_why_and_removes_it_when_told(run: Program) -> None:
    tried = run("gc", "--remote", "--grace", "0", "--dry-run")
    assert tried.code == 0
    lines = tried.out.splitlines()
    assert lines[0].split() == ["OBJECT", "REMOTE", "SIZE", "REASON"]
    assert any("dvc.lock of commit" in line for line in lines)
    assert "referenced by 3 versions, 1 branch, 7 tags and 7 journal entries" in " ".join(tried.out.split())
    assert lines[-1].startswith("dry run: would remove 6 of ")
    assert lines[-1].endswith("; nothing was changed")
    assert max(map(len, lines)) <= 80
    done = run("gc", "--remote", "--grace", "0", "--yes")
    assert done.code == 0
    assert done.out.splitlines()[-1].startswith("removed 6 of ")
    again = run("gc", "--remote", "--grace", "0", "--yes")
    assert again.out.splitlines()[-1] == "nothing to do: every object on the remote is needed"
    assert run("verify", "--deep").code == 0


@pytest.mark.usefixtures("littered")
def test_json_names_every_object(run: Program) -> None:
    document = run("gc", "--remote", "--grace", "0", "--dry-run", "--json").json
    assert list(document) == [
        "schema", "objects", "removed", "bytes", "total", "remotes", "young", "doubted", "looked_at", "grace",
        "max_share", "dry_run", "as_of", "warnings",
    ]  # fmt: skip
    assert len(document["objects"]) == 6
    assert set(document["objects"][0]) == {"root", "remote", "md5", "legacy", "size", "modified", "why", "age"}
    assert (document["removed"], document["total"], document["remotes"]) == (0, 15, {"storage": 15})
    assert document["bytes"] == sum(one["size"] for one in document["objects"])
    assert run("gc", "--remote", "--grace", "0", "--yes", "--json").json["removed"] == 6


def test_where_nobody_can_be_asked_nothing_goes_without_yes(run: Program, littered: Project) -> None:
    before = sorted(littered.remote.rglob("*"))
    for more in ((), ("--json",)):
        refused = run("gc", "--remote", "--grace", "0", *more)
        assert refused.code == 14
        assert "there is no terminal to ask; nothing was changed" in refused.err + refused.out
    assert sorted(littered.remote.rglob("*")) == before


def test_what_came_today_stays_and_is_counted(run: Program, littered: Project) -> None:
    assert littered.remote.is_dir()
    said = run("gc", "--remote", "--yes")
    assert said.code == 0
    assert "keeping 6 objects of the last 24 hours, which may be needed soon" in said.out


@pytest.mark.usefixtures("story")
def test_what_is_to_be_cleaned_must_be_said(run: Program) -> None:
    refused = run("gc")
    assert refused.code == 2
    assert "lastgood gc --remote, or lastgood prune" in refused.err


def test_wrong_settings_are_wrong_usage(run: Program, story: Project) -> None:
    assert run("gc", "--remote", "--max-share", "101").code == 2
    (story.root / "lastgood.toml").write_text("[gc]\nshare = 101\n")
    assert "[gc] share must be at least 0 and at most 100 percent, not 101" in run("gc", "--remote").err


@pytest.mark.usefixtures("littered")
def test_too_much_at_once_is_refused_with_the_way_to_allow_it(run: Program) -> None:
    refused = run("gc", "--remote", "--grace", "0", "--yes", "--max-share", "10")
    assert refused.code == 14
    assert "more than 10 %" in refused.err
    assert "--max-share PERCENT" in refused.err
