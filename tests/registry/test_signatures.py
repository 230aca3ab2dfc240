"""Signed events, with real keys: which count, which do not, how they are made; git's own `verify-tag` is the judge."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from lastgood.adapters.git import refs, signatures
from lastgood.adapters.git.command import Git
from lastgood.core.signing import Signature
from lastgood.errors import Finding, RefusedError, UsageError
from tests.builders import ARTIFACT, BEGIN, Project, git
from tests.conftest import isolate
from tests.world import World

pytestmark = [
    pytest.mark.xdist_group("signing"),
    pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed"),
]
SETTINGS = '[rollback]\nsettle = 0\n[registry]\nrequire_signed = true\nallowed_signers = "signers"\n'


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of ssh keys: `ada` and `bob` are people of the project, `eve` is not."""
    place = tmp_path_factory.mktemp("keys")
    for name in ("ada", "bob", "eve"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", place / name], check=True)
    return place


def signer(keys: Path, name: str, options: str = "") -> str:
    """A line of a file of allowed signers."""
    return f"{name}@example.org {options}{(keys / f'{name}.pub').read_text()}"


def sign_as(world: World, key: Path) -> None:
    world.project.git("config", "user.signingkey", str(key))
    world.project.git("config", "gpg.format", "ssh")


def allow(world: World, *lines: str, settings: str = SETTINGS) -> None:
    world.project.put("signers", "".join(lines))
    world.settings(settings)


@pytest.fixture(scope="session")
def _signed(_blank: Project, session_home: Path, keys: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, session_home)
        world = World(_blank.copy(tmp_path_factory.mktemp("signed")))
        sign_as(world, keys / "ada")
        allow(world, signer(keys, "ada"), signer(keys, "bob"))
        world.release("v1.0.0", model="first", mark="stable", stages=["prod"])
        world.release("v2.0.0", model="second", stages=["prod"])
        return world


@pytest.fixture
def signed(_signed: World, tmp_path: Path) -> World:
    """v1.0.0 stable and once in prod, v2.0.0 in prod, all signed by ada, who and bob may sign."""
    return _signed.copy(tmp_path)


def findings(world: World) -> list[tuple[str, str]]:
    return [(one.kind, one.subject) for one in told(world)]


def told(world: World) -> tuple[Finding, ...]:
    return world.verify().all_findings


def assigned(world: World) -> str | None:
    return next((one.assigned for one in world.status().stages if one.stage == "prod"), None)


def hand(world: World, name: str, *, key: Path | None, of: str = "v1.0.0") -> None:
    """A tag as git makes it by hand, signed or not, pushed."""
    options = ["-c", "gpg.format=ssh", "-c", f"user.signingkey={key}"] if key else []
    when = next(world.project.clock)
    how = "--sign" if key else "--annotate"
    world.project.git(*options, "tag", how, "-m", "by hand", name, f"{ARTIFACT}@{of}^{{}}", when=when)
    world.project.git("push", "--quiet", "origin", f"refs/tags/{name}")


def test_what_is_recorded_passes_gits_own_check_and_counts(signed: World) -> None:
    names = signed.project.git("tag").split()
    assert len(names) == 5
    for name in names:
        signed.project.git("-c", "gpg.ssh.allowedSignersFile=signers", "verify-tag", name)
    assert findings(signed) == []
    assert assigned(signed) == "v2.0.0"
    plan = signed.rollback().plan
    assert (plan.leaving.text, plan.target.text) == ("v2.0.0", "v1.0.0")
    assert plan.target.event.message.trailers["Artifact"] == ARTIFACT
    assert findings(signed) == []


def test_a_deleted_event_is_checked_by_the_bytes_that_the_journal_keeps(signed: World) -> None:
    clone = signed.clone()
    signed.project.git("push", "--quiet", "--delete", "origin", "refs/tags/flights@v1.0.0")
    fresh = signed.clone("fresh")
    assert findings(clone) == findings(fresh) == [("deleted", "flights@v1.0.0")]
    assert (fresh.place / "signatures.json").exists()


def test_an_unsigned_event_does_not_count_and_is_told(signed: World) -> None:
    hand(signed, "flights#prod#9", key=None)
    hand(signed, "flights@v3.0.0", key=None, of="v2.0.0")
    expected = [("unsigned", "flights#prod#9"), ("unsigned", "flights@v3.0.0")]
    assert sorted(findings(signed)) == expected
    assert sorted((one.kind, one.subject) for one in signed.status().findings) == expected
    assert assigned(signed) == "v2.0.0"
    before = signed.snapshot()
    with pytest.raises(RefusedError, match=r"flights@v3\.0\.0 is not signed; it does not count") as caught:
        signed.rollback(to="v3.0.0")
    assert caught.value.exit_code == 14
    assert signed.snapshot() == before
    assert signed.mark("v2.0.0", "failed").record.tags == (
        "flights#failed#10",
    )  # the name of what does not count is taken


def test_only_who_may_sign_for_a_stage_does(signed: World, keys: Path) -> None:
    signed.settings(f'{SETTINGS}[registry.signers]\nprod = ["ada@example.org"]\n')
    hand(signed, "flights#canary#7", key=keys / "bob")
    hand(signed, "flights#prod#8", key=keys / "bob")
    hand(signed, "flights#prod#9", key=keys / "eve")
    assert findings(signed) == [("signer", "flights#prod#8"), ("signer", "flights#prod#9")]
    assert assigned(signed) == "v2.0.0"
    assert {one.stage: one.assigned for one in signed.status().stages} == {"prod": "v2.0.0", "canary": "v1.0.0"}
    sign_as(signed, keys / "bob")
    before = signed.snapshot()
    with pytest.raises(RefusedError, match=r"signed by bob@example\.org, who may not sign prod"):
        signed.rollback()
    assert signed.snapshot() == before


@pytest.mark.parametrize("forge", ["text", "after", "twice"])
def test_a_changed_tag_has_a_bad_signature(signed: World, forge: str) -> None:
    raw = signed.project.git("cat-file", "tag", "flights#prod#1")
    armor = raw[raw.index("-----BEGIN") :]
    changed = {
        "text": raw.replace("a try", "no try").replace("#prod#1", "#prod#9"),
        "after": f"{raw.replace('#prod#1', '#prod#9')}\n\nVersion: v1.0.0\n",
        "twice": f"{raw.replace('#prod#1', '#prod#9')}\n{armor}\n",
    }[forge]
    oid = signed.project.git("hash-object", "-t", "tag", "-w", "--stdin", stdin=changed + "\n")
    signed.project.git("push", "--quiet", "origin", f"{oid}:refs/tags/flights#prod#9")
    assert findings(signed) == [("signer", "flights#prod#9")]
    assert assigned(signed) == "v2.0.0"


def test_a_ref_that_leads_to_another_tags_object_does_not_count(signed: World) -> None:
    oid = signed.project.git("rev-parse", "refs/tags/flights#prod#1")
    signed.project.git("push", "--quiet", "origin", f"{oid}:refs/tags/flights#prod#9")
    assert findings(signed) == [("disagrees", "flights#prod#9")]
    assert assigned(signed) == "v2.0.0"


def test_an_event_recorded_again_keeps_its_place(signed: World) -> None:
    """Who may push, but not sign, could else bring back any former assignment."""
    ref = f"refs/lastgood/{ARTIFACT}"
    first = signed.project.git("log", "--format=%H", "--grep=Assign", ref).split()[-1]
    message = signed.project.git("log", "-1", "--format=%B", first)
    again = signed.project.git("commit-tree", f"{first}^{{tree}}", "-p", ref, "-F", "-", stdin=message, when=BEGIN)
    signed.project.git("push", "--quiet", "origin", f"{again}:{ref}")
    assert "flights#prod#1" in message
    signed.verify()
    assert assigned(signed) == "v2.0.0"


def test_a_key_counts_for_the_days_it_was_valid_on(signed: World, keys: Path) -> None:
    old, new = 'valid-before="20231116" ', 'valid-after="20231116" '  # the story begins on the 14th
    allow(signed, signer(keys, "ada", old), signer(keys, "bob", new))
    assert findings(signed) == []
    hand(signed, "flights#canary#7", key=keys / "bob")
    assert findings(signed) == [("signer", "flights#canary#7")]
    signed.project.clock = iter(range(BEGIN + 86400 * 2, BEGIN + 86400 * 3, 60))
    with pytest.raises(RefusedError, match=r"what you record would be ignored: .* nobody who is an allowed signer"):
        signed.mark("v2.0.0", "failed")
    sign_as(signed, keys / "bob")
    signed.mark("v2.0.0", "failed")
    assert findings(signed) == [("signer", "flights#canary#7")]


@pytest.mark.parametrize("key", ["", "/nowhere/key"])
def test_who_cannot_sign_is_refused_before_anything_is_written(signed: World, key: str) -> None:
    signed.project.git("config", "user.signingkey", key)
    before = signed.snapshot()
    with pytest.raises(RefusedError, match=r"cannot be signed: ") as caught:
        signed.mark("v2.0.0", "failed")
    assert (caught.value.exit_code, "user.signingkey" in caught.value.hint) == (14, True)
    signed.project.commit_version(model="third")
    stored = signed.objects("../dvc-remote")
    with pytest.raises(RefusedError, match="cannot be signed"):
        signed.register("v3.0.0")
    assert signed.objects("../dvc-remote") == stored
    assert signed.snapshot()["origin"] != before["origin"]  # the branch alone
    assert len(signed.tags()) == 5


def test_without_anybody_who_may_sign_nothing_is_answered(signed: World) -> None:
    signed.settings("[registry]\nrequire_signed = true\n")
    with pytest.raises(UsageError, match="no signer is configured"):
        signed.status()
    signed.settings('[registry]\nrequire_signed = true\nallowed_signers = "nowhere"\n')
    with pytest.raises(UsageError, match="nowhere, does not exist"):
        signed.status()
    (Path(os.environ["HOME"]) / "signers").write_text((signed.root / "signers").read_text())
    signed.settings("[registry]\nrequire_signed = true\n")
    with pytest.MonkeyPatch.context() as patch:  # the user's own setting; the repository's own is not asked
        signed.project.git("config", "gpg.ssh.allowedSignersFile", "/nowhere")
        for name, value in configured("gpg.ssh.allowedSignersFile", "~/signers").items():
            patch.setenv(name, value)
        assert findings(signed) == []


def configured(key: str, value: str) -> dict[str, str]:
    return {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": key, "GIT_CONFIG_VALUE_0": value}


def test_tags_are_signed_where_the_users_git_signs_tags(project: Project, keys: Path) -> None:
    world = World(project)
    sign_as(world, keys / "eve")
    world.register("v1.0.0")
    assert "BEGIN SSH SIGNATURE" not in project.git("cat-file", "tag", "flights@v1.0.0")
    project.git("config", "tag.gpgSign", "true")
    world.mark("v1.0.0", "stable")
    assert "BEGIN SSH SIGNATURE" in project.git("cat-file", "tag", "flights#stable#1")
    assert findings(world) == []


def test_a_repository_chooses_no_program_and_each_tag_is_checked_once(
    signed: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting, evil = tmp_path / "counting", tmp_path / "evil"
    counting.write_text(f'#!/bin/sh\necho "$2" >> {tmp_path}/calls\nexec ssh-keygen "$@"\n')
    evil.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 0\n")
    for program in (counting, evil):
        program.chmod(0o755)
    signed.project.git("config", "gpg.ssh.program", str(evil))
    signed.project.git("config", "gpg.ssh.defaultKeyCommand", str(evil))
    for name, value in configured("gpg.ssh.program", str(counting)).items():
        monkeypatch.setenv(name, value)
    (signed.place / "signatures.json").unlink(missing_ok=True)
    assert findings(signed) == []
    calls = (tmp_path / "calls").read_text().split()
    assert calls.count("verify") == 5
    assert findings(signed) == []
    assert (tmp_path / "calls").read_text().split() == calls
    signed.mark("v2.0.0", "failed")
    assert not (tmp_path / "ran").exists()


def test_a_serving_host_takes_the_signers_from_the_default_branch(signed: World, tmp_path: Path) -> None:
    from lastgood.operations import sync

    host = tmp_path / "host"
    hand(signed, "flights#prod#9", key=None)
    synced = sync.sync(signed.serve(host, f"file://{signed.project.origin}"), ARTIFACT, "prod")
    assert synced.version.text == "v2.0.0"
    assert (host / "mirror.signers").read_text() == (signed.root / "signers").read_text()


def rewind(world: World, entries: int) -> None:
    git(world.project.origin, "update-ref", f"refs/lastgood/{ARTIFACT}", f"refs/lastgood/{ARTIFACT}~{entries}")


@pytest.mark.parametrize("here", [True, False])
def test_a_registry_that_has_gone_back_is_told_and_nothing_is_recorded_on_it(story: World, here: bool) -> None:
    rewind(story, 2)
    ref = f"refs/lastgood/{ARTIFACT}"
    if here:
        story.project.git("update-ref", ref, f"{ref}~2")
    before = story.snapshot()
    (finding,) = [one for one in told(story) if one.kind == "gone-back"]
    assert finding.subject == ref
    assert "2 events" in finding.message
    with pytest.raises(RefusedError, match="has gone back") as caught:
        story.mark("v1.0.0", "failed")
    assert caught.value.exit_code == 14
    with pytest.raises(RefusedError, match="has gone back"):
        story.sync()
    after = story.snapshot()
    assert (after["origin"], after["refs"]) == (before["origin"], before["refs"])
    assert "gone-back" in {one.kind for one in story.status(fetch=True).findings}
    (story.place / "seen.json").unlink()
    assert "gone-back" not in {one.kind for one in told(story)}


def test_a_journal_that_vanished_has_gone_back_and_a_new_clone_has_seen_nothing(story: World) -> None:
    clone = story.clone()
    assert findings(clone) == []
    ref = f"refs/lastgood/{ARTIFACT}"
    git(story.project.origin, "update-ref", "-d", ref)
    for world in (story, clone):
        world.project.git("update-ref", "-d", ref)
        assert ("gone-back", ref) in findings(world)
    assert "gone-back" not in {kind for kind, _ in findings(story.clone("fresh"))}


@pytest.fixture(scope="session")
def gnupg() -> Iterator[tuple[Path, str, str]]:
    """A keyring with two keys, and their fingerprints. Sockets have short names, hence not below pytest's directory."""
    if shutil.which("gpg") is None:
        pytest.skip("gpg is not installed")
    with tempfile.TemporaryDirectory(prefix="lg-") as name:
        home = Path(name)
        fingerprints = []
        for who in ("Ada <ada@example.org>", "Bob <bob@example.org>"):
            gpg(home, "--passphrase", "", "--quick-gen-key", who, "ed25519", "sign", "0")
            listed = gpg(home, "--list-keys", "--with-colons", who).splitlines()
            fingerprints += [line.split(":")[9] for line in listed if line.startswith("fpr:")]
        yield home, fingerprints[0], fingerprints[1]
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)


def gpg(home: Path, *arguments: str) -> str:
    command = ["gpg", "--homedir", str(home), "--batch", "--quiet", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_gpg_keys_count_by_fingerprint(
    project: Project, gnupg: tuple[Path, str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, ada, bob = gnupg
    monkeypatch.setenv("GNUPGHOME", str(home))
    world = World(project)
    settings = f'[registry]\nrequire_signed = true\n[registry.signers]\n"*" = ["{ada}"]\n'
    world.settings(settings)
    project.git("config", "user.signingkey", ada)
    world.register("v1.0.0")
    world.mark("v1.0.0", "stable")
    for name in world.tags():
        project.git("verify-tag", name)
    assert findings(world) == []
    project.git("config", "user.signingkey", bob)
    with pytest.raises(RefusedError, match=f"signed by {bob}, who may not sign prod"):
        world.assign("v1.0.0")
    project.git("tag", "--sign", "-m", "by hand", "flights#prod#2", "HEAD", when=next(project.clock))
    project.git("push", "--quiet", "origin", "refs/tags/flights#prod#2")
    assert findings(world) == [("signer", "flights#prod#2")]
    empty = tmp_path / "empty"
    empty.mkdir(mode=0o700)
    world.settings(settings.replace("require", f'gpg_home = "{empty}"\nrequire'))
    lost = [one for one in world.status().findings if one.subject == "flights@v1.0.0"]
    assert "not in the keyring" in lost[0].message


def test_an_expired_gpg_key_no_longer_counts(
    gnupg: tuple[Path, str, str], project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, _, bob = gnupg
    monkeypatch.setenv("GNUPGHOME", str(home))
    project.git("-c", f"user.signingkey={bob}", "tag", "--sign", "-m", "x", "t")
    raw = project.git("cat-file", "tag", "t").encode() + b"\n"
    checker = signatures.Checker(signatures.Programs(), None, "", (bob,))
    assert checker.check([raw]) == [Signature((bob,))]
    before = checker.state
    later = home / "later"
    later.write_text('#!/bin/sh\nexec gpg --faked-system-time 20991231T000000! "$@"\n')
    later.chmod(0o755)
    gpg(home, "--passphrase", "", "--pinentry-mode", "loopback", "--quick-set-expire", bob, "1y")
    expired = signatures.Checker(signatures.Programs({"gpg.program": str(later)}), None, "", (bob,))
    assert expired.check([raw]) == [Signature(why="is signed by an expired key")]
    assert expired.state != before


def test_what_another_command_here_records_in_the_midst_of_reading_is_no_step_back(
    story: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Racers on one host: 7 of 2,000 were refused so."""
    listed = refs.list_origin

    def list_while_another_records(git: Git, remote: str, patterns: Iterable[str], deadline: float) -> refs.Origin:
        origin = listed(git, remote, patterns, deadline)
        monkeypatch.setattr(refs, "list_origin", listed)
        story.mark("v1.0.0", "failed")
        return origin

    monkeypatch.setattr(refs, "list_origin", list_while_another_records)
    assert story.mark("v1.0.0", "stable", "still good").record.published
