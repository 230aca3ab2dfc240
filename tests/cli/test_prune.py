"""`prune`: each release with its reason, as text and as JSON."""

import pytest

from tests.builders import Project
from tests.cli.conftest import Program


@pytest.fixture
def served(run: Program, story: Project) -> Project:
    """v1.0.0, v1.1.0 and v2.0.0 have releases here, and that they were live is forgotten but for v2.0.0."""
    assert run("mark", "v1.1.0", "stable", "--reason", "a try").code == 0
    for version in ("v1.0.0", "v1.1.0", "v2.0.0"):
        assert run("assign", version, "--stage", "prod", "--reason", "a try").code == 0
        assert run("sync", "--stage", "prod").code == 0
    assert run("mark", "v1.1.0", "failed", "--reason", "late").code == 0
    (story.root / ".git/lastgood/history.jsonl").unlink()
    return story


@pytest.mark.usefixtures("served")
def test_it_tells_of_each_release_why_it_stays_or_goes(run: Program) -> None:
    tried = run("prune", "--keep", "1", "--dry-run")
    assert tried.code == 0
    lines = tried.out.splitlines()
    assert lines[0].split() == ["RELEASE", "HERE", "FREES", "WHY"]
    assert lines[1].split() == ["flights@v1.0.0", "kept", "-", "stable"]
    assert lines[2].startswith("flights@v1.1.0  would go ")
    assert lines[-1].startswith("dry run: would remove 1 of 3 releases and free ")
    assert lines[-1].endswith("; nothing was changed")
    done = run("prune", "--keep", "1")
    assert done.out.splitlines()[-1].startswith("removed 1 of 3 releases, ")
    assert "removing what this machine does not need" in done.err
    assert run("prune", "flights").out.splitlines()[-1] == "nothing to do: every release here is needed"


def test_json_has_every_fact(run: Program, served: Project) -> None:
    document = run("prune", "--keep", "1", "--dry-run", "--json").json
    keys = [
        "schema",
        "keep",
        "stable",
        "releases",
        "environments",
        "cache",
        "removed",
        "bytes",
        "dry_run",
        "as_of",
        "warnings",
    ]
    assert list(document) == keys
    assert (document["keep"], document["stable"], document["removed"], document["cache"]) == (1, True, 1, None)
    gone = document["releases"][1]
    assert list(gone) == ["artifact", "version", "commit", "partial", "path", "kept", "why", "bytes"]
    assert (gone["version"], gone["kept"]) == ("v1.1.0", False)
    assert document["bytes"] == gone["bytes"] > 0
    assert run("prune", "--keep", "1", "--json").json == {**document, "dry_run": False, "as_of": None} | {
        "as_of": run("status", "--json").json["as_of"]
    }
    assert not any(path.name.startswith("v1.1.0") for path in served.root.glob(".git/lastgood/releases/*/*"))


def test_on_a_serving_host_the_cache_is_told_of(run: Program, story: Project) -> None:
    host = str(story.base / "host")
    assert run("sync", "--stage", "prod", "--root", host, "--repo", str(story.origin)).code == 0
    done = run("prune", "--root", host)
    assert done.code == 0
    assert "0 cached objects" in done.out
    assert done.out.splitlines()[-1] == "nothing to do: every release here is needed"


def test_wrong_numbers_are_wrong_usage(run: Program, story: Project) -> None:
    assert run("prune", "--keep", "-1").code == 2
    (story.root / "lastgood.toml").write_text("[prune]\nkeep = -1\n")
    refused = run("prune")
    assert refused.code == 2
    assert "[prune] keep must be at least 0, not -1" in refused.err


def test_nothing_here_is_nothing_to_do(run: Program, story: Project) -> None:
    assert run("prune", at=story.root).out == "nothing to do: every release here is needed\n"
