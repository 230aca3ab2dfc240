import json
import os
import re
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from lastgood.adapters.git.command import Git
from lastgood.adapters.git.identity import Identity
from lastgood.adapters.git.refs import list_refs, read_journal, read_recorded, read_tags
from lastgood.adapters.git.transactions import (
    Prepared,
    land,
    publish,
    put_tags,
    write_adoption,
    write_entry,
    write_objects,
)
from lastgood.core.events import TagObject
from lastgood.core.journal import Journal, Lost, Recorded
from lastgood.core.manifest import Manifest
from lastgood.core.messages import Message, format_message
from lastgood.core.transaction import NewTag, Transaction
from lastgood.errors import PushRefusedError, StaleError, UnreachableError
from tests.builders import BEGIN, Project, git

REF = "refs/lastgood/flights"
ADA = Identity("Ada", "ada@example.org")
OWN = {"Artifact": "flights", "Version": "v1.0.0", "Actor": "Ada"}


def prepare(project: Project, *names: str, reason: str = "#1 why", ref: str = REF) -> Prepared:
    """A transaction's objects, on top of the journal that this clone has."""
    repository = Git(project.root)
    commit = project.git("rev-parse", "HEAD")
    message = format_message(Message("Subject", reason, None, OWN))
    tags = tuple(NewTag(name, commit, BEGIN + place, message) for place, name in enumerate(names))
    registers = any("@" in name for name in names)
    tree = project.git("rev-parse", "HEAD^{tree}")
    manifest = Manifest("flights", "v1.0.0", commit, tree, ".", "models/model.txt") if registers else None
    transaction = Transaction("flights", f"Write {names[0]}", tags, manifest, commit if registers else None)
    return write_objects(repository, transaction, read_journal(repository, "flights", ref), ref, ADA)


def record(project: Project, *names: str) -> Prepared:
    prepared = prepare(project, *names)
    publish(Git(project.root), prepared, "origin", 20)
    land(Git(project.root), prepared, accepted=True)
    return prepared


def refs_of(directory: Path) -> dict[str, str]:
    bare = None if (directory / ".git").exists() else directory
    every = list_refs(Git(directory, git_dir=bare), "refs/")
    return {
        name: oid for name, oid in every.items() if name.startswith(("refs/tags/", "refs/lastgood/", "refs/heads/last"))
    }


def plain(objects: Mapping[str, TagObject]) -> dict[str, TagObject]:
    """Tags with messages less the newlines at their end, which git's fields add to."""
    return {name: one._replace(message=one.message.rstrip("\n")) for name, one in objects.items()}


def hook(project: Project, name: str, script: str) -> None:
    path = project.origin / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_every_journal_begins_with_the_same_commit(project: Project) -> None:
    """Journals of earlier versions of lastgood begin with it, too."""
    prepare(project, "flights@v1.0.0")
    entry = prepare(project, "flights@v1.0.0").journal
    assert project.git("rev-parse", f"{entry}^1") == "8baf0f1ada95ea15474b9a840b20c07b870e4bd0"


def test_objects_are_made_without_any_ref_and_refs_follow_origin(project: Project) -> None:
    prepared = prepare(project, "flights@v1.0.0")
    assert refs_of(project.root) == {} == refs_of(project.origin)
    publish(Git(project.root), prepared, "origin", 20)
    assert refs_of(project.root) == {}
    assert set(refs_of(project.origin)) == {"refs/tags/flights@v1.0.0", REF}
    land(Git(project.root), prepared, accepted=True)
    assert refs_of(project.root) == refs_of(project.origin)


def test_everything_recorded_is_read_back(project: Project) -> None:
    record(project, "flights@v1.0.0")
    record(project, "flights#failed#1", "flights#stable#2", "flights#prod#3")
    repository = Git(project.root)
    journal = read_journal(repository, "flights", REF)
    names = ["flights@v1.0.0", "flights#failed#1", "flights#stable#2", "flights#prod#3"]
    assert [recorded.name for _, recorded in journal.recorded] == names
    assert len(journal.entries) == 2
    objects = read_tags(repository).objects
    assert {recorded.name: recorded.oid for _, recorded in journal.recorded} == {
        name: one.oid for name, one in objects.items()
    }
    assert "#1 why" in objects["flights#prod#3"].message
    assert project.git("cat-file", "-t", "flights@v1.0.0") == "tag"
    assert '"artifact":"flights"' in project.git("show", f"{REF}~:manifest.json")
    assert project.git("fsck", "--strict") == ""


def test_the_version_commit_stays_reachable_from_the_journal_alone(project: Project) -> None:
    commit = project.commit("to be released")
    assert record(project, "flights@v1.0.0").artifact == "flights"
    assert json.loads(project.git("show", f"{REF}:manifest.json"))["commit"] == commit
    assert project.git("rev-parse", f"{REF}^2") == commit
    assert project.git("log", "-1", "--format=%s %at", f"{REF}^1") == "journal of lastgood 0"


def test_two_first_writers_begin_with_the_same_commit(project: Project, home: Path) -> None:
    one = prepare(project, "flights@v1.0.0")
    with (home / ".gitconfig").open("a") as config:
        config.write("[i18n]\n commitEncoding = latin1\n[commit]\n gpgSign = true\n[user]\n name = Other\n")
    two = prepare(project.clone(), "flights@v1.1.0")
    assert project.git("rev-parse", f"{one.journal}^1") == git(project.base / "clone", "rev-parse", f"{two.journal}^1")


@pytest.mark.parametrize(
    "reason", ["plain", "#1 ünï ✓\r\n\n\x01", "x" * 300_000, "\ud800 lone", "a\0b", "-----BEGIN SSH SIGNATURE-----"]
)
def test_a_tag_is_rebuilt_from_the_journal_bit_for_bit(project: Project, reason: str) -> None:
    prepared = prepare(project, "flights@v1.0.0", "flights#prod#1", reason=reason)
    repository = Git(project.root)
    land(repository, prepared, accepted=False)
    for place, tag in enumerate(prepared.tags, 1):
        raw = repository.run("cat-file", "blob", f"{REF}:tag-{place}")
        assert repository.run("hash-object", "-t", "tag", "--stdin", "-w", stdin=raw).decode().strip() == tag.oid
    journal = read_journal(repository, "flights", REF)
    lost = [Lost(entry, recorded, None) for entry, recorded in journal.recorded]
    assert plain(read_recorded(repository, lost)) == plain(read_tags(repository).objects)


def test_adopted_tags_go_into_the_journal_as_they_are(project: Project) -> None:
    oids = {name: project.tag(name) for name in ("flights@v1.0.0", "flights#prod#1", "flights#stable#2")}
    repository = Git(project.root)
    recorded = [Recorded(oid, name) for name, oid in oids.items()]
    prepared = write_adoption(repository, Journal("flights"), recorded, REF, ADA, BEGIN)
    publish(repository, prepared, "origin", 20)
    land(repository, prepared, accepted=True)
    journal = read_journal(repository, "flights", REF)
    assert {tag.name: tag.oid for _, tag in journal.recorded} == oids
    assert all(entry.adoption for entry in journal.entries)
    before = plain(read_tags(repository).objects)
    for name in oids:
        project.git("tag", "--delete", name)
    assert plain(read_recorded(repository, [Lost(entry, tag, None) for entry, tag in journal.recorded])) == before
    put_tags(repository, recorded)
    assert plain(read_tags(repository).objects) == before


def test_the_slower_of_two_is_told_and_leaves_nothing(project: Project) -> None:
    record(project, "flights@v1.0.0")
    there = project.clone()
    there.git("fetch", "--quiet", "origin", f"{REF}:{REF}")
    mine, theirs = prepare(project, "flights#prod#1"), prepare(there, "flights#staging#1")
    publish(Git(there.root), theirs, "origin", 20)
    before = refs_of(project.root), refs_of(project.origin)
    with pytest.raises(StaleError) as caught:
        publish(Git(project.root), mine, "origin", 20)
    assert (caught.value.args[0], caught.value.hint) == (f"origin moved on: {REF}: [rejected] (fetch first)", "")
    assert (refs_of(project.root), refs_of(project.origin)) == before


def test_a_tag_that_origin_has_already_is_a_lost_race_and_moves_nothing(project: Project) -> None:
    there = project.clone()
    oid = there.tag("flights@v1.0.0")
    with pytest.raises(StaleError):
        publish(Git(project.root), prepare(project, "flights@v1.0.0"), "origin", 20)
    assert refs_of(project.origin) == {"refs/tags/flights@v1.0.0": oid}


def test_of_two_at_once_exactly_one_wins(project: Project) -> None:
    record(project, "flights@v1.0.0")
    there = project.clone()
    there.git("fetch", "--quiet", "origin", f"{REF}:{REF}")
    for number in range(1, 13):
        prepared = [prepare(one, f"flights#prod#{number}", f"flights#{one.name}#{number}") for one in (project, there)]
        results = _race([(project, prepared[0]), (there, prepared[1])])
        assert sorted(type(error).__name__ for error in results) == ["NoneType", "StaleError"], results
        won = results.index(None)
        origin = refs_of(project.origin)
        assert origin[REF] == prepared[won].journal
        assert all(origin[f"refs/tags/{tag.name}"] == tag.oid for tag in prepared[won].tags)
        assert f"refs/tags/flights#{(project, there)[1 - won].name}#{number}" not in origin
        for one in (project, there):
            assert f"refs/tags/flights#prod#{number}" not in refs_of(one.root)
            one.git("fetch", "--quiet", "origin", f"{REF}:{REF}", "refs/tags/*:refs/tags/*")


def _race(writers: list[tuple[Project, Prepared]]) -> list[Exception | None]:
    results: list[Exception | None] = [None] * len(writers)
    start = threading.Barrier(len(writers))

    def write(place: int, project: Project, prepared: Prepared) -> None:
        start.wait()
        try:
            publish(Git(project.root), prepared, "origin", 20)
        except (PushRefusedError, StaleError, UnreachableError) as error:
            results[place] = error

    threads = [threading.Thread(target=write, args=(place, *writer)) for place, writer in enumerate(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


ONLY_PUBLIC = 'case "$1" in refs/heads/*|refs/tags/*) exit 0;; esac; echo "namespace $1 is ours" >&2; exit 1'


PROTECTED = 'case "$1" in refs/tags/*) echo "tags are protected" >&2; exit 1;; esac'
QUOTA = 'echo "quota already exists:" >&2; echo "fetch first" >&2; exit 1'
DECLINED = "error: hook declined to update"


@pytest.mark.parametrize(
    ("name", "script", "words", "by_namespace"),
    [
        ("update", ONLY_PUBLIC, f"namespace {REF} is ours {DECLINED} {REF}", True),
        ("update", PROTECTED, f"tags are protected {DECLINED} refs/tags/flights@v1.0.0", False),
        ("pre-receive", QUOTA, "quota already exists: fetch first", True),
        ("update", "exit 1", f"{DECLINED} refs/tags/flights@v1.0.0", False),
    ],
)
def test_a_host_that_refuses_is_quoted_and_has_nothing(
    project: Project, name: str, script: str, words: str, by_namespace: bool
) -> None:
    """What it says of the journal's ref may be about its namespace, and a branch of its own helps; else it does not."""
    hook(project, name, script)
    with pytest.raises(PushRefusedError) as caught:
        publish(Git(project.root), prepare(project, "flights@v1.0.0", "flights#prod#1"), "origin", 20)
    assert not isinstance(caught.value, StaleError)
    assert caught.value.message == f"origin refused the push: {words}"
    assert caught.value.hint == (
        "a host that refuses other namespaces takes the journal as a branch: "
        '[registry] journal = "refs/heads/lastgood/{artifact}"'
        if by_namespace
        else ""
    )
    assert refs_of(project.origin) == {} == refs_of(project.root)


def test_a_journal_that_is_a_branch_already_is_not_told_to_become_one(project: Project) -> None:
    hook(project, "pre-receive", "exit 1")
    with pytest.raises(PushRefusedError, match="pre-receive hook declined") as caught:
        publish(Git(project.root), prepare(project, "flights#prod#1", ref="refs/heads/lastgood/flights"), "origin", 20)
    assert caught.value.hint == ""


def test_a_host_without_words_is_quoted_by_what_it_answered_of_each_ref(project: Project) -> None:
    hook(project, "pre-receive", "exit 1")
    with pytest.raises(PushRefusedError) as caught:
        publish(Git(project.root), prepare(project, "flights@v1.0.0"), "origin", 20)
    declined = "[remote rejected] (pre-receive hook declined)"
    told = f"refs/tags/flights@v1.0.0: {declined}; {REF}: {declined}"
    assert caught.value.message == f"origin refused the push: {told}"


def test_a_host_that_takes_only_branches_and_tags_takes_the_journal_as_a_branch(project: Project) -> None:
    hook(project, "update", ONLY_PUBLIC)
    prepared = prepare(project, "flights@v1.0.0", ref="refs/heads/lastgood/flights")
    publish(Git(project.root), prepared, "origin", 20)
    assert set(refs_of(project.origin)) == {"refs/tags/flights@v1.0.0", "refs/heads/lastgood/flights"}


@pytest.mark.parametrize(
    ("name", "script"),
    [
        ("pre-receive", "kill -9 $PPID"),
        ("update", "kill -9 $PPID"),
        ("reference-transaction", '[ "$1" = prepared ] && exit 1; exit 0'),
    ],
)
def test_a_host_that_dies_half_way_has_nothing_and_nothing_is_claimed(project: Project, name: str, script: str) -> None:
    hook(project, name, script)
    with pytest.raises(
        UnreachableError, match=r"^origin closed the connection: .*unknown whether origin accepted the push"
    ) as caught:
        publish(Git(project.root), prepare(project, "flights@v1.0.0"), "origin", 20)
    assert caught.value.hint == "run the same command again to find out"
    assert refs_of(project.origin) == {} == refs_of(project.root)


def test_a_host_that_does_not_end_is_left_and_nothing_is_claimed(project: Project) -> None:
    hook(project, "pre-receive", "exec sleep 60")
    with pytest.raises(
        UnreachableError, match=r"^git push got no answer .* it is unknown whether origin accepted the push"
    ):
        publish(Git(project.root), prepare(project, "flights@v1.0.0"), "origin", 0.5)
    assert refs_of(project.origin) == {} == refs_of(project.root)


def test_a_branch_that_goes_along_and_is_behind_is_no_race(project: Project) -> None:
    project.clone().commit("theirs")
    project.commit("mine", push=False)
    main = "refs/heads/main:refs/heads/main"
    with pytest.raises(PushRefusedError, match=r"refs/heads/main: ") as caught:
        publish(Git(project.root), prepare(project, "flights@v1.0.0"), "origin", 20, more=[main])
    assert not isinstance(caught.value, StaleError)
    assert caught.value.hint == "git pull --rebase origin main, or leave the branch out"
    assert refs_of(project.origin) == {}
    project.git("pull", "--quiet", "--rebase", "origin", "main")
    publish(Git(project.root), prepare(project, "flights@v1.0.0"), "origin", 20, more=[main])
    assert git(project.origin, "rev-parse", "main") == project.git("rev-parse", "HEAD")


def test_a_branch_that_a_host_protects_is_told_in_its_words(project: Project) -> None:
    hook(project, "update", 'case "$1" in refs/heads/*) echo "main is protected" >&2; exit 1;; esac')
    project.commit("mine", push=False)
    main = "refs/heads/main:refs/heads/main"
    with pytest.raises(PushRefusedError, match="main is protected") as caught:
        publish(Git(project.root), prepare(project, "flights@v1.0.0"), "origin", 20, more=[main])
    assert not isinstance(caught.value, StaleError)
    assert "pull" not in caught.value.hint


@pytest.mark.parametrize("of", ["url", "pushurl"])
def test_a_host_is_asked_for_nothing_that_only_this_machine_can_do(project: Project, of: str) -> None:
    """Also when what is read comes from a mirror on this machine, and only the push goes to the host."""
    ssh = project.base / "ssh"
    ssh.write_text('#!/bin/sh\nfor last; do :; done\necho "$last" >> "$0.log"\nexec sh -c "$last"\n')
    ssh.chmod(0o755)
    project.git("config", "core.sshCommand", str(ssh))
    project.git("config", f"remote.origin.{of}", f"ssh://host.invalid{project.origin}")
    prepared = record(project, "flights@v1.0.0")
    assert refs_of(project.origin)[REF] == prepared.journal
    assert ssh.with_suffix(".log").read_text() == f"git-receive-pack '{project.origin}'\n"


def test_what_a_host_took_of_a_push_that_it_refused_is_named(project: Project) -> None:
    """receive-pack leaves out a ref whose history it cannot read, `--atomic` or not, and takes the others."""
    tree = project.git("rev-parse", f"{record(project, 'flights@v1.0.0').journal}^{{tree}}")
    damaged = project.origin / "objects" / tree[:2] / tree[2:]
    damaged.chmod(0o644)
    damaged.write_bytes(b"no tree")
    project.commit("along", push=False)
    prepared = prepare(project, "flights#prod#1", "flights#dev#2")
    with pytest.raises(PushRefusedError, match=f"loose object {tree}.* is corrupt; its git") as caught:
        publish(Git(project.root), prepared, "origin", 20, more=["refs/heads/main:refs/heads/main"])
    assert not isinstance(caught.value, StaleError)
    taken = ["refs/heads/main", "refs/tags/flights#prod#1", "refs/tags/flights#dev#2"]
    assert caught.value.message.endswith(f"; its git took {', '.join(taken)} all the same")
    assert set(refs_of(project.origin)) == {REF, "refs/tags/flights@v1.0.0", *taken[1:]}
    assert git(project.origin, "rev-parse", "main") == project.git("rev-parse", "main")


def test_a_host_that_refuses_and_is_gone_is_no_race(project: Project) -> None:
    project.tag("flights@v1.0.0/x")
    hook(project, "update", f"mv {project.origin} {project.origin}.gone 2>/dev/null; exit 0")
    with pytest.raises(PushRefusedError) as caught:
        publish(Git(project.root), prepare(project, "flights@v1.0.0"), "origin", 20)
    assert not isinstance(caught.value, StaleError)


def test_a_name_that_collides_with_a_directory_of_refs_will_never_win(project: Project) -> None:
    record(project, "flights@v0.1.0")
    project.tag("flights@v1.0.0/x")
    with pytest.raises(PushRefusedError, match=r"flights@v1\.0\.0") as caught:
        publish(Git(project.root), prepare(project, "flights@v1.0.0"), "origin", 20)
    assert not isinstance(caught.value, StaleError)


@pytest.mark.parametrize("known", [False, True])
def test_a_refusal_in_words_that_say_no_race_is_one_if_the_journal_moved_on(project: Project, known: bool) -> None:
    project.tag("flights@v1.0.0/x")
    there = project.clone()
    theirs = prepare(there, "flights@v2.0.0").journal
    there.git("push", "--quiet", "origin", f"{theirs}:refs/heads/theirs")
    mine = prepare(project, "flights@v1.0.0")
    if known:
        project.git("fetch", "--quiet", "origin", theirs)
    hook(project, "update", f"mkdir -p refs/lastgood; echo {theirs} > {REF}")
    with pytest.raises(StaleError, match="origin moved on"):
        publish(Git(project.root), mine, "origin", 20)


def test_landing_is_one_transaction_and_an_adoption_asks_for_no_tag_that_is_there(project: Project, home: Path) -> None:
    oids = {name: project.tag(name) for name in ("flights@v1.0.0", *(f"flights#prod#{n}" for n in (1, 2, 3)))}
    repository = Git(project.root)
    recorded = [Recorded(oid, name) for name, oid in oids.items()]
    project.git("config", "--global", "trace2.eventTarget", str(home / "trace"))

    def updates() -> list[list[str]]:
        lines = [json.loads(line) for line in (home / "trace").read_text().splitlines() if '"argv"' in line]
        (home / "trace").unlink()
        return [line["argv"] for line in lines if "update-ref" in line["argv"]]

    land(repository, write_adoption(repository, Journal("flights"), recorded, REF, ADA, BEGIN), accepted=False)
    assert len(updates()) == 1
    land(repository, prepare(project, "flights#a#4", "flights#b#5", "flights#c#6"), accepted=False)
    assert [one[-1] for one in updates()] == ["--stdin"]
    assert len(refs_of(project.root)) == 8


def test_an_adopted_version_is_kept_reachable_and_its_manifest_with_it(project: Project) -> None:
    repository, commit = Git(project.root), project.git("rev-parse", "HEAD")
    first = prepare(project, "flights#prod#1")
    land(repository, first, accepted=False)
    recorded = [Recorded(project.tag("flights@v1.0.0"), "flights@v1.0.0")]
    manifest = Manifest("flights", "v1.0.0", commit, "t" * 40, ".", "models/model.txt")
    journal = read_journal(repository, "flights", REF)
    prepared = write_adoption(repository, journal, recorded, REF, ADA, BEGIN, manifest=manifest)
    assert (prepared.artifact, prepared.previous) == ("flights", first.journal)
    assert project.git("rev-parse", f"{prepared.journal}^1", f"{prepared.journal}^2").split() == [first.journal, commit]
    assert project.git("show", f"{prepared.journal}:manifest.json") == str(manifest)
    assert project.git("ls-tree", "--name-only", prepared.journal).split() == ["manifest.json", "tag-1"]


def test_an_origin_that_is_not_there_is_told(project: Project) -> None:
    prepared = prepare(project, "flights@v1.0.0")
    project.git("remote", "set-url", "origin", "file:///nowhere.git")
    with pytest.raises(UnreachableError, match=r"origin cannot be reached.*nowhere"):
        publish(Git(project.root), prepared, "origin", 20)


def test_without_a_remote_the_journals_move_decides(project: Project) -> None:
    repository = Git(project.root)
    one, two = prepare(project, "flights@v1.0.0"), prepare(project, "flights@v1.1.0")
    assert land(repository, one, accepted=False)
    with pytest.raises(StaleError, match="the journal refs/lastgood/flights moved on"):
        land(repository, two, accepted=False)
    assert set(refs_of(project.root)) == {"refs/tags/flights@v1.0.0", REF}
    assert land(repository, one, accepted=False)  # said twice


def test_landing_after_somebody_fetched_more_keeps_what_he_fetched(project: Project) -> None:
    first = prepare(project, "flights@v1.0.0")
    publish(Git(project.root), first, "origin", 20)
    there = project.clone()
    there.git("fetch", "--quiet", "origin", f"{REF}:{REF}")
    later = record(there, "flights#prod#1")
    project.git("fetch", "--quiet", "--no-tags", "origin", f"{REF}:{REF}")
    assert not land(Git(project.root), first, accepted=True)
    assert refs_of(project.root) == {REF: later.journal, "refs/tags/flights@v1.0.0": first.tags[0].oid}


def test_landing_tells_whether_every_tag_is_as_prepared(project: Project) -> None:
    project.tag("flights#prod#1", push=False)
    prepared = prepare(project, "flights@v1.0.0", "flights#prod#1")
    assert not land(Git(project.root), prepared, accepted=True)
    here = refs_of(project.root)
    assert (here[REF], here["refs/tags/flights@v1.0.0"]) == (prepared.journal, prepared.tags[0].oid)


@pytest.mark.parametrize("bare", [True, False])
def test_the_names_of_refs_that_moved_are_on_disk_there_and_here(
    project: Project, home: Path, monkeypatch: pytest.MonkeyPatch, bare: bool
) -> None:
    """The git that receives on this machine flushes what it writes, and we the directories that it writes in."""
    there = project.origin
    if not bare:
        git(project.base, "clone", "--quiet", f"file://{there}", "another")
        there = project.base / "another/.git"
        project.git("remote", "set-url", "origin", str(there.parent))
    flushed: list[Path] = []
    flush = os.fsync

    def fsync(descriptor: int) -> None:
        flush(descriptor)
        flushed.append(Path(f"/proc/self/fd/{descriptor}").readlink())

    prepared = prepare(project, "flights@v1.0.0")
    project.git("config", "--global", "trace2.eventTarget", str(home / "trace"))
    monkeypatch.setattr(os, "fsync", fsync)
    publish(Git(project.root), prepared, "origin", 20)
    assert set(flushed) == {there / "refs/tags", there / "refs/lastgood"}
    started = [line.get("argv", []) for line in map(json.loads, (home / "trace").read_text().splitlines())]
    assert ["git", "-c", "core.fsync=all", "receive-pack"] in [one[:4] for one in started]
    flushed.clear()
    assert land(Git(project.root), prepared, accepted=True)
    assert set(flushed) == {project.root / ".git" / "refs/tags", project.root / ".git" / "refs/lastgood"}


def test_a_note_says_what_it_says_and_has_no_tags(project: Project) -> None:
    """On top of the journal, or as the first of one; with whatever is in its message."""
    repository = Git(project.root)
    for message in ("Tell\n\nfirst\n\n", "Tell\n\n\ud800 again\n\n"):
        journal = read_journal(repository, "flights", REF)
        prepared = write_entry(repository, journal, message, REF, ADA, BEGIN + 7)
        assert (prepared.artifact, prepared.tags, prepared.journal_ref) == ("flights", (), REF)
        assert prepared.previous == journal.tip
        assert land(repository, prepared, accepted=False)
        said = message.replace("\ud800", "?")
        assert re.fullmatch(f"{re.escape(said)}Writer: [0-9a-f]{{16}}\n*", project.git("log", "-1", "--format=%B", REF))
        assert project.git("log", "-1", "--format=%an %ae %at %cn %ct", REF) == (
            f"Ada ada@example.org {BEGIN + 7} Ada {BEGIN + 7}"
        )
        assert project.git("ls-tree", REF) == ""
    assert project.git("rev-list", "--count", REF) == "3"


def test_a_repository_of_longer_ids_gets_a_note_in_its_own(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--object-format=sha256", ".")
    repository = Git(tmp_path)
    prepared = write_entry(repository, Journal("flights"), "Tell\n\n", REF, ADA, BEGIN)
    assert len(prepared.journal) == 64
    assert land(repository, prepared, accepted=False)
    assert git(tmp_path, "fsck", "--strict") == ""


def test_a_lock_that_a_killed_git_left_in_an_origin_here_stops_nobody(project: Project) -> None:
    lock = project.origin / f"{REF}.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    os.utime(lock, (BEGIN, BEGIN))
    record(project, "flights@v1.0.0")
    assert not lock.exists()


def test_of_many_recorded_tags_those_that_are_not_here_are_put_here(project: Project) -> None:
    names = [f"flights#prod#{number}" for number in range(1, 6)]
    oids = {name: project.tag(name, push=False) for name in names}
    for name in (names[1], names[4]):
        project.git("tag", "--delete", name)
    put_tags(Git(project.root), [Recorded(oid, name) for name, oid in oids.items()])
    assert refs_of(project.root) == {f"refs/tags/{name}": oid for name, oid in oids.items()}


def test_no_existing_tag_is_moved(project: Project) -> None:
    oid = project.tag("flights@v1.0.0", push=False)
    put_tags(Git(project.root), [Recorded(prepare(project, "flights@v1.0.0").tags[0].oid, "flights@v1.0.0")])
    assert refs_of(project.root) == {"refs/tags/flights@v1.0.0": oid}


def test_configuration_that_would_push_more_or_sign_is_overruled(project: Project) -> None:
    project.tag("private", push=False)
    project.git("config", "push.followTags", "true")
    project.git("config", "push.gpgSign", "true")
    project.git("config", "push.default", "matching")
    project.git("config", "push.recurseSubmodules", "only")  # else nothing of this repository would go
    (project.root / ".git/hooks").mkdir(exist_ok=True)
    never = project.root / ".git/hooks/pre-push"
    never.write_text("#!/bin/sh\nexit 1\n")
    never.chmod(0o755)
    record(project, "flights@v1.0.0")
    assert set(refs_of(project.origin)) == {REF, "refs/tags/flights@v1.0.0"}
