"""`resolve` says what it recorded; history tells it."""

from tests.builders import Project
from tests.cli.conftest import Program


def test_a_cause_is_recorded_and_history_tells_it(story: Project, run: Program) -> None:
    asked = ["resolve", "v1.1.0", "--cause", "data", "--reason", "the feed was late"]
    assert "would record data as the cause for flights@v1.1.0; nothing was changed" in run(*asked, "--dry-run").out
    done = run(*asked)
    assert (done.code, done.out) == (0, "recorded: flights@v1.1.0 failed, and the cause was: data\n")
    assert "nothing to do: data is recorded already" in run(*asked).out
    assert "v1.1.0 resolved: the cause was data" in run("history").out
    newest = run("history", "--json").json["events"][0]
    assert (newest["kind"], newest["cause"], newest["reason"], newest["tag"]) == (
        "resolved",
        "data",
        "the feed was late",
        None,
    )
    assert run(*asked, "--json").json["fulfilled"] is True
    assert story.root.is_dir()


def test_an_unknown_cause_is_named_with_those_there_are(story: Project, run: Program) -> None:
    failed = run("resolve", "v1.1.0", "--cause", "weather", "--reason", "x", at=story.root)
    assert failed.code == 2
    assert "error: 'weather' is not a cause" in failed.err
    assert "hint: --cause model|code|data|environment|infrastructure" in failed.err


def test_a_version_that_did_not_fail_is_refused(story: Project, run: Program) -> None:
    failed = run("resolve", "v1.0.0", "--cause", "data", "--reason", "x", "--json", at=story.root)
    assert (failed.code, failed.json["error"]) == (14, "refused")
