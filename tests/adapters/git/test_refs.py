import subprocess

import pytest

from lastgood.adapters.git.command import Git
from lastgood.adapters.git.refs import (
    Origin,
    compare_with_origin,
    fetch,
    list_origin,
    list_refs,
    parse_tag,
    read_journal,
    read_recorded,
    read_tags,
)
from lastgood.core.journal import Entry, Journal, Lost, Recorded
from lastgood.errors import UnreachableError
from tests.builders import Project


def raw_tag(project: Project, name: str, body: bytes, *, tagger: bytes = b"A <a@b> 1700000000 +0100") -> str:
    """A tag object of any bytes, and its ref."""
    commit = project.git("rev-parse", "HEAD")
    raw = f"object {commit}\ntype commit\ntag {name}\n".encode() + b"tagger " + tagger + b"\n\n" + body
    command = ["git", "-C", str(project.root), "hash-object", "-t", "tag", "-w", "--stdin", "--literally"]
    oid = subprocess.run(command, input=raw, capture_output=True, check=True).stdout.decode().strip()
    project.git("update-ref", f"refs/tags/{name}", oid)
    return oid


def test_a_tag_is_read_with_all_its_fields(project: Project) -> None:
    commit = project.commit()
    oid = project.tag("flights@v1.0.0", message="Subject\n\nbody\n\nKey: value\n", when=1_700_000_000)
    (one,) = read_tags(Git(project.root)).objects.values()
    assert (one.name, one.oid, one.commit, one.when) == ("flights@v1.0.0", oid, commit, 1_700_000_000)
    assert one.tree == project.git("rev-parse", "HEAD^{tree}")
    assert one.tagger == "Ada <ada@example.org>"
    assert one.message == "Subject\n\nbody\n\nKey: value\n"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", ""),
        (b"one\ntwo\n\nbody", "body"),
        (b"\xff\xfe latin \xe9\n\n\x01\x02\x1b[31m\r\nbody\n", "body"),
        ("ünï ✓\n\nbody\x1e\x85\u2028\n".encode(), "body"),
        (b"subject\n\nbody\0cut off\n", "body"),
        (b"%(refname)\n\n%00 body %s\n", "%00 body %s"),
    ],
)
def test_odd_bytes_in_one_message_spoil_no_other_tag(project: Project, body: bytes, words: str) -> None:
    raw_tag(project, "flights@v1.0.0", body)
    project.tag("flights#prod#1", push=False)
    tags = read_tags(Git(project.root))
    assert words in tags.objects["flights@v1.0.0"].message
    assert tags.objects["flights#prod#1"].message.strip() == "by hand"


@pytest.mark.parametrize("tagger", [b"A <a@b> 99999999999999 +0000", b"no address", b"A <a@b> -5 +0000", b"<> 7 +0000"])
def test_odd_taggers_stop_nothing(project: Project, tagger: bytes) -> None:
    raw_tag(project, "flights@v1.0.0", b"x", tagger=tagger)
    (one,) = read_tags(Git(project.root)).objects.values()
    assert one.when >= 0


def test_tags_that_are_no_annotated_tag_of_a_commit_are_told_apart(project: Project) -> None:
    annotated = project.tag("flights@v1.0.0", push=False)
    project.git("tag", "light")
    project.git("tag", "tree", "HEAD^{tree}")
    project.git("tag", "blob", "HEAD:dvc.yaml")
    project.git("tag", "-a", "-m", "x", "tag-of-tree", "HEAD^{tree}")
    project.git("tag", "-a", "-m", "x", "nested", annotated)
    tags = read_tags(Git(project.root))
    assert set(tags.objects) == {"flights@v1.0.0"}
    assert set(tags.others) == {"light", "tree", "blob", "tag-of-tree", "nested"}
    assert tags.others["light"] == project.git("rev-parse", "HEAD")


@pytest.mark.parametrize("name", ["-dash", "--all", "ünï✓", "a b"[0] + "\u00a0" + "b", "x=y#z", "deep/er/name"])
def test_odd_names_are_read(project: Project, name: str) -> None:
    project.git("update-ref", f"refs/tags/{name}", project.tag("plain", push=False))
    assert set(read_tags(Git(project.root)).objects) == {name, "plain"}


def test_a_signed_tags_message_is_without_its_signature(project: Project) -> None:
    body = (
        b"Subject\n\nbody\n\nArtifact: a\nActor: b\n-----BEGIN SSH SIGNATURE-----\nxyz\n-----END SSH SIGNATURE-----\n"
    )
    oid = raw_tag(project, "flights@v1.0.0", body)
    repository = Git(project.root)
    (one,) = read_tags(repository).objects.values()
    rebuilt = parse_tag(repository, repository.run("cat-file", "tag", oid))
    assert rebuilt is not None
    assert one.message == rebuilt.message == "Subject\n\nbody\n\nArtifact: a\nActor: b\n"


@pytest.mark.parametrize(
    "raw", [b"", b"no tag", b"type commit\ntag x\n\n", b"object 1\ntype tree\ntag x\n\nm", b"\0\xff", b"tag x"]
)
def test_bytes_that_are_no_tag_are_none(project: Project, raw: bytes) -> None:
    assert parse_tag(Git(project.root), raw) is None


def test_a_tag_read_from_its_bytes_is_the_one_that_git_reads(project: Project) -> None:
    repository = Git(project.root)
    oid = project.tag("flights@v1.0.0", message="Subject\n\nwhy\n", push=False)
    entry = Entry("c", (Recorded(oid, "flights@v1.0.0"),))
    tree = repository.run("mktree", stdin=_blob(repository, oid)).decode().strip()
    commit = repository.line("commit-tree", tree, "-m", "entry")
    lost = Lost(Entry(commit, entry.tags), entry.tags[0], None)
    assert read_recorded(repository, [lost]) == dict(read_tags(repository).objects)


def _blob(repository: Git, oid: str) -> bytes:
    raw = repository.run("cat-file", "tag", oid)
    blob = repository.run("hash-object", "-w", "--stdin", stdin=raw).decode().strip()
    return f"100644 blob {blob}\ttag-1\n".encode()


def test_origin_is_asked_and_fetched_from_without_clobbering_or_pruning(project: Project) -> None:
    project.tag("flights@v1.0.0")
    there = project.clone()
    there.git("config", "fetch.prune", "true")
    there.git("config", "fetch.pruneTags", "true")
    mine = there.tag("flights@v2.0.0", push=False)
    theirs = project.tag("flights@v2.0.0", message="another")
    third = project.tag("flights@v3.0.0")
    repository = Git(there.root)
    only_here = there.tag("flights#prod#9", push=False)
    origin = list_origin(repository, "origin", ["refs/tags/*"], 20)
    assert (origin.tag("flights@v2.0.0"), origin.tag("flights@v3.0.0"), origin.tag("x")) == (theirs, third, None)
    fetch(repository, "origin", ["refs/tags/*:refs/tags/*"], 20)
    refs = list_refs(repository, "refs/tags/")
    assert refs["refs/tags/flights@v2.0.0"] == mine
    assert refs["refs/tags/flights@v3.0.0"] == third
    assert refs["refs/tags/flights#prod#9"] == only_here


def test_a_remote_that_is_not_there_is_told_with_gits_words(project: Project) -> None:
    project.git("remote", "set-url", "origin", "file:///nowhere/at/all.git")
    for ask in (
        lambda: list_origin(Git(project.root), "origin", ["refs/tags/*"], 20),
        lambda: fetch(Git(project.root), "origin", ["refs/tags/*:refs/tags/*"], 20),
    ):
        with pytest.raises(UnreachableError, match=r"cannot be reached: .*nowhere/at/all"):
            ask()


def test_deleted_and_moved_tags_on_origin_are_findings() -> None:
    tags = (Recorded("1" * 40, "flights@v1.0.0"), Recorded("2" * 40, "flights#prod#1"), Recorded("3" * 40, "a@v1.0.0"))
    journal = Journal("flights", "c", (Entry("c", tags),))
    origin = Origin({"refs/tags/flights@v1.0.0": "9" * 40, "refs/tags/a@v1.0.0": "3" * 40})
    found = [(finding.kind, finding.subject) for finding in compare_with_origin(journal, origin)]
    assert found == [("moved", "flights@v1.0.0"), ("deleted", "flights#prod#1")]


def test_no_journal_is_an_empty_one(project: Project) -> None:
    assert read_journal(Git(project.root), "flights", "refs/lastgood/flights") == Journal("flights")
