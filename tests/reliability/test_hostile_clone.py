"""A clone and an environment full of traps and secrets, worked on by the program itself: none is sprung or told."""

import os
import subprocess
import sys
from pathlib import Path

from tests.builders import Project, git
from tests.reliability import figures
from tests.reliability.corpus import SECRET
from tests.world import World

HOOKS = [
    "applypatch-msg",
    "pre-applypatch",
    "post-applypatch",
    "pre-commit",
    "pre-merge-commit",
    "prepare-commit-msg",
    "commit-msg",
    "post-commit",
    "pre-rebase",
    "post-checkout",
    "post-merge",
    "pre-push",
    "reference-transaction",
    "push-to-checkout",
    "pre-auto-gc",
    "post-rewrite",
    "sendemail-validate",
    "fsmonitor-watchman",
    "post-index-change",
]
TRAPS = [
    "core.fsmonitor",
    "core.editor",
    "core.pager",
    "core.askPass",
    "core.alternateRefsCommand",
    "sequence.editor",
    "gpg.program",
    "diff.external",
    "diff.evil.textconv",
    "diff.evil.command",
    "merge.evil.driver",
]
COMMANDS = """\
status
list
history flights
show flights@v1.0.0
diff flights@v1.0.0 flights@v2.0.0
verify --deep
register --version v3.0.0
sync --stage prod
mark v2.0.0 failed --reason bad
checkout v1.0.0
status --fetch
rollback --from v2.0.0 --reason https://me:@SECRET@@example.org/?token=@SECRET@ --here
where flights --stage prod
prune
""".splitlines()


def _trap(project: Project, canary: Path) -> int:
    """Hooks, a file-system monitor, filters and traps in the version's own configuration; how many."""
    script = f"#!/bin/sh\ntouch {canary}/$(basename $0)\n"
    for name in HOOKS:
        hook = project.root / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(script)
        hook.chmod(0o755)
    trap = project.base / "trap.sh"
    trap.write_text(script)
    trap.chmod(0o755)
    settings = dict.fromkeys(TRAPS, str(trap)) | {"credential.helper": f"!{trap}", "alias.log": f"!{trap}"}
    for key, value in settings.items():
        project.git("config", key, value)
    project.git("config", "remote.evil.url", f"ext::sh -c 'touch {canary}/ext'")
    return len(HOOKS) + len(settings) + 1


def _world(project: Project, canary: Path) -> World:
    world = World(project)
    traps = {
        ".gitattributes": "* diff=evil merge=evil\n",
        "lastgood.toml": f"[rollback]\nhealth = 'touch {canary}/health'\n[register]\ngate = 'touch {canary}/gate'\n",
        ".pre-commit-config.yaml": "repos: []\n",
    }
    secret = f"https://me:{SECRET}@example.org/x?token={SECRET}"
    world.project.put("lastgood.toml", "")
    world.release("v1.0.0", model="first", params={"address": secret}, mark="stable")
    for path, content in traps.items():
        project.put(path, content)
    project.commit("Set traps")
    (project.root / "lastgood.toml").unlink()
    world.release("v2.0.0", model="second", stages=["prod"])
    project.commit_version(model="third")
    return world


def _objects(repository: Path) -> str:
    """The bytes of every tag, commit and file that lastgood wrote into git."""
    listed = git(repository, "cat-file", "--batch-all-objects", "--batch-check").splitlines()
    wanted = [line.split()[0] for line in listed if line.split()[1] in {"tag", "commit"}]
    wanted += [line.split()[2] for line in git(repository, "ls-tree", "-r", "refs/lastgood/flights").splitlines()]
    return git(repository, "cat-file", "--batch", stdin="".join(f"{one}\n" for one in wanted))


def test_no_trap_of_a_clone_is_sprung_and_no_secret_told(project: Project) -> None:
    begun = figures.begin()
    canary = project.base / "canary"
    canary.mkdir()
    world = _world(project, canary)
    traps = _trap(project, canary)
    local = f"['remote \"far\"']\n    url = https://example.org/\n    user = me\n    password = {SECRET}\n"
    project.put(".dvc/config.local", local)
    environment = {
        **os.environ,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "TOKEN": SECRET,
        "GIT_EXTERNAL_DIFF": str(project.base / "trap.sh"),
    }
    said = ""
    for command in COMMANDS:
        words = [
            sys.executable,
            "-m",
            "lastgood.cli.app",
            "-C",
            str(project.root),
            *command.replace("@SECRET@", SECRET).split(),
        ]
        for more in ([], ["--json"]) if figures.SOAK else ([["--json"], []][len(said) % 2],):
            done = subprocess.run([*words, *more], capture_output=True, text=True, env=environment)
            said += done.stdout + done.stderr
            assert done.returncode in {0, 2, 3, 6, 7, 14}, (command, done.stdout, done.stderr)
    assert world.live_model() == "first"
    kept = "".join(one.read_text(errors="replace") for one in _written(project.root / ".git/lastgood"))
    assert list(canary.iterdir()) == []
    assert [
        name
        for name, words in (("output", said), ("files", kept), ("git", _objects(project.origin)))
        if SECRET in words
    ] == []
    assert "Traceback" not in said
    figures.record("hostile clone", begun, cases=traps + 5, commands=len(COMMANDS), wrong=0)


def _written(place: Path) -> list[Path]:
    """What lastgood wrote of its own: not the files of the version, which are in git with all that they say."""
    return [one for one in place.rglob("*") if one.is_file() and one.parent in {place, *place.glob("releases/*")}]
