from pathlib import Path

import pytest

from lastgood.adapters.git.command import Git, GitError
from lastgood.adapters.git.packs import Pack
from tests.builders import Project, git

WHO = "Ada <ada@example.org> 1700000000 +0000"
SHA1, SHA256 = "0" * 40, "0" * 64


def commit_of(tree: str, *parents: str) -> bytes:
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents), f"author {WHO}", f"committer {WHO}"]
    return "\n".join([*lines, "", "why\n"]).encode()


@pytest.mark.parametrize("size", [0, 1, 15, 16, 2047, 2048, 262_143, 262_144, 1 << 20])
def test_a_blob_of_any_size_is_the_one_that_git_makes(project: Project, size: int) -> None:
    repository, data = Git(project.root), bytes(number % 251 for number in range(size))
    pack = Pack(SHA1)
    oid = pack.add("blob", data)
    pack.write(repository)
    assert oid == repository.run("hash-object", "--stdin", stdin=data).decode().strip()
    assert repository.objects.read(oid) == ("blob", data)


@pytest.mark.parametrize(("form", "unit"), [("sha1", SHA1), ("sha256", SHA256)])
def test_objects_that_name_each_other_are_written_at_once(tmp_path: Path, form: str, unit: str) -> None:
    git(tmp_path, "init", "--quiet", f"--object-format={form}", "repository")
    there = tmp_path / "repository"
    pack = Pack(unit)
    tree = pack.add_tree({"b": b"same", "a": b"same", "a-b": b"other", "ä": b""})
    commit = pack.add("commit", commit_of(tree))
    tag = pack.add("tag", f"object {commit}\ntype commit\ntag v1\ntagger {WHO}\n\nwhy\n".encode())
    pack.write(Git(there))
    assert git(there, "-c", "core.quotePath=false", "ls-tree", "--name-only", tag) == "a\na-b\nb\nä"
    assert git(there, "show", f"{tag}:a") == "same"
    assert git(there, "fsck", "--strict") == f"dangling tag {tag}"


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("tag", f"object {'1' * 40}\ntype commit\ntag v1\ntagger {WHO}\n\nwhy\n".encode()),
        ("commit", commit_of("1" * 40)),
        ("commit", b"tree\n\nno tree\n"),
        ("tag", b"no tag\n"),
    ],
)
def test_an_object_that_is_malformed_or_names_an_absent_one_is_refused(
    project: Project, kind: str, content: bytes
) -> None:
    repository = Git(project.root)
    pack = Pack(SHA1)
    oid = pack.add(kind, content)
    with pytest.raises(GitError):
        pack.write(repository)
    assert repository.objects.read(oid) is None
