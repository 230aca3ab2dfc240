"""The workflow's own step, run as the runner runs it: by bash, its inputs as variables, against a real origin."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.builders import Project

ROOT = Path(__file__).parents[2]
WORKFLOW: dict[Any, Any] = yaml.safe_load((ROOT / ".github/workflows/rollback.yml").read_text())
INPUTS = {"ARTIFACT": "flights", "STAGE": "prod", "LEAVING": "v2.0.0", "TO": "", "REASON": "it's $(bad) #1"}


def step(project: Project, name: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the step that begins with `name` in a checkout that `make setup` made ready."""
    scripts = [one for job in WORKFLOW["jobs"].values() for one in job["steps"] if one.get("name", "").startswith(name)]
    if not (project.root / ".venv").exists():
        (project.root / ".venv").symlink_to(sys.prefix)
    shutil.copy(ROOT / "scripts/rollback.py", project.root / "scripts/rollback.py")
    environment = {**os.environ, "GITHUB_ACTOR": "octo", "GITHUB_RUN_ID": "7", **variables}
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", scripts[0]["run"]],
        cwd=project.root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_job_rolls_back_once_and_the_deploy_job_builds_what_it_left(story: Project) -> None:
    first = step(story, "Roll back", **INPUTS, DRY_RUN="false")
    assert first.returncode == 0, first.stderr
    assert "it's $(bad) #1" in story.git("cat-file", "tag", "flights#prod#6")
    recorded = story.git("ls-remote", "origin")
    again = step(story, "Roll back", **INPUTS, DRY_RUN="false")
    assert (again.returncode, story.git("ls-remote", "origin")) == (0, recorded)
    deploy = step(story, "Build and prove", ARTIFACT="flights", STAGE="prod")
    assert deploy.returncode == 0, deploy.stderr
    assert (Path(deploy.stdout.splitlines()[-1]) / "models/model.txt").read_text() == "first"


@pytest.mark.parametrize(("given", "code"), [({"DRY_RUN": "true"}, 0), ({"DRY_RUN": "false", "TO": "v1.1.0"}, 14)])
def test_a_dry_run_and_a_refused_target_change_nothing(story: Project, given: dict[str, str], code: int) -> None:
    recorded = story.git("ls-remote", "origin")
    done = step(story, "Roll back", **{**INPUTS, **given})
    assert (done.returncode, story.git("ls-remote", "origin")) == (code, recorded), done.stderr


def test_it_is_started_by_hand_alone_and_runs_the_default_branch() -> None:
    assert list(WORKFLOW[True]) == ["workflow_dispatch"]  # YAML reads the key `on` as true
    assert set(WORKFLOW[True]["workflow_dispatch"]["inputs"]) == {
        "artifact",
        "stage",
        "from",
        "to",
        "reason",
        "dry-run",
    }
    for job in WORKFLOW["jobs"].values():
        checkouts = [one["with"]["ref"] for one in job["steps"] if "checkout" in one.get("uses", "")]
        assert checkouts == ["${{ github.event.repository.default_branch }}"]
        assert not any("${{" in one.get("run", "") for one in job["steps"])
