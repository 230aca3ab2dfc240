"""`git clone`, `git checkout TAG`, `dvc pull` in a second clone: byte for byte what a checkout and a release hold."""

from pathlib import Path

from lastgood.operations.assign import assign
from lastgood.operations.checkout import checkout
from lastgood.operations.register import Request, register
from lastgood.operations.sync import sync
from tests.builders import Project, git
from tests.peers.peer_tools import opened, run, same_files

NOT_THE_VERSION = frozenset({".git", ".dvc/tmp", ".dvc/cache"})
CODE = {
    "scripts/with space.py": "print('ä')\n",
    "notes/naïve ümlaut.md": "one\n",
    "notes/line\nbreak.txt": "two\r\nthree\n",
    ".gitattributes": "notes/secret.txt export-ignore\n*.txt -text\n",
    "notes/secret.txt": "git archive would drop it\n",
}
DATA = {"a b.csv": "1\n", "ünï/ç.csv": "2\n", "line\nbreak.csv": "3\n", "-dash.csv": "4\n", "empty.csv": ""}


def plain(project: Project, tag: str) -> Path:
    """What engineers do who do not know lastgood."""
    there = project.clone("plain")
    git(there.root, "checkout", "--quiet", tag)
    run("dvc", "pull", "--quiet", cwd=there.root)
    return there.root


def test_plain_git_and_dvc_give_what_checkout_and_the_release_give(project: Project) -> None:
    project.commit_version(model="one", data=DATA, code=CODE)
    (project.root / "scripts/train.py").chmod(0o755)
    (project.root / "latest").symlink_to("models/model.txt")
    project.commit("an executable and a link")
    there = opened(project)
    register(there, Request(version="v1.0.0"))
    project.commit_version(model="two", data={"other.csv": "9\n"}, code={"notes/secret.txt": "changed\n"})
    register(there, Request(version="v2.0.0"))
    assign(there, "v1.0.0", "prod", "go")

    theirs = plain(project, "flights@v1.0.0")
    machine = project.clone("machine")
    served = opened(machine)
    release = sync(served, None, "prod").release.path
    same_files(theirs, release, without=NOT_THE_VERSION)
    checkout(served, "v1.0.0")
    same_files(theirs, machine.root, without=NOT_THE_VERSION)
    checkout(served, "v2.0.0")
    checkout(served, "v1.0.0")
    same_files(theirs, machine.root, without=NOT_THE_VERSION)
    assert (release / "scripts/train.py").stat().st_mode & 0o111
    assert git(machine.root, "status", "--porcelain") == ""
    assert run("dvc", "status", cwd=machine.root).strip() == "Data and pipelines are up to date."
