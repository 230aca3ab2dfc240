"""The commands that read: what their JSON says is a contract, what their text says fits on 80 columns."""

from pathlib import Path
from typing import Any

import pytest

from tests.builders import Project
from tests.cli.conftest import Program

READING = [
    ("status",),
    ("list",),
    ("list", "flights"),
    ("show", "v2.0.0"),
    ("history",),
    ("diff", "v1.0.0", "v2.0.0"),
]


def head(project: Project, revision: str = "HEAD") -> str:
    return project.git("rev-parse", f"{revision}^{{commit}}")


def test_list_names_every_version_lowest_first(run: Program, story: Project) -> None:
    document = run("list", "--json").json
    assert list(document)[:2] == ["schema", "artifacts"]
    assert document["schema"] == 1
    (artifact,) = document["artifacts"]
    assert artifact["name"] == "flights"
    facts = [(one["version"], one["mark"], one["stages"], one["adopted"]) for one in artifact["versions"]]
    assert facts == [
        ("v1.0.0", "stable", [], False),
        ("v1.1.0", "failed", [], False),
        ("v2.0.0", "candidate", ["prod"], False),
    ]
    first = artifact["versions"][0]
    assert first["commit"] == head(story, "flights@v1.0.0")
    assert first["metrics"] == {"models/metrics.json:rows": 2, "models/metrics.json:score": 0.9}
    assert first["registered_by"] == "Ada <ada@example.org>"
    assert first["registered_at"].endswith("+00:00")


def test_list_takes_no_metrics_from_a_version_that_others_tagged(run: Program, project: Project) -> None:
    project.version("v1.0.0")
    (version,) = run("list", "--json").json["artifacts"][0]["versions"]
    assert (version["metrics"], version["external"], version["adopted"]) == (None, True, False)


def test_list_of_a_project_without_versions_is_empty_and_says_how_to_begin(run: Program) -> None:
    assert run("list", "--json").json["artifacts"] == []
    done = run("list")
    assert (done.code, done.out) == (0, "")
    assert "lastgood register" in done.err


def test_status_and_list_tell_a_partial_release(run: Program, story: Project) -> None:
    story.put("lastgood.toml", '[release.prod.flights]\noutputs = ["models/"]\n')
    versions = run("list", "--json").json["artifacts"][0]["versions"]
    assert [(one["partial"], one["partial_in"]) for one in versions] == [(False, [])] * 3
    assert run("sync", "--stage", "prod", "--json").json["partial"] is True
    assert run("status", "--json").json["stages"][0]["partial"] is True
    assert "v2.0.0 (partial)" in run("status").out
    versions = run("list", "--json").json["artifacts"][0]["versions"]
    assert [(one["partial"], one["partial_in"]) for one in versions] == [(False, []), (False, []), (True, ["prod"])]
    assert "prod (partial here)" in run("list").out
    assert run("rollback", "--reason", "late", "--record-only").code == 0
    assert "partial in prod here" in run("list").out
    (story.root / "lastgood.toml").unlink()
    assert run("sync", "--stage", "prod", "--json").json["partial"] is False
    assert run("status", "--json").json["stages"][0]["partial"] is False
    assert "partial" not in run("list").out + run("status").out


def test_an_output_that_is_mistyped_in_the_settings_is_3_and_named_in_json(run: Program, story: Project) -> None:
    story.put("lastgood.toml", '[release.prod]\noutputs = ["modles/"]\n')
    document = run("sync", "--stage", "prod", "--json").json
    assert (document["error"], document["code"]) == ("findings", 3)
    assert [(one["kind"], one["subject"]) for one in document["findings"]] == [("no-output", "modles/")]
    assert document["changed"] is False
    assert document["hint"].startswith("did you mean models?")
    done = run("rollback", "--reason", "late", "--here")
    assert done.code == 3
    assert "'modles/' in [release.prod] names no output of flights v1.0.0" in " ".join(done.err.split())


@pytest.mark.usefixtures("story")
def test_history_has_every_event_newest_first(run: Program) -> None:
    events = run("history", "flights", "--json").json["events"]
    assert [(one["kind"], one["version"], one["stage"]) for one in events] == [
        ("assigned", "v2.0.0", "prod"),
        ("registered", "v2.0.0", None),
        ("marked", "v1.1.0", "failed"),
        ("registered", "v1.1.0", None),
        ("marked", "v1.0.0", "stable"),
        ("assigned", "v1.0.0", "prod"),
        ("registered", "v1.0.0", None),
    ]
    newest = events[0]
    assert {"kind", "artifact", "version", "stage", "actor", "at", "reason", "trigger", "tag", "adopted"} <= set(newest)
    assert (newest["tag"], newest["trigger"], newest["from"]) == ("flights#prod#4", "manual", "v1.0.0")
    assert events[2]["reason"] == "late"


def test_history_of_several_artifacts_keeps_the_order_of_each(run: Program, project: Project) -> None:
    project.tag("flights@v1.0.0", when=1_700_100_000)
    project.commit()
    project.tag("delays@v1.0.0", when=1_700_100_060)
    project.tag("flights#prod#1", commit="flights@v1.0.0^{}", when=1_700_100_120)
    tags = [one["tag"] for one in run("history", "--json").json["events"]]
    assert tags == ["flights#prod#1", "delays@v1.0.0", "flights@v1.0.0"]
    assert "delays@v1.0.0 registered" in run("history").out


def test_show_tells_everything_about_a_version(run: Program, story: Project) -> None:
    document = run("show", "flights@v1.0.0", "--json").json
    manifest = document["manifest"]
    assert (document["artifact"], document["version"], document["mark"]) == ("flights", "v1.0.0", "stable")
    assert document["reason"] == "the first"
    assert manifest["commit"] == document["commit"] == head(story, "flights@v1.0.0")
    outputs = {one["path"]: one for one in manifest["outputs"]}
    assert outputs["data/raw"]["files"] == 2
    assert len(outputs["models/model.txt"]["sha256"]) == 64
    assert manifest["data"] == ["data/raw"]
    assert manifest["parameters"]["params.yaml:model"] == "first"
    assert [one["kind"] for one in document["events"]] == ["registered", "assigned", "marked"]
    words = run("show", "v1.0.0").out
    for fact in (
        "flights@v1.0.0: stable",
        "the first",
        "data/raw",
        "2 files",
        "0.9",
        "requirements.txt",
        "marked stable",
    ):
        assert fact in words


@pytest.mark.parametrize("reference", ["v2.0.0", "flights@v2.0.0", "flights@latest", "flights#prod", "flights"])
@pytest.mark.usefixtures("story")
def test_references_are_those_of_gto(run: Program, reference: str) -> None:
    assert run("show", reference, "--json").json["version"] == "v2.0.0"


@pytest.mark.usefixtures("story")
def test_diff_tells_what_differs(run: Program) -> None:
    document = run("diff", "v1.0.0", "v2.0.0", "--json").json
    assert {"path": "scripts/new.py", "change": "added", "added": 1, "removed": 0} in document["code"]
    outputs = {one["path"]: one for one in document["outputs"]}
    assert outputs["data/raw"]["files"] == {"added": ["z.csv"], "removed": ["b/c.csv"], "changed": ["a.csv"]}
    assert document["parameters"] == [{"key": "params.yaml:model", "from": "first", "to": "third"}]
    assert (document["from"]["version"], document["to"]["version"]) == ("v1.0.0", "v2.0.0")
    assert document["environment"]["packages"] == []
    words = run("diff", "v1.0.0", "v2.0.0").out
    for fact in ("scripts/new.py", "added    z.csv", "removed  b/c.csv", "params.yaml:model  first  third"):
        assert fact in words


@pytest.mark.usefixtures("story")
def test_diff_of_a_version_with_itself_is_no_difference(run: Program) -> None:
    assert run("diff", "v1.0.0", "v1.0.0").out.splitlines()[-1] == "no difference"


@pytest.mark.usefixtures("story")
def test_verify_finds_nothing_in_a_whole_registry(run: Program) -> None:
    done = run("verify")
    assert (done.code, [line.split()[1] for line in done.out.splitlines()]) == (0, ["ok", "ok", "ok"])
    document = run("verify", "--json").json
    assert document["findings"] == []
    assert [one["version"] for one in document["versions"]] == ["v1.0.0", "v1.1.0", "v2.0.0"]


def test_verify_answers_and_fails_when_it_finds_something(run: Program, story: Project) -> None:
    story.git("push", "--quiet", "--delete", "origin", "refs/tags/flights@v1.0.0")
    done = run("verify", "--json")
    assert done.code == 3
    assert (done.json["error"], done.json["code"]) == ("findings", 3)
    assert [(one["kind"], one["subject"]) for one in done.json["findings"]] == [("deleted", "flights@v1.0.0")]
    words = run("verify")
    assert words.code == 3
    assert "flights@v1.0.0 was deleted on origin" in " ".join(words.out.split())
    assert words.err.splitlines()[-2:] == [
        "error: verify found 1 finding",
        "hint: lastgood repair",
    ]


@pytest.mark.usefixtures("story")
def test_status_tells_the_working_tree_and_the_stages(run: Program) -> None:
    document = run("status", "--json").json
    tree = document["worktree"]
    assert (tree["version"], tree["whole"], tree["branch"], tree["dirty"]) == ("flights@v2.0.0", True, "main", [])
    assert {one["path"]: one["state"] for one in tree["outputs"]} == dict.fromkeys(
        ("data/raw", "models/metrics.json", "models/model.txt"), "as recorded"
    )
    (stage,) = document["stages"]
    assert (stage["stage"], stage["assigned"], stage["live"], stage["followed"]) == ("prod", "v2.0.0", None, False)
    assert document["waiting"] is False


def test_status_exits_with_3_for_a_changed_tree_only_when_asked(run: Program, story: Project) -> None:
    story.put("models/model.txt", "edited")
    assert run("status").code == 0
    done = run("status", "--exit-code", "--json")
    assert done.code == done.json["code"] == 3
    assert [one["subject"] for one in done.json["findings"]] == ["models/model.txt"]
    assert done.json["worktree"]["whole"] is False
    words = run("status", "--exit-code").out
    assert words.startswith("working tree: code is flights@v2.0.0, but some outputs or files differ")
    assert "\n  to restore them: lastgood checkout flights@v2.0.0\n" in words


def test_status_before_the_first_commit_and_on_one_that_is_no_version_says_so(run: Program, project: Project) -> None:
    assert run("status").out.startswith("working tree: its commit is not a version; ")
    project.git("checkout", "--quiet", "--orphan", "new")
    assert run("status").out.startswith("working tree: no commit yet (new)\n")


@pytest.mark.usefixtures("story")
def test_status_exits_with_7_and_names_what_finishes_when_this_machine_is_behind(run: Program) -> None:
    assert run("sync", "--stage", "prod").code == 0
    assert run("rollback", "--record-only", "--reason", "late").code == 0
    done = run("status", "--json")
    assert done.code == 7
    assert (done.json["error"], done.json["hint"]) == ("unfinished", "lastgood sync flights --stage prod")
    assert done.json["stages"][0]["waiting"] is True
    words = run("status")
    assert words.code == 7
    assert words.out.splitlines()[-1] == "  lastgood sync flights --stage prod"


@pytest.mark.usefixtures("story")
def test_status_shows_a_stage_whose_version_was_marked_failed_and_the_next_command(run: Program) -> None:
    leave = "lastgood rollback flights --stage prod --from v2.0.0 --reason TEXT"
    assert run("mark", "v2.0.0", "failed", "--reason", "wrong sign").code == 0
    elsewhere = run("status", "--json")
    stage = elsewhere.json["stages"][0]
    assert (elsewhere.code, stage["waiting"], stage["finish"], stage["next"]) == (0, False, None, leave)
    assert (stage["assigned"], stage["mark"], stage["live"]) == ("v2.0.0", "failed", None)
    assert "wrong sign" in stage["failed"]
    assert run("status").out.splitlines()[-1] == f"  {leave}"


@pytest.mark.usefixtures("story")
def test_status_exits_with_7_where_the_stage_is_followed_and_its_version_is_failed(run: Program) -> None:
    leave = "lastgood rollback flights --stage prod --from v2.0.0 --reason TEXT"
    assert run("sync", "--stage", "prod").code == 0
    assert run("mark", "v2.0.0", "failed", "--reason", "wrong sign").code == 0
    done = run("status", "--json")
    assert (done.code, done.json["error"], done.json["hint"]) == (7, "unfinished", leave)
    assert done.json["message"].endswith("wrong sign), and v2.0.0 is live here")
    assert [done.json["stages"][0][key] for key in ("waiting", "finish", "live")] == [True, leave, "v2.0.0"]
    words = run("status")
    assert (words.code, words.out.count(leave), "to carry it out" in words.out) == (7, 1, False)
    assert run("rollback", "--from", "v2.0.0", "--reason", "wrong sign").code == 0
    assert run("status").code == 0


@pytest.mark.usefixtures("story")
def test_where_prints_one_path_that_holds_the_release(run: Program) -> None:
    assert run("sync", "--stage", "prod").code == 0
    done = run("where", "--stage", "prod")
    (line,) = done.out.splitlines()
    assert (Path(line) / "models/model.txt").read_text() == "third"
    assert Path(line).resolve() == Path(line)
    assert done.err == ""
    document = run("where", "flights", "--stage", "prod", "--json").json
    assert (document["path"], document["version"], document["followed"]) == (line, "v2.0.0", True)
    assert Path(document["link"]).resolve() == Path(line)
    assert document["switched_at"]


@pytest.mark.parametrize("name", [(), ("flights",)])
@pytest.mark.usefixtures("story")
def test_where_says_12_when_nothing_is_live_here(run: Program, name: tuple[str, ...]) -> None:
    done = run("where", *name, "--stage", "prod")
    assert (done.code, done.out) == (12, "")
    assert "does not follow it" in done.err
    assert "hint: lastgood sync" in done.err


def test_a_serving_host_is_asked_by_its_root(run: Program, story: Project, tmp_path: Path) -> None:
    host, url = tmp_path / "host", f"file://{story.origin}"
    (tmp_path / "nothing").mkdir()
    asked = {"at": tmp_path / "nothing"}
    assert run("list", "--root", str(host), **asked).code == 2
    story.put(".dvc/config", f"[core]\n    remote = storage\n['remote \"storage\"']\n    url = {story.remote}\n")
    story.commit("a remote that other directories can reach")
    assert run("sync", "--stage", "prod", "--root", str(host), "--repo", url, **asked).code == 0
    path = run("where", "--stage", "prod", "--root", str(host), **asked).out.strip()
    assert path.startswith(str(host))
    stages = run("status", "--root", str(host), "--json", **asked).json
    assert (stages["worktree"], stages["stages"][0]["live"]) == (None, "v2.0.0")
    listed: Any = run("list", "--root", str(host), "--json", **asked).json
    assert len(listed["artifacts"][0]["versions"]) == 3


@pytest.mark.parametrize("arguments", READING)
@pytest.mark.usefixtures("story")
def test_text_fits_on_80_columns_and_age_is_said_beside_it(run: Program, arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.code == 0
    assert max(map(len, done.out.splitlines())) <= 80
    assert done.err.startswith("as of ")
    assert "--fetch" in done.err
    assert run(*arguments, "--json").json["as_of"]


def test_fetch_brings_what_others_recorded(run: Program, story: Project) -> None:
    there = story.clone("there")
    there.tag("flights#staging#9", commit="flights@v1.0.0^{}", when=1_700_200_000)
    assert run("list", "--json").json["artifacts"][0]["versions"][0]["stages"] == []
    done = run("list", "--fetch", "--json")
    assert done.json["artifacts"][0]["versions"][0]["stages"] == ["staging"]


HOSTILE = "\x1b[2J\x1b]0;owned\x07 fine\r2030 forged \u202egnp.exe"


@pytest.mark.parametrize("arguments", [("history",), ("show", "v1.0.0"), ("list",)])
def test_a_hostile_tag_cannot_steer_the_terminal(run: Program, project: Project, arguments: tuple[str, ...]) -> None:
    project.tag("flights@v1.0.0", message=f"subject\n\n{HOSTILE}\nsecond line")
    done = run(*arguments)
    assert done.code == 0
    for text in (done.out, done.err):
        assert not {character for character in text if not character.isprintable()} - {"\n"}
    if arguments[0] != "list":
        assert r"\x1b[2J" in done.out
        assert r"\u202e" in done.out
        reason = run("history", "--json").json["events"][0]["reason"]
        assert "\x1b[2J" in reason


def test_a_finding_about_the_registry_is_a_warning_of_every_command(run: Program, story: Project) -> None:
    story.git("tag", "--delete", "flights@v1.1.0")
    for arguments in READING:
        done = run(*arguments)
        assert "warning: tag flights@v1.1.0 was deleted" in done.err
        assert "deleted" in str(run(*arguments, "--json").json["warnings"])


@pytest.mark.usefixtures("story")
def test_status_says_how_the_files_of_what_is_live_were_placed(run: Program) -> None:
    assert run("status", "--json").json["stages"][0]["files"] is None
    assert run("sync", "--stage", "prod").code == 0
    (files,) = [stage["files"] for stage in run("status", "--json").json["stages"]]
    assert sum(files.values()) == 3
    assert set(files) <= {"reflink", "hard link", "copy"}
    ways = ", ".join(f"{count} {how}" for how, count in files.items())
    assert f"  flights v2.0.0 in prod, files: {ways}" in run("status").out.splitlines()
