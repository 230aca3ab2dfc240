"""Registering: refused unless it can be restored elsewhere; then all of it, or nothing at all."""

import hashlib
import json
import platform
from pathlib import Path

import pytest

from lastgood.core.version import Bump
from lastgood.errors import (
    FindingsError,
    LastgoodError,
    PushRefusedError,
    RaceError,
    RefusedError,
    UnknownError,
    UnreachableError,
    UsageError,
)
from lastgood.operations import register
from tests.builders import git
from tests.world import World, files, refuse_pushes


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def refused(
    world: World, words: str, error: type[LastgoodError] = RefusedError, version: str = "v1.0.0"
) -> LastgoodError:
    """What registering says when it refuses; nothing anywhere is another than before."""
    before = world.snapshot()
    with pytest.raises(error, match=words) as caught:
        world.register(version)
    assert world.snapshot() == before
    return caught.value


def findings(world: World) -> dict[str, str]:
    error = refused(world, "could not be restored", FindingsError)
    assert isinstance(error, FindingsError)
    return {one.subject: one.message for one in error.findings}


def add_stage(world: World, name: str, lines: str) -> None:
    """One more pipeline stage."""
    text = (world.root / "dvc.yaml").read_text()
    world.project.put("dvc.yaml", text.replace("artifacts:", f"  {name}:\n{lines}artifacts:"))


def test_the_manifest_is_true(world: World) -> None:
    world.project.put(".python-version", "3.11.7\n")
    commit = world.project.commit_version(
        model="late?", data={"a.csv": "1\n", "b/c.csv": "2\n3\n"}, params={"score": 0.5}
    )
    manifest = world.register("v1.2.3").manifest
    assert (manifest.artifact, manifest.version, manifest.path) == ("flights", "v1.2.3", "models/model.txt")
    assert manifest.commit == commit
    assert manifest.tree == git(world.root, "rev-parse", "HEAD^{tree}")
    outputs = {str(one.path): one for one in manifest.outputs}
    assert set(outputs) == {"data/raw", "models/model.txt", "models/metrics.json"}
    model = outputs["models/model.txt"]
    assert (model.md5, model.sha256) == (md5(b"late?"), sha256(b"late?"))
    assert (model.size, model.files, model.storage) == (5, 1, "dvc")
    raw = outputs["data/raw"]
    listing = [{"md5": md5(b"1\n"), "relpath": "a.csv"}, {"md5": md5(b"2\n3\n"), "relpath": "b/c.csv"}]
    assert raw.md5 == md5(json.dumps(listing, sort_keys=True).encode()) + ".dir"
    assert (raw.size, raw.files) == (6, 2)
    metrics = outputs["models/metrics.json"]
    content = (world.root / "models/metrics.json").read_bytes()
    assert (metrics.storage, metrics.md5, metrics.sha256) == ("git", md5(content), sha256(content))
    assert manifest.data == ("data/raw",)
    assert dict(manifest.metrics) == {"models/metrics.json:rows": 3, "models/metrics.json:score": 0.5}
    assert dict(manifest.parameters) == {"params.yaml:model": "late?", "params.yaml:score": 0.5}
    lock = (world.root / "requirements.txt").read_bytes()
    assert manifest.environment.lock == "requirements.txt"
    assert manifest.environment.digest == f"sha256:{sha256(lock)}"
    assert manifest.environment.python == "3.11.7"


def test_without_a_python_version_file_the_running_one_is_pinned(world: World) -> None:
    assert world.register("v1.0.0").manifest.environment.python == platform.python_version()


def test_tag_journal_and_manifest_go_out_with_the_commit_and_without_the_branch(world: World) -> None:
    main = git(world.project.origin, "rev-parse", "main")
    world.project.put("params.yaml", "model: blank\nscore: 0.9\n# changed\n")
    commit = world.project.commit(push=False)
    done = world.register("v1.0.0")
    assert [one.kind for one in done.warnings] == ["branch"]
    assert commit[:12] in done.warnings[0].message
    assert git(world.project.origin, "rev-parse", "main") == main
    assert git(world.project.origin, "rev-parse", "flights@v1.0.0^{commit}") == commit
    assert git(world.project.origin, "cat-file", "-t", "flights@v1.0.0") == "tag"
    manifest = json.loads(git(world.project.origin, "show", "refs/lastgood/flights:manifest.json"))
    assert manifest["commit"] == commit


def test_push_branch_brings_the_branch_too(world: World) -> None:
    commit = world.project.commit(push=False)
    assert world.register("v1.0.0", push_branch=True).warnings == ()
    assert git(world.project.origin, "rev-parse", "main") == commit


def test_a_commit_that_origin_has_gets_no_warning(world: World) -> None:
    assert world.register("v1.0.0").warnings == ()


def test_a_modified_file_is_refused(world: World) -> None:
    world.project.put("scripts/train.py", "# other\n")
    assert "git commit" in refused(world, r"not clean \(scripts/train.py\)").hint


def test_a_staged_file_is_refused(world: World) -> None:
    world.project.put("scripts/train.py", "# other\n")
    world.project.git("add", "scripts/train.py")
    refused(world, r"not clean \(scripts/train.py\)")


def test_an_untracked_file_is_refused(world: World) -> None:
    world.project.put("notes.txt", "mine")
    refused(world, r"not clean \(notes.txt\)")


def test_everything_that_is_not_reproduced_is_said_at_once(world: World) -> None:
    world.project.put("params.yaml", "model: other\nscore: 0.9\n")
    world.project.put("scripts/train.py", "# other\n")
    world.project.commit()
    world.project.put("data/raw/a.csv", "9\n")
    (world.root / "models/model.txt").unlink()
    told = findings(world)
    assert {"params.yaml", "scripts/train.py", "data/raw", "models/model.txt"} <= set(told)
    assert "missing" in told["models/model.txt"]


def test_an_edited_output_is_refused(world: World) -> None:
    world.project.put("models/model.txt", "touched up")
    assert "models/model.txt" in findings(world)


def test_a_lock_file_that_git_ignores_is_refused(world: World) -> None:
    world.project.git("rm", "--quiet", "--cached", "dvc.lock")
    world.project.put(".gitignore", "/dvc.lock\n")
    world.project.commit()
    refused(world, r"dvc\.lock' is git-ignored", LastgoodError)


def test_stages_that_always_run_and_frozen_ones_are_judged_by_what_they_recorded(world: World) -> None:
    add_stage(world, "fetch", "    cmd: 'true'\n    always_changed: true\n    outs:\n    - data/fetched.txt\n")
    add_stage(
        world,
        "old",
        "    cmd: 'true'\n    frozen: true\n    deps:\n    - requirements.txt\n    outs:\n    - data/old.txt\n",
    )
    world.project.put("data/.gitignore", "/raw\n/fetched.txt\n/old.txt\n")
    world.project.put("data/fetched.txt", "f")
    world.project.put("data/old.txt", "o")
    with world.project.dvc() as repo:
        repo.commit("dvc.yaml", force=True)
        repo.push()
    world.project.put("requirements.txt", "# another dependency of the frozen stage\n")
    world.project.commit()
    world.register("v1.0.0")
    world.project.put("data/fetched.txt", "edited")
    world.project.commit()
    assert {one.subject for one in error_of(world, "v1.0.1").findings} == {"data/fetched.txt"}


def error_of(world: World, version: str) -> FindingsError:
    error = refused(world, "could not be restored", FindingsError, version)
    assert isinstance(error, FindingsError)
    return error


def test_a_gate_that_fails_registers_nothing_and_its_words_are_told(world: World) -> None:
    world.settings('[register]\ngate = "echo AUC 0.4 is too low; exit 3"\n')
    refused(world, r"(?s)the gate .* fails: exit code 3\nAUC 0.4 is too low")


def test_a_gate_that_leaves_the_tree_dirty_registers_nothing(world: World) -> None:
    world.settings('[register]\ngate = "echo > left-behind"\n')
    with pytest.raises(RefusedError, match=r"gate left the working tree dirty \(left-behind\)"):
        world.register("v1.0.0")
    assert world.tags() == []


def test_a_gate_that_passes_is_run_once_with_the_artifact(world: World) -> None:
    seen = world.project.base / "seen"
    world.settings(f'[register]\ngate = "echo $LASTGOOD_ARTIFACT >> {seen}"\n')
    world.register("v1.0.0")
    assert seen.read_text() == "flights\n"


def test_outputs_that_would_be_nowhere_else_are_refused_by_name(world: World) -> None:
    lines = "    - models/secret.txt:\n        push: false\n    - models/log.txt:\n        cache: false\n"
    add_stage(world, "extra", f"    cmd: 'true'\n    outs:\n{lines}")
    world.project.put("models/.gitignore", "/model.txt\n/secret.txt\n/log.txt\n")
    world.project.put("models/secret.txt", "s")
    world.project.put("models/log.txt", "l")
    with world.project.dvc() as repo:
        repo.commit("dvc.yaml", force=True)
    world.project.commit()
    told = findings(world)
    assert set(told) == {"models/secret.txt", "models/log.txt"}
    assert "push: false" in told["models/secret.txt"]


def test_imported_outputs_are_uploaded(world: World) -> None:
    source = world.project.base / "source.txt"
    source.write_text("imported")
    with world.project.dvc() as repo:
        repo.imp_url(str(source), "data/imported.txt", no_download=False)
    world.project.commit()
    done = world.register("v1.0.0")
    assert md5(b"imported") in done.uploaded
    assert world.object_of("imported").read_text() == "imported"


def test_register_pushes_the_objects_itself(world: World) -> None:
    world.project.commit_version(model="unpushed", push=False)
    assert md5(b"unpushed") in world.register("v1.0.0").uploaded
    assert world.object_of("unpushed").is_file()


@pytest.mark.parametrize("moment", ["check", "upload"])
def test_a_commit_that_is_left_while_it_is_registered_is_told(world: World, moment: str) -> None:
    world.project.commit_version(model="unpushed", push=False)

    def leave(step: str) -> None:
        if step == moment:
            world.project.git("checkout", "--quiet", "HEAD~1")

    with pytest.raises(RaceError, match="commit changed while it was being registered; no version was registered"):
        register.register(world.open(on_step=leave), register.Request(artifact="flights", version="v1.0.0"))
    assert world.tags() == []


def test_a_version_that_exists_is_refused_with_the_next_one(world: World) -> None:
    world.register("v1.0.0")
    world.project.commit()
    assert "v1.0.1" in refused(world, r"v1.0.0 exists and versions are immutable").hint


def test_a_second_version_on_one_commit_is_refused_with_what_to_do(world: World) -> None:
    world.register("v1.0.0")
    assert "--allow-empty" in refused(world, r"this commit is flights v1\.0\.0 already", version="v2.0.0").hint


def test_a_version_that_gto_made_here_and_nobody_pushed_is_one_on_this_commit_too(world: World) -> None:
    world.project.tag("flights@v1.0.0", push=False)
    refused(world, r"this commit is flights v1\.0\.0 already", version="v2.0.0")


def test_a_version_that_differs_in_build_data_only_is_refused(world: World) -> None:
    world.register("v1.0.0")
    world.project.commit()
    refused(world, "same precedence", version="v1.0.0+linux")


def test_without_a_branch_there_is_none_to_push_and_nothing_is_uploaded(world: World) -> None:
    world.project.commit_version(model="new")
    world.project.git("checkout", "--quiet", "--detach")
    before = world.snapshot()
    with pytest.raises(RefusedError, match="HEAD is detached: there is no branch to push") as caught:
        world.register("v1.0.0", push_branch=True)
    assert "git switch -c" in caught.value.hint
    assert world.snapshot() == before
    assert "upload" not in world.steps


def test_what_was_meant_by_a_name_or_a_version_is_said(world: World) -> None:
    with pytest.raises(UsageError) as caught:
        world.register("1.0.0")
    assert caught.value.hint == "write v1.0.0"
    with pytest.raises(UnknownError) as unknown:
        world.register("v1.0.0", artifact="flihgts")
    assert unknown.value.hint == "did you mean flights?"


def test_a_name_that_no_dvc_yaml_declares_is_refused(world: World) -> None:
    before = world.snapshot()
    with pytest.raises(UnknownError, match=r"no dvc.yaml declares the artifact trains \(declared: flights\)") as caught:
        world.register("v1.0.0", artifact="trains")
    assert "artifacts:" in caught.value.hint
    assert world.snapshot() == before


def test_what_is_no_version_is_refused(world: World) -> None:
    refused(world, "'1.0' is not a semantic version", UsageError, version="1.0")


def test_a_path_that_nothing_pins_is_refused(world: World) -> None:
    text = (world.root / "dvc.yaml").read_text()
    world.project.put("dvc.yaml", text.replace("path: models/model.txt", "path: models/other.txt"))
    world.project.commit()
    assert "neither a DVC output nor a file in git" in findings(world)["models/other.txt"]


def test_an_artifact_that_is_a_plain_git_file_can_be_registered(world: World) -> None:
    text = (world.root / "dvc.yaml").read_text()
    world.project.put("dvc.yaml", text.replace("path: models/model.txt", "path: scripts/train.py"))
    world.project.commit()
    assert world.register("v1.0.0").manifest.path == "scripts/train.py"


@pytest.mark.parametrize("pushed", [True, False])
def test_an_object_that_is_missing_in_the_cache_is_refused(world: World, *, pushed: bool) -> None:
    world.project.commit_version(model="lost", push=pushed)
    world.object_of("lost", ".dvc/cache").unlink()
    assert "is not in the cache" in findings(world)["models/model.txt"]


def test_a_member_of_a_directory_that_is_nowhere_is_refused(world: World) -> None:
    world.lose("3\n")
    assert any("data/raw" in subject for subject in findings(world))


def test_a_corrupted_object_is_never_uploaded(world: World) -> None:
    world.project.commit_version(model="sound", push=False)
    world.corrupt("sound")
    before = files(world.project.remote)
    with pytest.raises(FindingsError, match=r"model\.txt|corrupt"):
        world.register("v1.0.0")
    assert files(world.project.remote) == before
    assert world.tags() == []


def test_a_dvc_remote_that_cannot_be_used_registers_nothing(world: World) -> None:
    world.project.put(".dvc/config.local", "['remote \"storage\"']\n    url = /proc/nowhere\n")
    refused(world, "storage", LastgoodError)


def test_no_dvc_remote_at_all_is_said(world: World) -> None:
    world.project.put(".dvc/config", "[core]\n    analytics = false\n")
    world.project.commit()
    assert "dvc remote add" in refused(world, "no DVC remote is configured", LastgoodError).hint


def test_an_unreachable_origin_registers_nothing(world: World) -> None:
    before = world.snapshot()
    world.project.origin.rename(world.project.base / "gone.git")
    with pytest.raises(UnreachableError):
        world.register("v1.0.0")
    (world.project.base / "gone.git").rename(world.project.origin)
    assert world.snapshot() == before


@pytest.mark.parametrize(
    "script",
    [
        "echo 'protected' >&2; exit 1",
        "while read old new ref; do case $ref in refs/tags/*) echo protected >&2; exit 1;; esac; done",
        "while read old new ref; do case $ref in refs/lastgood/*) echo protected >&2; exit 1;; esac; done",
    ],
)
def test_what_origin_refuses_leaves_nothing_behind(world: World, script: str) -> None:
    refuse_pushes(world, script)
    refused(world, r"origin refused the push: .*protected", PushRefusedError)


def test_an_update_hook_that_refuses_one_ref_refuses_all(world: World) -> None:
    hook = world.project.origin / "hooks/update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\ncase "$1" in refs/lastgood/*) echo "not here" >&2; exit 1;; esac\n')
    hook.chmod(0o755)
    refused(world, "not here", PushRefusedError)


@pytest.mark.parametrize(
    ("bump", "version"), [(None, "v1.2.4"), ("patch", "v1.2.4"), ("minor", "v1.3.0"), ("major", "v2.0.0")]
)
def test_without_a_version_the_greatest_one_is_raised(world: World, bump: Bump | None, version: str) -> None:
    world.project.register("v1.2.3")
    world.project.commit()
    assert world.register(bump=bump, dry_run=True).manifest.version == version


def test_the_first_version_is_gtos_first(world: World) -> None:
    assert world.register(dry_run=True).manifest.version == "v0.0.1"


def test_a_dry_run_shows_the_manifest_and_writes_nothing(world: World) -> None:
    world.project.commit_version(model="unpushed", push=False)
    before = world.snapshot()
    assert world.register("v1.0.0", dry_run=True).manifest.outputs
    assert world.snapshot() == before


def test_a_clean_tree_stays_clean(world: World) -> None:
    before = world.snapshot()["tree"]
    world.register("v1.0.0")
    after = world.snapshot()
    assert after["tree"] == before
    assert after["status"] == ""


def test_a_submodule_is_refused_by_name(world: World) -> None:
    git(world.root, "submodule", "--quiet", "add", f"file://{world.project.origin}", "vendor")
    world.project.commit()
    assert "submodule" in findings(world)["vendor"]


def test_a_shallow_clone_cannot_register(world: World) -> None:
    there = world.clone("shallow", depth=1, pull=True)
    there.project.commit(push=False)
    assert "unshallow" in refused(there, "shallow clone cannot register").hint


def test_without_an_identity_nothing_begins(world: World, home: Path) -> None:
    (home / ".gitconfig").write_text('[protocol "file"]\n    allow = always\n')
    refused(world, "git does not know who you are", LastgoodError)


def test_a_version_in_a_subdirectory_of_a_monorepo(world: World) -> None:
    world.project.git("mv", "data", "old-data")
    (world.root / "sub").mkdir()
    with world.project.dvc() as repo:
        assert repo.root_dir
    from dvc.repo import Repo

    there = world.root / "sub"
    Repo.init(str(there), subdir=True).close()
    world.project.put("sub/.dvc/config", "[core]\n    remote = s\n['remote \"s\"']\n    url = ../../../dvc-remote\n")
    world.project.put("sub/dvc.yaml", "artifacts:\n  trains:\n    path: model.txt\n    type: model\n")
    world.project.put("sub/model.txt", "choo")
    with Repo(str(there)) as repo:
        repo.add([str(there / "model.txt")])
    world.project.commit()
    done = world.register("v1.0.0", artifact="sub:trains")
    assert done.record.tags == ("sub=trains@v1.0.0",)
    assert [str(one.path) for one in done.manifest.outputs] == ["sub/model.txt"]
    assert world.object_of("choo").is_file()


@pytest.mark.parametrize("here", [True, False])
def test_a_tag_of_the_name_that_is_no_version_is_told_and_not_called_a_race(story: World, *, here: bool) -> None:
    story.project.commit()
    git(story.root if here else story.project.origin, "tag", "flights@v5.0.0", "main")
    before = story.snapshot()
    with pytest.raises(RefusedError, match=r"the tag flights@v5\.0\.0 exists and is not a version"):
        story.register("v5.0.0")
    assert story.snapshot()["origin"] == before["origin"]


def test_a_branch_that_is_behind_origins_is_refused_by_name_and_not_called_a_race(story: World) -> None:
    story.clone("other").project.commit("Be faster")
    story.project.commit("Be slower", push=False)
    before = story.snapshot()["origin"]
    with pytest.raises(PushRefusedError, match=r"refs/heads/main: \[rejected\] \(non-fast-forward\)") as caught:
        story.register("v5.0.0", push_branch=True)
    assert caught.type is PushRefusedError
    assert "git pull --rebase origin main" in caught.value.hint
    assert story.snapshot()["origin"] == before


PICKLING = """\
import json
from pathlib import Path

Path("models/model.txt").write_text("cposix\\nsystem\\n(S'touch CANARY'\\ntR.")
Path("models/metrics.json").write_text(json.dumps({"rows": 1, "score": 0.5}))
"""


def test_a_model_that_runs_code_when_it_is_loaded_is_told_and_not_loaded(world: World) -> None:
    canary = world.project.base / "canary"
    world.project.commit_version(code={"scripts/train.py": PICKLING.replace("CANARY", str(canary))})
    (warning,) = world.register("v1.0.0").warnings
    assert (warning.kind, warning.subject) == ("runs-code", "models/model.txt")
    assert "posix.system" in warning.message
    assert not canary.exists()


def test_a_model_that_runs_code_is_refused_where_the_policy_says_so(world: World) -> None:
    world.settings("[register]\nrefuse_code = true\n")
    world.project.commit_version(code={"scripts/train.py": PICKLING})
    before = world.snapshot()
    with pytest.raises(RefusedError, match=r"posix\.system") as caught:
        world.register("v1.0.0")
    assert "refuse_code" in caught.value.hint
    assert world.snapshot() == before
    world.settings("")
    world.register("v1.0.0")
