"""Hostile corpus: whatever is in tags, journals, pipeline files, listings, trees and settings is shown safely, never
obeyed, never a crash; and the good versions beside it are listed and rolled back to as if it were not there."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lastgood.core.config import Config
from lastgood.errors import LastgoodError, UsageError
from lastgood.machine.delivery import ensure_release
from lastgood.project import Project as Opened
from lastgood.registry.view import read
from lastgood.versions.manifests import read_manifest
from tests.builders import Project
from tests.conftest import isolate
from tests.reliability import corpus, figures
from tests.reliability.hostile_repository import (
    Entry,
    HostileRepository,
    escapes,
    examine,
    outside,
    run,
    survive,
    versions_of,
    wrong_with,
)
from tests.world import World


@pytest.fixture(scope="module")
def _good(_blank: Project, session_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, session_home)
        world = World(_blank.copy(tmp_path_factory.mktemp("good")))
        world.release("v1.0.0", model="first", data={"a.csv": "1\n", "b/c.csv": "2\n"}, mark="stable", stages=["prod"])
        world.release("v2.0.0", model="second", stages=["prod"])
        world.sync()
        return world.project


@pytest.fixture
def enemy(_good: Project, tmp_path: Path) -> HostileRepository:
    """v1.0.0 stable and once in prod, v2.0.0 live in prod; and somebody who writes what he likes beside them."""
    return HostileRepository.of(_good.copy(tmp_path))


def test_tags_of_every_kind_are_shown_safely_and_count_for_nothing_else(enemy: HostileRepository) -> None:
    begun = figures.begin()
    commit = enemy.project.git("rev-parse", "flights@v1.0.0^{commit}")
    cases = sum(enemy.tag(name, commit) is not None for name in corpus.names())
    enemy.tag("evil@v1.0.0", commit, f"https://me:{corpus.SECRET}@example.org \x1b[2J")
    number = 0
    for number, text in enumerate((*corpus.texts(), "x" * 10_000_000), 1):
        enemy.tag(f"evil#prod#{number}", commit, text)
    for date in corpus.DATES:
        enemy.tag(f"evil#dates#{(number := number + 1)}", commit, date=date)
    for tagger in corpus.TAGGERS:
        enemy.tag(f"evil#taggers#{(number := number + 1)}", commit, tagger=enemy.armed(tagger))
    cases += number + _odd_targets(enemy, commit)
    enemy.land()
    more = [
        ("show", "evil@v1.0.0"),
        ("show", "evil#prod"),
        ("history", "evil"),
        ("history", "evil", "--json"),
        ("list", "evil"),
    ]
    wrong = survive(enemy, (*more, ("verify", "evil"), ("sync", "evil", "--stage", "dates", "--dry-run"), ("status",)))
    figures.record("hostile tags", begun, cases=cases, wrong=len(wrong))
    assert not wrong, "\n".join(wrong)


def _odd_targets(enemy: HostileRepository, commit: str) -> int:
    """Lightweight, nested, of trees and blobs, pointing to themselves in name, without a header."""
    tree, blob = enemy.project.git("rev-parse", f"{commit}^{{tree}}"), enemy.put("blob", b"x")
    tag = str(enemy.tag("evil#nest#901", commit))
    refs = {"flights@v8.0.0": commit, "flights#prod#800": commit, "evil@v8.0.1": tree, "evil@v8.0.2": blob}
    for name, oid in refs.items():
        enemy.ref(f"refs/tags/{name}", oid)
    for place, (kind, oid) in enumerate((("tree", tree), ("blob", blob), ("tag", tag))):
        enemy.tag(f"flights@v8.1.{place}", oid, kind=kind)
    enemy.tag("evil#moved#902", commit, tag="flights@v1.0.0")
    enemy.ref("refs/tags/evil#renamed#903", enemy.project.git("rev-parse", "refs/tags/flights@v1.0.0"))
    return len(refs) + 6


def test_pipeline_files_of_every_kind_are_refused_or_read_as_data(enemy: HostileRepository) -> None:
    begun = figures.begin()
    commit = enemy.project.git("rev-parse", "flights@v1.0.0^{commit}")
    base = [entry for entry in enemy.entries(commit) if entry[1] not in {b"data", b"models", b"dvc.yaml", b"dvc.lock"}]
    for directory in (enemy.project.base, enemy.project.root, enemy.project.root / ".dvc"):
        (directory / "escape").write_text("stolen: 1\n")
    for place, files in enumerate(corpus.pipelines(), 1):
        enemy.tag(f"evil@v0.0.{place}", enemy.commit_files(base, files), f"case {place}")
    enemy.land()
    opened, history = versions_of(enemy, "evil")
    before = outside(enemy.project.base)
    wrong = examine(opened, history) + escapes(enemy, before)
    shown = range(1, place, 1 if figures.SOAK else 40)
    wrong += [one for number in shown for one in wrong_with(run(enemy.project.root, "show", f"evil@v0.0.{number}"))]
    wrong += survive(enemy)
    figures.record("hostile pipelines", begun, cases=place, wrong=len(wrong))
    assert not wrong, "\n".join(wrong)


def test_manifests_in_a_forged_journal_are_refused_by_name(enemy: HostileRepository) -> None:
    begun = figures.begin()
    commit = enemy.project.git("rev-parse", "flights@v1.0.0^{commit}")
    journal = enemy.project.git("log", "--first-parent", "--format=%H", "refs/lastgood/flights").split()[-2]
    good = json.loads(enemy.project.git("show", f"{journal}:manifest.json"))
    tip = enemy.commit(enemy.tree([]), (), b"journal of lastgood\n")
    for place, _ in enumerate(corpus.manifests({}), 1):
        text = f"v0.0.{place}"
        raw = list(corpus.manifests({**good, "artifact": "evil", "version": text}))[place - 1]
        trailers = f"Register\n\nArtifact: evil\nVersion: {text}\nActor: Mallory"
        oid = str(enemy.tag(f"evil@{text}", commit, trailers))
        tree = enemy.tree([("100644", b"manifest.json", enemy.put("blob", raw))])
        tip = enemy.commit(tree, (tip,), f"Register\n\nTag: {oid} evil@{text}\n".encode())
    enemy.ref("refs/lastgood/evil", tip)
    enemy.land()
    opened, history = versions_of(enemy, "evil")
    before = outside(enemy.project.base)
    wrong = (
        examine(opened, history) + escapes(enemy, before) + survive(enemy, (("list", "evil"), ("show", "evil@v0.0.1")))
    )
    figures.record("hostile manifests", begun, cases=place, wrong=len(wrong))
    assert not wrong, "\n".join(wrong)


def test_journals_that_name_what_they_must_not_change_nothing_of_others(enemy: HostileRepository) -> None:
    begun = figures.begin()
    commit = enemy.project.git("rev-parse", "flights@v2.0.0^{commit}")
    genesis = enemy.commit(enemy.tree([]), (), b"journal of lastgood\n")
    raw = f"object {commit}\ntype commit\ntag flights@v1.0.0\ntagger A <a@b> 1 +0000\n\nx\n".encode()
    oid = enemy.put("tag", raw)
    real = enemy.project.git("rev-parse", "refs/tags/flights@v1.0.0")
    blob, empty = enemy.put("blob", raw), enemy.put("blob", b"")
    lines = [
        f"Tag: {one} flights@v1.0.0" for one in (oid, "-d", "--stdin", "", "x" * 40, "0" * 40, "0" * 39, "../../x")
    ]
    lines += [
        f"Tag: {real} {name}"
        for name in ("../../x", "-d", "--help", "evil@v9.9.9", "refs/heads/main", "a b", "\x1b[2J", "")
    ]
    lines += ["Tag:", "Tag: ", "Tag: " + "x" * 100_000, "\0", "Adoption: yes", "Tag: " * 999]
    trees: tuple[list[Entry], ...] = (
        [("100644", b"tag-1", blob)],
        [("100644", b"tag-1", "f" * 40)],
        [("40000", b"tag-1", enemy.tree([]))],
        [("160000", b"tag-1", commit)],
        [("100644", b"tag-1", empty), ("120000", b"tag-2", blob)],
        [],
    )
    cases = 0
    for line in lines:
        for entries in trees:
            cases += 1
            message = f"Register\n\n{line}\nTag: {'e' * 40} evil{cases}@v1.0.0\n"
            tip = enemy.commit(enemy.tree(entries), (genesis,), message.encode())
            enemy.ref(f"refs/lastgood/evil{cases}", tip)
    enemy.land()
    wrong = survive(enemy)
    figures.record("hostile journals", begun, cases=cases, wrong=len(wrong))
    assert not wrong, "\n".join(wrong)


def test_listings_of_directories_are_refused_by_name_and_place_nothing(enemy: HostileRepository) -> None:
    begun = figures.begin()
    commit = enemy.project.git("rev-parse", "flights@v1.0.0^{commit}")
    base = [entry for entry in enemy.entries(commit) if entry[1] not in {b"data", b"models", b"dvc.lock", b"dvc.yaml"}]
    for place, raw in enumerate(corpus.listings(), 1):
        md5 = hashlib.md5(raw).hexdigest()
        where = enemy.project.root / ".dvc/cache" if place % 10 else enemy.project.remote
        there = where / "files/md5" / md5[:2] / f"{md5[2:]}.dir"
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_bytes(raw)
        pinned = f"outs:\n- md5: {md5}.dir\n  size: 1\n  nfiles: 1\n  hash: md5\n  path: m\n"
        enemy.tag(f"evil@v0.0.{place}", enemy.commit_files(base, {"m.dvc": pinned}))
    enemy.land()
    opened, history = versions_of(enemy, "evil")
    before = outside(enemy.project.base)
    wrong = examine(opened, history)
    for number in range(10, place, 10 if figures.SOAK else 30):  # known to the remote alone
        wrong += wrong_with(
            done := run(enemy.project.root, "rollback", "evil", "--to", f"v0.0.{number}", "--reason", "x")
        )
        wrong += [] if done.code else [f"v0.0.{number} was rolled back to"]
    wrong += escapes(enemy, before) + survive(enemy)
    figures.record("hostile listings", begun, cases=place, wrong=len(wrong))
    assert not wrong, "\n".join(wrong)


def _trees(enemy: HostileRepository) -> Iterator[list[Entry]]:
    """What a tree may hold besides good files."""
    canary = enemy.put("blob", f"#!/bin/sh\ntouch {enemy.canary}/run\n".encode())
    link = enemy.put("blob", str(enemy.project.base / "escape").encode())
    hooks = enemy.tree([("100755", b"post-checkout", canary)])
    repository = enemy.tree([("40000", b"hooks", hooks)])
    for name in (
        b".git",
        b".GIT",
        b".git ",
        b".git.",
        b"git~1",
        b".g\xe2\x80\x8cit",
        b"..",
        b".",
        b"",
        b"a/../../escape",
        b"/escape",
    ):
        yield [("40000", name, repository)]
        yield [("100644", name, canary)]
    for name in (
        b"x",
        b"-x",
        b"--help",
        b"\xff\xfe",
        b"\x1b[2J",
        b"\xe2\x80\xae",
        b"n" * 300,
        b".gitmodules",
        b"con",
        b"a\nb",
        b"release.json",
    ):
        yield [("100644", name, canary)]
        yield [("120000", name, link)]
    yield [("120000", b"x", enemy.put("blob", b"")), ("120000", b"y", enemy.put("blob", b"../" * 50 + b"etc"))]
    yield [("160000", b"sub", "1" * 40)]
    yield [
        ("100644", b"README", canary),
        ("100644", b"readme", canary),
        ("100644", b"\xc3\xa9", canary),
        ("100644", b"e\xcc\x81", canary),
    ]
    yield [("100644", b"x", "f" * 40)]
    yield [("40000", b"x", "f" * 40)]
    yield [("100644", b"x", canary), ("100644", b"x", link)]
    yield [("100777", b"x", canary), ("0", b"y", canary)]
    filters = b"* filter=evil diff=evil text eol=crlf ident working-tree-encoding=UTF-16 export-ignore merge=evil\n"
    yield [("100644", b".gitattributes", enemy.put("blob", filters)), ("100644", b"x", canary)]
    yield [
        ("100644", b"lastgood.toml", enemy.put("blob", f"[rollback]\nhealth = 'touch {enemy.canary}/run'\n".encode()))
    ]
    yield [("100644", b".lfsconfig", canary), ("40000", b".githooks", hooks), ("100644", b"sitecustomize.py", canary)]
    links = (b"data", b"models")
    yield [("120000", name, enemy.put("blob", str(enemy.project.base).encode())) for name in links]


def test_trees_of_every_kind_are_built_inside_their_release_or_refused(enemy: HostileRepository) -> None:
    begun = figures.begin()
    commit = enemy.project.git("rev-parse", "flights@v1.0.0^{commit}")
    base = enemy.entries(commit)
    for key in ("smudge", "clean", "process"):
        enemy.project.git("config", f"filter.evil.{key}", f"touch {enemy.canary}/run")
    for place, entries in enumerate(_trees(enemy), 1):
        taken = {name for _, name, _ in entries}
        enemy.tag(
            f"flights-{place}@v1.0.0", enemy.commit(enemy.tree([one for one in base if one[1] not in taken] + entries))
        )
    enemy.land()
    (enemy.project.base / "escape").mkdir()
    opened = Opened.open(enemy.project.root)
    artifacts = read(opened, fetch=True).registry.artifacts
    before, wrong = outside(enemy.project.base), []
    for number in range(1, place + 1):
        history = artifacts[f"flights-{number}"]
        try:
            release = ensure_release(opened, read_manifest(opened, history, history.versions[0]), None)
        except LastgoodError:
            continue
        except Exception as error:  # noqa: BLE001  # what the sweep looks for
            wrong.append(f"tree {number}: {type(error).__name__}: {error}")
            continue
        wrong += [] if (release.path / "models/model.txt").read_text() == "first" else [f"tree {number}: not whole"]
    wrong += escapes(enemy, before) + survive(enemy, (("rollback", "flights-1", "--reason", "x"), ("list",)))
    figures.record("hostile trees", begun, cases=place, wrong=len(wrong))
    assert not wrong, "\n".join(wrong)


def test_settings_of_every_kind_are_usage_errors_that_name_the_key(enemy: HostileRepository) -> None:
    begun, wrong = figures.begin(), []
    for place, text in enumerate(corpus.settings(), 1):
        try:
            Config.parse(text)
            wrong.append(f"accepted {text[:80]!r}")
        except UsageError:
            pass
        if place % 4 == 0:
            (enemy.project.root / "lastgood.toml").write_text(text)
            wrong += wrong_with(run(enemy.project.root, "list"))
    (enemy.project.root / "lastgood.toml").unlink()
    wrong += survive(enemy)
    figures.record("hostile settings", begun, cases=place, wrong=len(wrong))
    assert not wrong, "\n".join(wrong)
