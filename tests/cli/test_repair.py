"""`verify` points to `repair`, which names what it puts back, from where, and what it cannot."""

import pytest

from tests.builders import Project, git
from tests.cli.conftest import Program


@pytest.fixture
def damaged(story: Project) -> Project:
    """A tag deleted on origin, and an object gone from the DVC remote."""
    git(story.root, "push", "--quiet", "--delete", "origin", "refs/tags/flights@v1.0.0")
    lose(story, b"second")
    return story


def lose(project: Project, content: bytes) -> None:
    next(one for one in project.remote.rglob("*") if one.is_file() and one.read_bytes() == content).unlink()


@pytest.mark.usefixtures("damaged")
def test_verify_names_the_command_and_the_command_mends(run: Program) -> None:
    found = run("verify")
    assert found.code == 3
    assert found.err.splitlines()[-1] == "hint: lastgood repair"
    assert run("verify", "flights", "--deep", "--json").json["hint"] == "lastgood repair flights --deep"
    tried = run("repair", "--dry-run")
    assert tried.code == 0
    assert tried.out.splitlines()[0].split() == ["WHAT", "NAME", "FROM", "WOULD", "BE"]
    assert tried.out.splitlines()[-1] == "dry run: would repair 2 things; nothing was changed"
    done = run("repair")
    assert done.code == 0
    rows = [line.split(maxsplit=2) for line in done.out.splitlines()]
    assert rows[1][:2] == ["tag", "flights@v1.0.0"]
    assert rows[2][:2] == ["object", "models/model.txt"]
    assert done.out.splitlines()[-1] == "repaired 2 things"
    assert max(map(len, done.out.splitlines())) <= 80
    assert run("repair").out == "nothing to do: nothing that can be restored is missing\n"
    assert run("verify").code == 0


def test_what_cannot_be_put_back_is_named_with_3(run: Program, damaged: Project) -> None:
    cached = damaged.root / ".dvc/cache"
    next(one for one in cached.rglob("*") if one.is_file() and one.read_bytes() == b"second").unlink()
    done = run("repair")
    assert done.code == 3
    assert done.out.splitlines()[-1] == "repaired 1 thing"
    assert "error: 1 finding that cannot be repaired here" in done.err
    assert "models/model.txt of v1.1.0" in done.err
    document = run("repair", "--json").json
    assert list(document) == [
        "schema", "error", "code", "message", "hint", "changed", "findings", "repaired", "dry_run", "left_out", "as_of",
    ]  # fmt: skip
    assert (document["code"], document["repaired"], len(document["findings"])) == (3, [], 1)
    assert run("repair", "--dry-run").code == 3


@pytest.mark.usefixtures("damaged")
def test_json_names_every_repair(run: Program) -> None:
    document = run("repair", "--json").json
    assert list(document) == ["schema", "repaired", "findings", "dry_run", "left_out", "as_of"]
    assert document["repaired"][0] == {
        "kind": "tag", "subject": "flights@v1.0.0", "done": "restored on origin", "from": "the journal",
    }  # fmt: skip


def test_a_shallow_clone_is_told_to_use_a_whole_one(run: Program, story: Project) -> None:
    there = story.clone("shallow", depth=1)
    refused = run("repair", at=there.root)
    assert refused.code == 2
    assert "use a full clone" in refused.err
