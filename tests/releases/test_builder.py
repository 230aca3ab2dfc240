"""A release is born whole and proved, or not at all."""

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from hashlib import md5, sha256
from pathlib import Path, PurePosixPath

import pytest

from lastgood.core.listing import Member
from lastgood.core.manifest import Output
from lastgood.errors import FindingsError, NotCarriedOutError
from lastgood.releases import durable
from lastgood.releases.builder import (
    CorruptedObjectsError,
    build,
    check_release,
    clean_staging,
    find_release,
    list_releases,
    load_release,
)
from lastgood.releases.pruning import remove_directory
from lastgood.releases.release import description_path
from lastgood.releases.scratch import scratch
from lastgood.releases.staging import stage
from tests.releases.world import CODE, World, content, export, litter, unpinned

FILES = {"a.csv": b"a", "deep/b.csv": b"b" * 5000, "empty": b""}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def refused(world: World, *outputs: Output, code: dict[str, str] | None = None) -> FindingsError:
    """The refusal to build these outputs, after which nothing must be there."""
    with world.proofs() as proofs, pytest.raises(FindingsError) as caught:
        build(world.request("v1.0.0", *outputs, code=CODE if code is None else code), world.place, proofs)
    assert not list_releases(world.place)
    assert not litter(world.place)
    return caught.value


def corrupt(path: Path, data: bytes) -> None:
    """Change an object as root does: through 0444, in place."""
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(0o444)


def test_a_release_holds_code_and_outputs_and_says_what_it_is(world: World) -> None:
    outputs = (world.directory("data/raw", FILES), world.file("models/model.txt", b"model"))
    request = world.request("v1.0.0", *outputs, code={**CODE, "run.sh": "#!/bin/sh\n", "link": "-> train.py"})
    with world.proofs() as proofs:
        release = build(request, world.place, proofs)
        assert check_release(release, proofs) == ()
    assert release.path == world.place.releases / "flights" / f"v1.0.0-{request.manifest.commit[:12]}"
    assert content(release.path) == {
        **{name: text.encode() for name, text in CODE.items()},
        "run.sh": b"#!/bin/sh\n",
        "link": CODE["train.py"].encode(),
        "models/model.txt": b"model",
        **{f"data/raw/{name}": data for name, data in FILES.items()},
    }
    assert (release.artifact, release.version, release.partial) == ("flights", "v1.0.0", False)
    assert release.outputs == outputs
    assert release.manifest == request.manifest.digest
    assert load_release(release.path) == release == find_release(world.place, request.manifest)
    assert list_releases(world.place) == (release,)
    assert not litter(world.place)


def test_nothing_in_a_release_can_be_written_and_no_directory_is_a_link(world: World) -> None:
    outputs = (world.directory("data/raw", FILES), world.file("bin/tool", b"#!", executable=True))
    with world.proofs() as proofs:
        release = build(world.request("v1.0.0", *outputs, code={**CODE, "run.sh": ""}), world.place, proofs)
    paths = [release.path, *release.path.rglob("*")]
    assert not [path for path in paths if path.stat().st_mode & 0o222 or path.is_symlink()]
    modes = {path.name: path.stat().st_mode & 0o777 for path in paths}
    assert (modes["run.sh"], modes["tool"], modes["train.py"], modes["a.csv"]) == (0o555, 0o555, 0o444, 0o444)
    assert world.object_path(outputs[1].md5).stat().st_mode & 0o777 == 0o444


def test_outputs_share_the_inodes_of_the_cache_and_stay_proved(world: World) -> None:
    output = world.directory("data/raw", FILES)
    for path in world.cache.rglob("*"):
        os.utime(path, ns=(1_700_000_000_000_000_001, 1_700_000_000_000_000_001))
    with world.proofs() as proofs:
        release = build(world.request("v1.0.0", output), world.place, proofs)
        placed = release.path / "data/raw/deep/b.csv"
        assert placed.samefile(world.object_path(md5(FILES["deep/b.csv"]).hexdigest()))
        before = placed.stat().st_atime_ns
        assert check_release(release, proofs) == ()
        assert placed.stat().st_atime_ns == before


def test_building_again_gives_the_same_release_untouched(world: World) -> None:
    request = world.request("v1.0.0", world.file("models/model.txt", b"model"))
    with world.proofs() as proofs:
        first = build(request, world.place, proofs)
        inode = first.path.stat().st_ino
        assert build(request, world.place, proofs) == first
    assert first.path.stat().st_ino == inode


def test_a_selection_is_another_release_that_says_so(world: World) -> None:
    model, data = world.file("models/model.txt", b"model"), world.directory("data/raw", FILES)
    with world.proofs() as proofs:
        partial = build(world.request("v1.0.0", model, data, selection=[model]), world.place, proofs)
        whole = build(world.request("v1.0.0", model, data), world.place, proofs)
    assert partial.partial
    assert not whole.partial
    assert partial.path.name.startswith(whole.path.name + "-")
    assert not (partial.path / "data").exists()
    manifest = world.manifest("v1.0.0", [model, data])
    assert find_release(world.place, manifest, [model]) == partial
    assert find_release(world.place, manifest, [data]) is None


def test_an_empty_directory_output_is_there(world: World) -> None:
    with world.proofs() as proofs:
        release = build(world.request("v1.0.0", world.directory("data/raw", {})), world.place, proofs)
        assert check_release(release, proofs) == ()
    assert (release.path / "data/raw").is_dir()


def test_every_missing_object_is_named_before_anything_is_written(world: World) -> None:
    model, data = world.file("models/model.txt", b"model"), world.directory("data/raw", FILES)
    world.object_path(model.md5).unlink()
    world.object_path(md5(FILES["a.csv"]).hexdigest()).unlink()
    error = refused(world, model, data)
    assert [(finding.kind, finding.subject) for finding in error.findings] == [
        ("missing", "models/model.txt"),
        ("missing", "data/raw/a.csv"),
    ]


@pytest.mark.parametrize("pinned", [True, False])
@pytest.mark.parametrize("damage", [b"MODEL", b"", b"longer than it was"])
def test_a_corrupted_object_is_never_placed(world: World, damage: bytes, *, pinned: bool) -> None:
    model = world.file("models/model.txt", b"model")
    corrupt(world.object_path(model.md5), damage)
    error = refused(world, model if pinned else unpinned(model))
    assert isinstance(error, CorruptedObjectsError)
    assert error.objects == ((model.md5, False, str(world.object_path(model.md5))),)


@pytest.mark.parametrize("pinned", [True, False])
def test_the_corrupted_members_of_a_directory_are_named_and_no_others(world: World, *, pinned: bool) -> None:
    data = world.directory("data/raw", FILES)
    culprit = md5(FILES["deep/b.csv"]).hexdigest()
    corrupt(world.object_path(culprit), b"B" * 5000)
    error = refused(world, data if pinned else unpinned(data))
    assert isinstance(error, CorruptedObjectsError)
    assert error.objects == ((culprit, False, str(world.object_path(culprit))),)


def test_an_object_corrupted_after_it_was_proved_is_noticed(world: World) -> None:
    model = world.file("models/model.txt", b"model")
    os.utime(world.object_path(model.md5), ns=(1_700_000_000_000_000_001, 1_700_000_000_000_000_001))
    with world.proofs() as proofs:
        release = build(world.request("v1.0.0", model), world.place, proofs)
        corrupt(world.object_path(model.md5), b"MODEL")
        assert [finding.subject for finding in check_release(release, proofs)] == ["models/model.txt"]
        with pytest.raises(CorruptedObjectsError):
            build(world.request("v1.1.0", model), world.place, proofs)


@pytest.mark.parametrize("pinned", [True, False])
def test_a_version_that_records_another_size_is_refused_and_keeps_its_object(world: World, *, pinned: bool) -> None:
    model = replace(world.file("m", b"a model"), size=3 << 30)
    others = world.directory("d", {"a": b"1", "b": b"22"}), replace(world.directory("e", {"c": b"333"}), size=2)
    outputs = [one if pinned else unpinned(one) for one in (model, *others)]
    error = refused(world, *outputs)
    assert not isinstance(error, CorruptedObjectsError)
    assert [(one.kind, one.subject) for one in error.findings] == [("size", "m"), ("size", "e")]
    assert litter(world.place) == []


def test_an_object_that_grew_is_corrupted(world: World) -> None:
    model, other = world.file("m", b"7 bytes"), world.file("o", b"other")
    path = world.object_path(model.md5)
    path.chmod(0o644)
    os.truncate(path, 1 << 20)
    error = refused(world, model, other)
    assert isinstance(error, CorruptedObjectsError)
    assert [one.subject for one in error.findings] == ["m"]


def test_a_listing_that_is_not_the_pinned_one_is_corrupted(world: World) -> None:
    data = world.directory("data/raw", FILES)
    world.listings[data.md5] = world.listings[data.md5][:-1]
    error = refused(world, unpinned(data))
    assert isinstance(error, CorruptedObjectsError)
    assert error.objects == ((data.md5, False, str(world.object_path(data.md5))),)


def test_a_wrong_sha256_is_refused_though_the_md5_is_right(world: World) -> None:
    for output in (world.file("models/model.txt", b"model"), world.directory("data/raw", FILES)):
        assert isinstance(refused(world, replace(output, sha256="0" * 64)), CorruptedObjectsError)


@pytest.mark.parametrize("text", [b"one\r\ntwo\r\n", b"one\ntwo\n", b"\x00binary\r\n"])
def test_old_projects_objects_are_proved_by_dvcs_old_md5(world: World, text: bytes) -> None:
    name = md5(text.replace(b"\r\n", b"\n") if b"\x00" not in text else text).hexdigest()
    world.store(text, name=name, legacy=True)
    output = Output(PurePosixPath("models/model.txt"), name, legacy=True)
    with world.proofs() as proofs:
        release = build(world.request("v1.0.0", output), world.place, proofs)
        assert (release.path / "models/model.txt").read_bytes() == text
        assert check_release(release, proofs) == ()


@pytest.mark.parametrize("path", ["../evil", "/var/evil", "a/../../evil", ".git/config", "a/.GIT/hooks/x"])
def test_an_output_cannot_lead_out_of_the_release(world: World, path: str) -> None:
    error = refused(world, world.file(path, b"evil"))
    assert error.findings[0].kind in {"unsafe-path", "collision"}


@pytest.mark.parametrize("path", ["../evil", "/var/evil", "a/../../../evil", ".git/config"])
def test_a_listing_cannot_lead_out_of_the_release(world: World, path: str) -> None:
    data = world.directory("data/raw", FILES)
    world.listings[data.md5] = [*world.listings[data.md5], Member(path, world.store(b"evil"))]
    assert {finding.kind for finding in refused(world, unpinned(data)).findings} == {"unsafe-path"}
    assert not (world.root / "evil").exists()


@pytest.mark.parametrize("digest", ["../../../etc/passwd", "", "A" * 32, "0" * 31, "0" * 32 + ".dir"])
def test_a_listing_cannot_name_a_file_outside_of_the_cache(world: World, digest: str) -> None:
    data = world.directory("data/raw", FILES)
    world.listings[data.md5] = [Member("x", digest)]
    assert {finding.kind for finding in refused(world, unpinned(data)).findings} == {"bad-hash"}


def test_an_object_that_is_a_link_is_not_taken_for_one(world: World) -> None:
    model = world.file("models/model.txt", b"model")
    path = world.object_path(model.md5)
    path.rename(world.root / "elsewhere")
    path.symlink_to(world.root / "elsewhere")
    assert {finding.kind for finding in refused(world, model).findings} == {"missing"}


@pytest.mark.parametrize(
    "code",
    [
        {"models": "-> /tmp"},
        {"models": "-> ."},
        {"models": "a file"},
        {"models/model.txt": "also in git"},
        {"models/model.txt": "-> /etc/passwd"},
        {"models/model.txt/deeper": "a directory"},
    ],
)
def test_code_in_the_way_of_an_output_is_refused(world: World, code: dict[str, str]) -> None:
    error = refused(world, world.file("models/model.txt", b"model"), code=code)
    assert {finding.kind for finding in error.findings} == {"collision"}


def test_code_and_outputs_may_have_any_name(world: World) -> None:
    with world.proofs() as proofs:
        code = {**CODE, "release.json": '{"semantic": "release"}', "README.json": "{}"}
        one = build(world.request("v1.0.0", world.file("models/model.txt", b"model"), code=code), world.place, proofs)
        assert (one.path / "release.json").read_text() == '{"semantic": "release"}'
        other = build(world.request("v2.0.0", world.file("release.json", b"an output")), world.place, proofs)
        assert (other.path / "release.json").read_bytes() == b"an output"
        assert list_releases(world.place) == (one, other)
        assert check_release(one, proofs) == check_release(other, proofs) == ()
        one.path.chmod(0o755)
        (one.path / "release.json").unlink()
        (one.path / "release.json").write_text("{}")
        assert [finding.kind for finding in check_release(one, proofs)] == ["changed"]


def test_a_release_that_was_built_with_its_description_inside_is_used_as_it_is(world: World) -> None:
    request = world.request("v1.0.0", world.file("models/model.txt", b"model"))
    with world.proofs() as proofs:
        built = build(request, world.place, proofs)
        built.path.chmod(0o755)
        description_path(built.path).rename(built.path / "release.json")
        built.path.chmod(0o555)
        (old,) = list_releases(world.place)
        assert old == replace(built, inside=True)
        assert check_release(old, proofs) == ()
        assert build(request, world.place, proofs) == old
        with scratch(world.place, old) as tree:
            assert content(tree).keys() == content(old.path).keys() - {"release.json"}
        assert remove_directory(world.place, old.path, proofs)
    assert list(old.path.parent.iterdir()) == []


def test_a_description_without_its_release_is_none_and_goes(world: World) -> None:
    request = world.request("v1.0.0", world.file("models/model.txt", b"model"))
    with world.proofs() as proofs:
        built = build(request, world.place, proofs)
        built.path.chmod(0o755)  # a read-only directory cannot be moved into another one
        built.path.rename(world.root / "gone")
        with pytest.raises(FindingsError):
            load_release(built.path)
        assert list_releases(world.place) == ()
        clean_staging(world.place)
        assert list(built.path.parent.iterdir()) == []


def test_two_members_at_one_place_are_refused(world: World) -> None:
    data = world.directory("data/raw", {"a": b"1"})
    world.listings[data.md5] = [Member(name, world.store(b"1")) for name in ("a", "a/b")]
    refused(world, unpinned(data))


def test_an_output_kept_in_git_is_proved_where_it_lies(world: World) -> None:
    metrics = replace(world.file("metrics.json", b"{}"), storage="git")
    with world.proofs() as proofs:
        release = build(world.request("v1.0.0", metrics, code={"metrics.json": "{}"}), world.place, proofs)
        assert release.outputs == (metrics,)
        assert check_release(release, proofs) == ()


@pytest.mark.parametrize("code", [{"metrics.json": "other"}, {}, {"metrics.json": "-> /etc/passwd"}])
def test_an_output_kept_in_git_that_is_not_the_pinned_one_is_refused(world: World, code: dict[str, str]) -> None:
    metrics = replace(world.file("metrics.json", b"{}"), storage="git")
    kind = "changed" if code == {"metrics.json": "other"} else "not-in-git"
    assert {finding.kind for finding in refused(world, metrics, code=code).findings} == {kind}


def test_what_git_holds_of_an_output_counts_where_only_dvc_lock_names_another_content(world: World) -> None:
    metrics = unpinned(replace(world.file("metrics.json", b"{}"), storage="git"))
    with world.proofs() as proofs:
        release = build(world.request("v1.0.0", metrics, code={"metrics.json": "edited"}), world.place, proofs)
        assert check_release(release, proofs) == ()
    assert release.outputs[0].sha256 == sha256(b"edited").hexdigest()


def test_an_output_at_a_url_is_left_out(world: World) -> None:
    source = Output(PurePosixPath("s3"), "etag", storage="url")
    with world.proofs() as proofs:
        assert build(world.request("v1.0.0", source), world.place, proofs).outputs == ()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("models/model.txt", "changed"),
        ("data/raw/a.csv", "changed"),
        ("train.py", "changed"),
        ("pkg/new.py", "changed"),
    ],
)
def test_any_change_to_a_release_is_noticed(world: World, path: str, kind: str) -> None:
    outputs = (world.directory("data/raw", FILES), world.file("models/model.txt", b"model"))
    with world.proofs() as proofs:
        release = build(world.request("v1.0.0", *outputs), world.place, proofs)
        target = release.path / path
        for directory in (release.path, *release.path.rglob("*/")):
            directory.chmod(0o755)
        target.unlink(missing_ok=True)
        target.write_bytes(b"changed")
        assert [finding.kind for finding in check_release(release, proofs)] == [kind]


def test_a_lost_or_exchanged_file_is_noticed_and_bytecode_is_not(world: World) -> None:
    model, data = world.file("models/model.txt", b"model"), world.directory("data/raw", FILES)
    with world.proofs() as proofs:
        release = build(world.request("v1.0.0", model, data), world.place, proofs)
        for directory in (release.path, *release.path.rglob("*/")):
            directory.chmod(0o755)
        export(release.path, {"pkg/__pycache__/x.pyc": ""})
        assert check_release(release, proofs) == ()
        (release.path / "models/model.txt").unlink()
        (release.path / "data/raw/a.csv").unlink()
        (release.path / "data/raw/a.csv").symlink_to("/etc/passwd")
        assert [finding.kind for finding in check_release(release, proofs)] == ["missing", "changed"]


def test_what_has_no_readable_description_is_no_release(world: World) -> None:
    request = world.request("v1.0.0", world.file("models/model.txt", b"model"))
    for number, text in enumerate(["", "{}", "[]", '{"schema": 2}', "\xff"]):
        broken = world.place.releases / "flights" / f"v0.0.{number}-aaaaaaaaaaaa"
        broken.mkdir(parents=True)
        for description in (broken / "release.json", description_path(broken)):
            description.write_text(text)
            with pytest.raises(FindingsError):
                load_release(broken)
    assert list_releases(world.place) == ()
    assert find_release(world.place, request.manifest) is None


def test_a_lost_race_uses_the_winners_release(world: World) -> None:
    request = world.request("v1.0.0", world.file("models/model.txt", b"model"))
    winners: list[int] = []

    def export_slowly(tree: Path) -> None:
        if not winners:
            winners.append(0)
            with world.proofs() as others:
                winners[0] = build(request, world.place, others).path.stat().st_ino
        export(tree, CODE)

    with world.proofs() as proofs:
        release = build(replace(request, export=export_slowly), world.place, proofs)
    assert release.path.stat().st_ino == winners[0]
    assert not litter(world.place)


def test_a_failing_export_leaves_nothing(world: World) -> None:
    def fail(tree: Path) -> None:
        export(tree, CODE)
        raise OSError(errno.EIO, "the disk is gone")

    request = replace(world.request("v1.0.0", world.file("models/model.txt", b"model")), export=fail)
    with world.proofs() as proofs, pytest.raises(NotCarriedOutError, match="the disk is gone"):
        build(request, world.place, proofs)
    assert not litter(world.place)


def test_an_object_changed_while_it_is_placed_is_not_released(world: World) -> None:
    model = world.file("models/model.txt", b"model")
    os.utime(world.object_path(model.md5), ns=(1_700_000_000_000_000_001, 1_700_000_000_000_000_001))

    def export_and_corrupt(tree: Path) -> None:
        export(tree, CODE)
        corrupt(world.object_path(model.md5), b"MODEL")

    request = replace(world.request("v1.0.0", model), export=export_and_corrupt)
    with world.proofs() as proofs, pytest.raises(NotCarriedOutError, match="changed while it was placed"):
        build(request, world.place, proofs)
    assert not list_releases(world.place)
    assert not litter(world.place)


def test_the_living_keep_their_staging_and_the_dead_lose_it(world: World) -> None:
    dead = world.place.staging / "dead"
    (dead / "tree").mkdir(parents=True)
    (dead / "lock").touch()
    (dead / "tree").chmod(0o555)
    with stage(world.place) as living:
        assert clean_staging(world.place) == 1
        assert living.is_dir()
    assert not litter(world.place)


@pytest.fixture
def shared_memory() -> Iterator[Path]:
    directory = Path("/dev/shm") / f"lastgood-test-{os.getpid()}"  # noqa: S108  # another file system than tmp_path's
    if not directory.parent.is_dir():
        pytest.skip("no /dev/shm")
    directory.mkdir()
    yield directory
    durable.remove_tree(directory)


def test_from_another_file_system_files_are_copied(world: World, shared_memory: Path) -> None:
    output = world.directory("data/raw", FILES)
    shutil.move(world.cache, shared_memory / "cache")
    world.cache = shared_memory / "cache"
    if shared_memory.stat().st_dev == world.root.stat().st_dev:
        pytest.skip("shared memory is no other file system")
    with world.proofs() as proofs:
        release = build(world.request("v1.0.0", output), world.place, proofs)
        assert check_release(release, proofs) == ()
    placed = release.path / "data/raw/a.csv"
    assert (placed.stat().st_nlink, placed.stat().st_mode & 0o777) == (1, 0o444)
    assert '"linked":{"copy":3,"hard link":0,"reflink":0}' in description_path(release.path).read_text()


def test_a_writable_object_is_copied_and_keeps_its_mode(world: World) -> None:
    model = world.file("models/model.txt", b"model")
    world.object_path(model.md5).chmod(0o664)
    with world.proofs() as proofs:
        release = build(world.request("v1.0.0", model), world.place, proofs)
    assert world.object_path(model.md5).stat().st_mode & 0o777 == 0o664
    assert not (release.path / "models/model.txt").samefile(world.object_path(model.md5))


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of one MiB."""
    directory = tmp_path / "tiny"
    directory.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(directory)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting needs root")
    yield directory
    subprocess.run(["umount", str(directory)], check=True)


@pytest.mark.parametrize("known", [True, False])
def test_a_full_disk_leaves_nothing_behind_and_the_old_release_whole(
    world: World, tiny_disk: Path, *, known: bool
) -> None:
    world.place = replace(world.place, root=tiny_disk / ".lastgood").create()
    model = world.file("models/model.txt", os.urandom(2_000_000 if known else 700_000))
    code = {} if known else {"big.txt": "x" * 600_000}
    small = world.file("models/model.txt", b"small")
    with world.proofs() as proofs:
        old = build(world.request("v1.0.0", small), world.place, proofs)
        with pytest.raises(NotCarriedOutError, match=r"2000000 bytes are needed" if known else "No space left"):
            build(world.request("v1.1.0", model, code=code), world.place, proofs)
        assert list_releases(world.place) == (old,)
        assert check_release(old, proofs) == ()
    assert not litter(world.place)
