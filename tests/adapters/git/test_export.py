import os
import subprocess
from pathlib import Path

import pytest

from lastgood.adapters.git.command import Git, GitError
from lastgood.adapters.git.export import export_code, list_tree, read_blobs, read_file, strange_code
from tests.builders import Project, git

ODD = "new\nline\t✓ é"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "exported"
    path.mkdir()
    return path


def exported(target: Path) -> dict[str, bytes]:
    return {str(path.relative_to(target)): path.read_bytes() for path in target.rglob("*") if path.is_file()}


def objects(project: Project, commit: str) -> dict[str, bytes]:
    """Every file of a commit as its object holds it."""
    repository = Git(project.root)
    entries = list_tree(repository, commit)
    return dict(
        zip((entry.path for entry in entries), read_blobs(repository, [one.oid for one in entries]), strict=True)
    )


def test_every_byte_is_as_in_the_objects_whatever_attributes_and_configuration_say(
    project: Project, target: Path
) -> None:
    project.git("config", "filter.shout.smudge", "tr a-z A-Z")
    project.git("config", "filter.shout.clean", "cat")
    project.git("config", "filter.shout.required", "true")
    project.git("config", "core.autocrlf", "true")
    project.git("config", "core.eol", "crlf")
    for name in ("shout.txt", "crlf.txt", "ident.txt", "ignored.txt", "utf16.txt"):
        project.put(name, "one $Id$\ntwo\n")
    project.put("mixed.bin", b"a\r\nb\n\0")
    project.put(ODD, "odd\n")
    project.put(
        ".gitattributes",
        "shout.txt filter=shout\ncrlf.txt text eol=crlf\nident.txt ident\nignored.txt export-ignore\n"
        "* text=auto\nmixed.bin -text\n",
    )
    commit = project.commit()
    project.git("config", "core.attributesFile", str(project.put("../attributes", "*.txt text eol=crlf\n")))
    export_code(Git(project.root), commit, target)
    assert exported(target) == objects(project, commit)
    assert (target / "ignored.txt").read_bytes() == b"one $Id$\ntwo\n" == (target / "shout.txt").read_bytes()


def test_a_working_tree_encoding_is_not_applied(project: Project, target: Path) -> None:
    project.put("utf16.txt", "text\n".encode("utf-16"))
    project.put(".gitattributes", "utf16.txt working-tree-encoding=UTF-16\n")
    commit = project.commit()
    export_code(Git(project.root), commit, target)
    assert (target / "utf16.txt").read_bytes() == b"text\n"


def test_a_filter_of_the_users_own_configuration_does_not_run(home: Path, project: Project, target: Path) -> None:
    project.put("a.txt", "a\n")
    project.put(".gitattributes", "a.txt filter=x\n")
    project.commit()
    ran = home / "ran"
    with (home / ".gitconfig").open("a") as config:
        config.write(f'[filter "x"]\n smudge = "touch {ran}; cat"\n process = "touch {ran}"\n required = true\n')
    export_code(Git(project.root), project.git("rev-parse", "HEAD"), target)
    assert (target / "a.txt").read_text() == "a\n"
    assert not ran.exists()


def test_modes_and_links_are_kept_and_no_git_directory_is_left(project: Project, target: Path) -> None:
    project.put("run.sh", "#!/bin/sh\n").chmod(0o755)
    (project.root / "link").symlink_to("run.sh")
    commit = project.commit()
    project.git("config", "core.symlinks", "false")
    project.git("config", "core.fileMode", "false")
    export_code(Git(project.root), commit, target)
    assert os.access(target / "run.sh", os.X_OK)
    assert not os.access(target / "dvc.yaml", os.X_OK)
    assert (target / "link").readlink() == Path("run.sh")
    assert not (target / ".git").exists()
    assert sorted(target.parent.iterdir()) == [project.remote, target, project.origin, project.root]


def test_neither_index_nor_working_tree_is_touched(project: Project, target: Path) -> None:
    first = project.commit()
    project.put("staged.txt", "staged\n")
    project.git("add", "staged.txt")
    project.put("dvc.yaml", "broken")
    project.put("untracked.txt", "mine\n")
    before = project.git("status", "--porcelain"), (project.root / ".git/index").read_bytes()
    export_code(Git(project.root), first, target)
    assert (project.git("status", "--porcelain"), (project.root / ".git/index").read_bytes()) == before
    assert "staged.txt" not in exported(target)


def test_a_sparse_checkout_is_exported_whole(project: Project, target: Path) -> None:
    project.git("sparse-checkout", "set", "--no-cone", "/scripts/")
    export_code(Git(project.root), project.git("rev-parse", "HEAD"), target)
    assert "dvc.yaml" in exported(target)


def test_a_bare_mirror_and_a_linked_working_tree_and_a_clone_of_references_will_do(
    project: Project, tmp_path: Path
) -> None:
    commit = project.commit()
    git(tmp_path, "clone", "--quiet", "--mirror", str(project.origin), "mirror.git")
    project.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"))
    git(tmp_path, "clone", "--quiet", "--shared", str(project.root), "shared")
    mirror = tmp_path / "mirror.git"
    for name, repository in {
        "a": Git(mirror, git_dir=mirror),
        "b": Git(tmp_path / "linked"),
        "c": Git(tmp_path / "shared"),
    }.items():
        (tmp_path / f"to {name}").mkdir()
        export_code(repository, commit, tmp_path / f"to {name}")
        assert exported(tmp_path / f"to {name}") == objects(project, commit)


def test_submodules_and_lfs_pointers_are_found_by_name(project: Project) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12345\n"
    project.put("models/big.bin", pointer)
    project.put("docs/.gitattributes", "")
    project.put("docs/format.md", "# version https://git-lfs.github.com/spec/v1\n")
    project.git("add", "--all")
    project.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},vendor/sub")
    project.git("commit", "-qm", "strange")
    repository = Git(project.root)
    assert strange_code(repository, list_tree(repository, "HEAD")) == ("models/big.bin", "vendor/sub")
    assert strange_code(repository, list_tree(repository, "HEAD~")) == ()


def test_one_file_is_read_or_is_not_there(project: Project) -> None:
    repository = Git(project.root)
    project.put("empty", "")
    commit = project.commit()
    assert read_file(repository, commit, "empty") == b""
    assert read_file(repository, commit, ".dvcignore") == b""
    assert read_file(repository, commit, "absent") is None
    assert read_file(repository, commit, "scripts") is None
    assert [entry.path for entry in list_tree(repository, commit, "scripts")] == ["scripts/train.py"]


def test_a_commit_that_is_not_here_is_an_error_and_leaves_nothing(project: Project, target: Path) -> None:
    with pytest.raises(GitError, match="git read-tree failed"):
        export_code(Git(project.root), "1" * 40, target)
    assert exported(target) == {}
    assert [path.name for path in target.parent.iterdir() if path.name.startswith("exported")] == ["exported"]
    assert subprocess.run(["git", "-C", str(project.root), "status"], capture_output=True).returncode == 0
